"""Image files decoded to grey pictures: every format that Pillow reads by itself, each checked for its size first.

The pictures of `read`, `replay`, files and watched folders, and of network cameras that send single pictures, all come
through here.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, features

from edge_daemon.domain import Grey
from edge_daemon.errors import PictureError, StepError
from edge_daemon.sources.video import Colour, check_size
from edge_daemon.system.crash_guard import GUARD

IMAGES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".jp2", ".j2k"}
IMAGES |= {".pgm", ".ppm", ".pbm", ".pnm"}
"""Endings of image files, in lower case."""
NOT_READ = {".heic", ".heif", ".hif", ".jxl", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"}
"""Endings of pictures that cannot be read. They are listed with the others, so that each is reported."""
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")
"""Image formats that Pillow may decode; others are refused: some of them start other programs."""
_CODECS = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}
"""Format -> the codec that Pillow may have been built without."""
_BRANDS = {
    b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"heis": "HEIC",
    b"hevc": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"crx ": "Canon raw (CR3)",
}  # fmt: skip
"""Brand, at byte 8 of a file that has "ftyp" at byte 4 -> its format."""
_SIGNATURES = {
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"RIFF": "WebP", b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL", b"8BPS": "Photoshop", b"%PDF": "PDF", b"%!PS": "PostScript", b"<svg": "SVG",
    b"\x00\x00\x01\x00": "icon (ICO)", b"FUJIFILM": "Fujifilm raw", b"IIRO": "Olympus raw", b"IIU\x00": "Panasonic raw",
    b"<!DOCTYPE": "HTML", b"<html": "HTML",
}  # fmt: skip
"""First bytes of a file -> its format, for formats that are refused."""
_TRANSPARENT = 0.5
"""Share of opaque pixels below which a picture is writing on nothing: it gets paper that differs from the ink."""

_SAMPLED = 1024
"""Pixels on the longer side of a picture that are looked at to choose its paper."""


def load_grey(name: str) -> Grey:
    """The grey picture (h, w) in an image file. Raises PictureError."""
    try:
        return GUARD.call(f"reading the picture {name}", _stamp(name), _decode_grey, name, name)
    except StepError as error:
        raise PictureError(f"{error}") from None


def decode_grey(data: bytes, name: str) -> Grey:
    """The same for the content of a file; errors call it `name`. Raises PictureError."""
    try:
        return GUARD.call(f"reading a picture of {name}", data[:4096], _decode_grey, name, io.BytesIO(data))
    except StepError as error:
        raise PictureError(f"{error}") from None


def load_colour(name: str) -> Colour:
    """The picture in colour (h, w, 3). Raises PictureError."""
    with _open_image(name, name) as image:
        return np.array(_flatten(image).convert("RGB"))[..., ::-1].copy()


def is_folder(path: str) -> bool:
    """Whether `path` is a folder. Raises PictureError for what is neither a folder nor a file with content."""
    try:
        info = Path(path).stat()
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file or folder") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path!r}: {reason(error)}") from None
    if S_ISDIR(info.st_mode):
        return True
    if not S_ISREG(info.st_mode):
        raise PictureError(f"{path}: neither a file nor a folder")
    if info.st_size == 0:
        raise PictureError(f"{path}: the file is empty")
    return False


def reason(error: Exception) -> str:
    """What is wrong, in a few words."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _decode_grey(name: str, file: str | io.BytesIO) -> Grey:
    with _open_image(name, file) as image:
        image.draft("L", image.size)  # of a JPEG only the luma is decoded
        return np.array(_flatten(image).convert("L"))


def _stamp(name: str) -> tuple[int, ...]:
    """Inode, size and time of the last change: the file has other content when one of them differs."""
    with suppress(OSError, ValueError):
        info = Path(name).stat()
        return info.st_ino, info.st_size, info.st_mtime_ns
    return ()


@contextmanager
def _open_image(name: str, file: str | io.BytesIO) -> Iterator[Image.Image]:
    """An image of a known format and an acceptable size, not yet decoded. Damage raises PictureError."""
    if isinstance(file, str):
        is_folder(file)
    Image.MAX_IMAGE_PIXELS = None  # our limits are lower, and named in the error
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # the error says the same
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=_formats()) as image:
            check_size(name, *image.size)
            with _silence_libtiff() if image.format == "TIFF" else nullcontext():
                yield image
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"{name}: {_refusal(file)}") from None
    except Exception as error:  # Pillow raises nearly anything for damaged files
        raise PictureError(f"{name}: damaged: {reason(error)}") from None


@cache
def _formats() -> list[str]:
    """Those of FORMATS that this Pillow can decode."""
    with suppress(ImportError):
        from PIL import AvifImagePlugin  # noqa: F401  # from Pillow 11.3 on; importing it makes the format known
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN and (name not in _CODECS or features.check(_CODECS[name]))]


def _refusal(file: str | io.BytesIO) -> str:
    """Why a file is refused: its format, as far as its first bytes say it."""
    head = b""
    with suppress(OSError), Path(file).open("rb") if isinstance(file, str) else nullcontext(file) as content:
        content.seek(0)
        head = content.read(16)
    found = _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None
    found = found or next((kind for start, kind in _SIGNATURES.items() if head.startswith(start)), None)
    if found == "HTML":
        return "not an image, but a web page"
    if found:
        return f"not an image that can be read here, but {found}; save it as JPEG or PNG"
    known = ", ".join(_formats()).lower()
    return f"not an image ({known}), or its first bytes are damaged"


@contextmanager
def _silence_libtiff() -> Iterator[None]:
    """libtiff writes to the terminal itself. What other threads write meanwhile is lost, so only for TIFF."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


# Pixels


def _flatten(image: Image.Image) -> Image.Image:
    """The image upright according to its EXIF, 8 bits a pixel, and opaque. Raises what Pillow raises for damage."""
    image.load()
    turned = image
    with suppress(Exception):  # a damaged EXIF does not make the picture unreadable
        turned = ImageOps.exif_transpose(image) or image
    if turned.mode[0] in "IF":
        return Image.fromarray(_to_8_bits(np.asarray(turned)))
    if turned.mode == "LAB":
        return turned.getchannel(0)  # the lightness
    if turned.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in turned.info:
        return _on_paper(turned.convert("RGBA"))
    return turned


def _to_8_bits(values: NDArray[Any]) -> Grey:
    """Brightness values of any range as 0..255: fractions of 1 are scaled, of large integers the upper bits count.

    What counts is the largest value, not the type: 8 bits stand in 16, and 12 or 16 bits in 32.
    """
    if values.dtype.kind == "f":
        known = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).clip(0, 2**31)
        values = (known * np.float32(255 if known.max() <= 1 else 1)).astype(np.int64)
    unused = max(0, int(values.max()).bit_length() - 8)
    return np.asarray((values >> unused).clip(0, 255), np.uint8)


def _on_paper(image: Image.Image) -> Image.Image:
    """An RGBA image on white, or, where it is bright writing on nothing, on black."""
    step = max(1, max(image.size) // _SAMPLED)
    opacity = np.asarray(image.getchannel("A"))[::step, ::step] / 255
    grey = np.asarray(image.convert("RGB").convert("L"))[::step, ::step]
    is_writing = 0 < opacity.mean() < _TRANSPARENT
    is_bright = is_writing and float((grey * opacity).sum() / opacity.sum()) > 127
    return Image.alpha_composite(Image.new("RGBA", image.size, "black" if is_bright else "white"), image)

"""Pictures in files: images, folders of them, and the frames of videos, decoded and checked."""

from __future__ import annotations

import logging
import os
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge_daemon.domain import Grey
from edge_daemon.errors import PictureError, StepError
from edge_daemon.sources.video import Colour, Video, check_size, to_grey
from edge_daemon.system.crash_guard import GUARD

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
"""Endings of image files, in lower case."""
VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".mjpeg", ".mjpg"}
"""Endings of video files, in lower case."""
FORMATS = ["JPEG", "PNG", "BMP", "WEBP", "TIFF"]
"""Image formats that Pillow may decode; others are refused."""
PILLOW_ERRORS = (OSError, SyntaxError, ValueError, struct.error)
"""What Pillow raises for damaged files, as found with some 100,000 of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One image, or one frame of a video."""

    name: str
    """The path as it was given; for a picture found in a folder, the folder as given and the file's name."""
    index: int | None
    """Number of the frame in a video, from 0; None for an image."""
    pixels: Grey
    colour: Callable[[], Colour]
    """The same in colour, a fresh (h, w, 3) uint8 array, decoded when asked for. Raises PictureError."""


def pictures(paths: Sequence[str]) -> Iterator[Picture | PictureError]:
    """All pictures under `paths`, in order. One that cannot be read is a PictureError, and the rest follows."""
    for name in expand(paths):
        if isinstance(name, PictureError):
            yield name
            continue
        try:
            yield from _read(name)
        except PictureError as error:
            yield error


def expand(paths: Sequence[str]) -> list[str | PictureError]:
    """The files of `paths`: each as given, a folder as the pictures and videos in it, in natural order."""
    found: list[str | PictureError] = []
    for path in paths:
        try:
            found += _list(path) if _is_folder(path) else [path]
        except PictureError as error:
            found.append(error)
    return found


def _read(name: str) -> Iterator[Picture]:
    if not is_video(name):
        yield Picture(name, None, load_grey(name), lambda: load_colour(name))
        return
    with closing(Video(name)) as video:
        index = 0
        while (frame := video.frame(index)) is not None:
            yield Picture(name, index, to_grey(frame), frame.copy)
            index += 1


def _is_folder(path: str) -> bool:
    """Whether `path` is a folder. Raises PictureError for what is neither a folder nor a file with content."""
    try:
        info = Path(path).stat()
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file or folder") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path!r}: {_reason(error)}") from None
    if S_ISDIR(info.st_mode):
        return True
    if not S_ISREG(info.st_mode):
        raise PictureError(f"{path}: neither a file nor a folder")
    if info.st_size == 0:
        raise PictureError(f"{path}: the file is empty")
    return False


def _list(folder: str) -> list[str | PictureError]:
    try:
        names = [entry.name for entry in Path(folder).iterdir()]
    except OSError as error:
        raise PictureError(f"{folder}: {_reason(error)}") from None
    known = [name for name in names if Path(name).suffix.lower() in IMAGES | VIDEOS and name[0] != "."]
    if not known:
        raise PictureError(f"{folder}: no pictures in this folder ({', '.join(sorted(IMAGES | VIDEOS))})")
    return [f"{folder.rstrip('/')}/{name}" for name in sorted(known, key=_natural_key)]


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts img2 before img10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def is_video(name: str) -> bool:
    """Whether the file's name ends as that of a video."""
    return Path(name).suffix.lower() in VIDEOS


def load_grey(name: str) -> Grey:
    """The grey picture (h, w) in an image file. Raises PictureError."""
    try:
        return GUARD.call(f"reading the picture {name}", _stamp(name), _decode_grey, name)
    except StepError as error:
        raise PictureError(f"{error}") from None


def _stamp(name: str) -> tuple[int, ...]:
    """Inode, size and time of the last change: the file has other content when one of them differs."""
    with suppress(OSError, ValueError):
        info = Path(name).stat()
        return info.st_ino, info.st_size, info.st_mtime_ns
    return ()


def _decode_grey(name: str) -> Grey:
    with _open_image(name) as image:
        image.draft("L", image.size)  # of a JPEG only the luma is decoded
        return np.array(_flatten(image).convert("L"))


def load_colour(name: str) -> Colour:
    """The same in colour (h, w, 3)."""
    with _open_image(name) as image:
        return np.array(_flatten(image).convert("RGB"))[..., ::-1].copy()


def _flatten(image: Image.Image) -> Image.Image:
    """The image upright according to its EXIF, and on white where it is transparent."""
    turned = ImageOps.exif_transpose(image) or image
    if turned.mode.startswith("I"):  # 16 bits a pixel
        return Image.fromarray((np.asarray(turned) >> 8).clip(0, 255).astype(np.uint8))
    if turned.mode not in ("LA", "PA", "RGBA") and "transparency" not in turned.info:
        return turned
    turned = turned.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", turned.size, "white"), turned)


@contextmanager
def _open_image(name: str) -> Iterator[Image.Image]:
    """An image of a known format and an acceptable size, not yet decoded. Damage raises PictureError."""
    _is_folder(name)
    Image.MAX_IMAGE_PIXELS = None  # our limits are lower, and named in the error
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # the error says the same
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(name, formats=FORMATS) as image:
            check_size(name, *image.size)
            with _silence_libtiff() if image.format == "TIFF" else nullcontext():
                yield image
    except PictureError:
        raise
    except UnidentifiedImageError:
        known = ", ".join(FORMATS).lower()
        raise PictureError(f"{name}: not an image ({known}), or its first bytes are damaged") from None
    except PILLOW_ERRORS as error:
        raise PictureError(f"{name}: damaged: {_reason(error)}") from None


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


def _reason(error: Exception) -> str:
    """What is wrong, in a few words."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__

"""Image files of every kind that Pillow writes come back as what is written in them; the others are named."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from edge_daemon.domain import Grey
from edge_daemon.errors import PictureError
from edge_daemon.sources import image_file
from edge_daemon.sources.image_file import IMAGES, decode_grey, load_colour, load_grey
from edge_daemon.sources.pictures import expand
from tests.support.pictures.paper import page

PAGE = page([("5040", 60, 80)], pen=4, height=60)
INK = np.asarray(255 - PAGE, np.uint8)
"""The same as light ink on black."""


def grey(picture: Image.Image, path: Path, **options: Any) -> Grey:
    picture.save(path, **options)
    return load_grey(str(path))


def is_page(pixels: Grey, wanted: Grey = PAGE) -> bool:
    """Whether the pixels show this page, at any brightness and contrast."""
    return pixels.shape == wanted.shape and np.corrcoef(pixels.ravel(), wanted.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("suffix", sorted(IMAGES - {".pbm", ".avif", ".jp2", ".j2k"}))
def test_each_ending_that_is_read(tmp_path: Path, suffix: str) -> None:
    """The same page, whatever the format."""
    assert is_page(grey(Image.fromarray(PAGE), tmp_path / f"page{suffix}"))


@pytest.mark.parametrize(("suffix", "codec"), [(".avif", "avif"), (".jp2", "jpg_2000"), (".j2k", "jpg_2000")])
def test_formats_that_need_a_codec(tmp_path: Path, suffix: str, codec: str) -> None:
    """Read where Pillow has the codec."""
    if not features.check(codec):
        pytest.skip(f"this Pillow has no {codec}")
    assert is_page(grey(Image.fromarray(PAGE).convert("RGB"), tmp_path / f"page{suffix}"))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".gif"])
@pytest.mark.parametrize("ink", [0, 255])
def test_writing_on_nothing(tmp_path: Path, mode: str, suffix: str, ink: int) -> None:
    """Black digits on transparent are read on white, white ones on black, in each format that can hold them."""
    layer = np.dstack([np.full((*INK.shape, 3), ink, np.uint8), np.where(INK > 127, 255, 0).astype(np.uint8)])
    picture = Image.fromarray(layer)
    if mode == "P" and suffix in (".png", ".webp"):  # Pillow writes no transparent palette to the others
        picture = picture.quantize(4)
    elif mode == "LA" and suffix in (".png", ".tif"):
        picture = picture.convert("LA")
    pixels = grey(picture, tmp_path / f"layer{suffix}")
    assert is_page(pixels, INK if ink else PAGE)
    assert load_colour(str(tmp_path / f"layer{suffix}")).shape == (*PAGE.shape, 3)


def test_a_photo_with_transparent_corners_keeps_white_ones(tmp_path: Path) -> None:
    """Only writing on nothing gets black paper."""
    opaque = np.full(PAGE.shape, 255, np.uint8)
    opaque[:20, :20] = 0
    pixels = grey(Image.fromarray(np.dstack([PAGE, PAGE, PAGE, opaque])), tmp_path / "photo.png")
    assert pixels[0, 0] == 255


@pytest.mark.parametrize(
    "values",
    [
        PAGE.astype(np.uint16),
        PAGE.astype(np.uint16) << 8,
        PAGE.astype(np.uint16) << 4,
        PAGE.astype(np.int32),
        PAGE.astype(np.int32) << 8,
        PAGE.astype(np.int32) << 20,
        PAGE.astype(np.float32) / 255,
        PAGE.astype(np.float32),
        PAGE.astype(np.float32) * 257,
        np.where(PAGE.min() == PAGE, np.nan, PAGE / 255).astype(np.float32),
        np.where(PAGE.min() == PAGE, -np.inf, PAGE / 255).astype(np.float32),
    ],
    ids=["8in16", "16", "12in16", "8in32", "16in32", "28in32", "0..1", "0..255", "0..65535", "nan", "inf"],
)
def test_any_range_of_brightness(tmp_path: Path, values: NDArray[Any]) -> None:
    """8, 12 or 16 bits in 16 or 32, and fractions: what counts is the largest value."""
    pixels = grey(Image.fromarray(values), tmp_path / "deep.tif")
    assert is_page(pixels)
    assert pixels.max() > 127
    if values.dtype == np.uint16:
        assert is_page(grey(Image.fromarray(values), tmp_path / "deep.png"))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB"])
def test_colour_spaces(tmp_path: Path, mode: str) -> None:
    """Each colour space that a TIFF can have."""
    picture = Image.fromarray(PAGE)
    if mode == "LAB":
        middle = Image.new("L", picture.size, 128)
        picture = Image.merge("LAB", (picture, middle, middle))
    else:
        picture = picture.convert("RGB").convert(mode, dither=Image.Dither.NONE)
    assert np.corrcoef(grey(picture, tmp_path / "page.tif").ravel(), PAGE.ravel())[0, 1] > 0.7
    assert load_colour(str(tmp_path / "page.tif")).shape == (*PAGE.shape, 3)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC; save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "Canon raw"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"nothing known", "not an image (jpeg"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, head: bytes, says: str) -> None:
    """The error says what the file is, whatever its name; it is not called damaged."""
    (tmp_path / "photo.jpg").write_bytes(head + bytes(1000))
    with pytest.raises(PictureError, match="not an image") as caught:
        load_grey(str(tmp_path / "photo.jpg"))
    assert says in str(caught.value)


def test_a_folder_leaves_no_picture_out(tmp_path: Path) -> None:
    """Also those that cannot be read are listed, so that each is reported."""
    names = ["a.JFIF", "b.jpe", "c.gif", "d.heic", "e.jp2", "f.avif", "g.cr2"]
    for name in [*names, "notes.txt", ".hidden.png"]:
        (tmp_path / name).write_bytes(b"x")
    assert expand([str(tmp_path)]) == [f"{tmp_path}/{name}" for name in names]


def test_a_damaged_exif_does_not_hide_the_picture(tmp_path: Path) -> None:
    """The picture is read as it lies."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    assert is_page(grey(Image.fromarray(PAGE), tmp_path / "photo.jpg", exif=exif))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000"])
def test_damaged_files_raise_nothing_else(tmp_path: Path, format: str) -> None:
    """Truncated anywhere, or with bytes changed anywhere: a picture or a PictureError."""
    if format not in image_file._formats():
        pytest.skip(f"this Pillow has no {format}")
    file = io.BytesIO()
    Image.fromarray(cv2.resize(PAGE, (80, 60))).convert("RGB").save(file, format)
    whole, random = file.getvalue(), np.random.default_rng(7)
    for _ in range(60):
        data = bytearray(whole[: random.integers(len(whole))] if random.random() < 0.3 else whole)
        for place in random.integers(0, max(1, len(data)), 4):
            if data:
                data[place] = random.integers(256)
        with suppress(PictureError):
            assert decode_grey(bytes(data), "test").ndim == 2

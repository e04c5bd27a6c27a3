"""Grey pictures: shrunk, turned, cut out, encoded and decoded."""

from __future__ import annotations

from base64 import b64encode
from typing import Literal

import cv2
import numpy as np

from edge_daemon.domain import Box, Grey

Rotation = Literal[0, 90, 180, 270]
"""Degrees clockwise."""
MIN_HEIGHT = 8
"""Pixels. A lower digit cannot be read; shrinking leaves no side shorter than this."""
JPEG_QUALITY = 75
"""Quality of JPEGs that a person looks at, 0..100."""


def shrink(picture: Grey, side: int) -> Grey:
    """The picture with at most `side` px on its longer side, and at least MIN_HEIGHT on its shorter one.

    It is halved, which averages, as often as possible, then resampled: averaging at another scale takes ten times as
    long.
    """
    scale = side / max(picture.shape)
    if scale >= 1:
        return picture
    width, height = (max(min(MIN_HEIGHT, length), round(length * scale)) for length in picture.shape[::-1])
    while width <= picture.shape[1] // 2 and height <= picture.shape[0] // 2:
        half = picture.shape[1] // 2, picture.shape[0] // 2
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def resize_by(picture: Grey, scale: float, interpolation: int = cv2.INTER_AREA) -> Grey:
    """The picture `scale` times as wide and high, at least one pixel each."""
    width, height = (max(1, round(length * scale)) for length in picture.shape[::-1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation), np.uint8)


def half_size(picture: Grey) -> Grey:
    """The picture at half its size; each pixel is the mean of four."""
    height, width = picture.shape
    size = max(1, width // 2), max(1, height // 2)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def rotate_clockwise(picture: Grey, rotation: Rotation) -> Grey:
    """The picture (h, w) turned clockwise: an array of its own, or the same one for a rotation of 0."""
    return picture if rotation == 0 else np.ascontiguousarray(np.rot90(picture, -rotation // 90))


def mirror(picture: Grey) -> Grey:
    """The picture (h, w) with left and right swapped: an array of its own."""
    return np.ascontiguousarray(picture[:, ::-1])


def rotate_left(picture: Grey, turn: int) -> Grey:
    """The picture after `turn` quarter turns to the left, 0..3."""
    return np.ascontiguousarray(np.rot90(picture, turn)) if turn else picture


def crop_number(picture: Grey, box: Box) -> tuple[Grey, Box]:
    """The number in `box` with paper around it, as a copy, and the box of that cut-out in the picture.

    Left and right there is room for one more digit: a person should see a digit that was overlooked.
    """
    x, y, w, h = box
    beside, above = max(4, h), max(4, h // 3)
    left, top = max(0, x - beside), max(0, y - above)
    part = picture[top : y + h + above, left : x + w + beside].copy()
    return part, (left, top, part.shape[1], part.shape[0])


def crop_around(picture: Grey, box: Box) -> Grey:
    """The box with half its height around it, as a view; at least two pixels on a side."""
    x, y, w, h = box
    left, top = min(max(0, x - h // 2), picture.shape[1] - 2), min(max(0, y - h // 2), picture.shape[0] - 2)
    return picture[top : max(top + 2, y + h + h // 2), left : max(left + 2, x + w + h // 2)]


def encode_png(picture: Grey) -> bytes:
    """The picture as a PNG file."""
    return cv2.imencode(".png", picture)[1].tobytes()


def encode_jpeg(picture: Grey, quality: int = JPEG_QUALITY) -> bytes:
    """The picture as a JPEG file of this quality, 0..100."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def decode_grey(file: bytes) -> Grey | None:
    """The picture in a trusted PNG or JPEG file; None where there is none.

    Use it only for files that this program wrote: for others, sources.pictures checks the size first.
    """
    picture = cv2.imdecode(np.frombuffer(file or b"\0", np.uint8), cv2.IMREAD_GRAYSCALE)
    return None if picture is None else np.asarray(picture, np.uint8)


def data_url(file: bytes, kind: Literal["png", "jpeg"]) -> str:
    """A picture file as a URL that a web page can show without another request."""
    return f"data:image/{kind};base64,{b64encode(file).decode()}"

"""Video files, decoded with OpenCV's FFmpeg."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.errors import PictureError
from edge_daemon.sources.opencv import open_capture

Colour = NDArray[np.uint8]
"""A colour picture in OpenCV's order, shape (height, width, 3): blue, green, red."""

MAX_SIDE = 16384
"""Pixels on a side of a picture, at most."""
MAX_PIXELS = 64_000_000
"""Pixels of a picture, at most: more would need too much memory on a Raspberry Pi."""
DEFAULT_FPS = 25.0
"""Frames per second of a video that states none, or an impossible rate."""


class Video:
    """A video file, decoded forwards. Raises PictureError when it cannot be opened or ends too early."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._capture = open_capture(name, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise PictureError(f"{name}: not a video that can be read (damaged, or an unknown format)")
        size = [int(self._capture.get(prop)) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        check_size(name, *size)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if math.isfinite(fps) and 0.1 < fps <= 1000 else DEFAULT_FPS
        self._next = 0

    def frame(self, index: int) -> Colour | None:
        """The frame `index`, (h, w, 3), not before the last one requested; None after the end."""
        while self._next <= index:
            if not self._capture.grab():
                self._check_end()
                return None
            self._next += 1
        ok, frame = self._capture.retrieve()
        if not ok:
            raise PictureError(f"{self._name}: frame {index} is damaged")
        return np.asarray(frame, np.uint8)

    def close(self) -> None:
        """Release the file."""
        self._capture.release()

    def _check_end(self) -> None:
        """Raises PictureError for a video that ends too early; the container's frame count may be an estimate."""
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if self._next == 0:
            raise PictureError(f"{self._name}: no frame of it can be decoded")
        if self._next < 0.9 * count - 2:
            raise PictureError(f"{self._name}: ends after {self._next} of {count:.0f} frames; truncated?")


def to_grey(frame: Colour) -> Grey:
    """The grey picture (h, w) of a colour picture (h, w, 3)."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)


def check_size(name: str, width: int, height: int) -> None:
    """Raises PictureError for a picture that would need too much memory, before it is decoded."""
    if max(width, height) > MAX_SIDE:
        raise PictureError(f"{name}: {width} x {height} pixels; at most {MAX_SIDE} on a side")
    if width * height > MAX_PIXELS:
        raise PictureError(f"{name}: {width} x {height} pixels; at most {MAX_PIXELS // 10**6} megapixels")

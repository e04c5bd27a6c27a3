"""What OpenCV takes frames from: files, streams, devices. It and FFmpeg would write to the terminal by themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2

_SILENT = 0


def opened(what: str, api: int, settings: Sequence[int] = ()) -> cv2.VideoCapture:
    """`what` opened by the `api` (cv2.CAP_...), or not: ask its isOpened(). `settings`: properties and their values."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    silence()
    return cv2.VideoCapture(what, api, list(settings))


def silence() -> None:
    """OpenCV says nothing from now on. Where one asks for that has moved with OpenCV 5."""
    owner: Any = cv2 if hasattr(cv2, "setLogLevel") else vars(cv2.utils)["logging"]
    owner.setLogLevel(_SILENT)

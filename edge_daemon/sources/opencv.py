"""OpenCV's captures for files, streams and devices; OpenCV and FFmpeg print nothing to the terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2

_LOG_LEVEL_SILENT = 0


def open_capture(name: str, api: int, settings: Sequence[int] = ()) -> cv2.VideoCapture:
    """A capture of a file, url or device with `api` (cv2.CAP_...); its isOpened() says whether it could be opened.

    `settings`: properties and their values, alternating.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    silence_opencv()
    return cv2.VideoCapture(name, api, list(settings))


def silence_opencv() -> None:
    """Turn OpenCV's own log off; OpenCV 5 has moved the function."""
    owner: Any = cv2 if hasattr(cv2, "setLogLevel") else vars(cv2.utils)["logging"]
    owner.setLogLevel(_LOG_LEVEL_SILENT)

"""Imported before the daemon: adapts libcamera's virtual camera, which differs from a Pi's, to picamera2.

While the file STALL exists, no frame is handed over: a camera that has stopped.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import libcamera
from picamera2 import Picamera2
from picamera2.allocators import dmaallocator

STALL = Path("/tmp/stall")
FRAME_TIME = 1 / 60

hand_over = Picamera2.process_requests


def raw_modes(self: Any) -> list[dict[str, Any]]:
    """It has no raw stream; picamera2 is told of what can be viewed."""
    formats = self.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0).formats
    found = [(kind, size) for kind in formats.pixel_formats for size in formats.sizes(kind)]
    return [{"format": str(kind), "size": (size.width, size.height)} for kind, size in found]


class Libcamera:
    """For picamera2's allocator, which makes buffers of one plane: NV12 here wants two, Y and then UV."""

    class FrameBuffer:
        Plane = libcamera.FrameBuffer.Plane

        def __new__(cls, planes: list[Any]) -> Any:
            (grey,) = planes
            colour, grey_bytes = libcamera.FrameBuffer.Plane(), grey.length * 2 // 3
            colour.fd, colour.offset, colour.length = grey.fd, grey_bytes, grey.length - grey_bytes
            grey.length = grey_bytes  # changed in place: picamera2 finds its memory by this very plane
            return libcamera.FrameBuffer([grey, colour])


def paced(self: Any, display: Any) -> Any:
    """It fills buffers as fast as they come back; a sensor has a frame time, and may stall."""
    time.sleep(FRAME_TIME)
    while STALL.exists():
        time.sleep(0.1)
    return hand_over(self, display)


Picamera2._get_raw_modes = raw_modes
Picamera2.process_requests = paced
dmaallocator.libcamera = Libcamera

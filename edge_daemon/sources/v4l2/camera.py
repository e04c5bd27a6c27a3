"""USB cameras, and all others that Linux has as /dev/video*."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError
from edge_daemon.images import Rotation, rotate_clockwise
from edge_daemon.sources.frame_rate import FrameRate
from edge_daemon.sources.grabber import Capture, grab_frames
from edge_daemon.sources.opencv import open_capture
from edge_daemon.sources.v4l2 import controls as v4l2_controls
from edge_daemon.sources.v4l2 import device as v4l2_device

log = logging.getLogger(__name__)

Side = Annotated[int, Meta(ge=64, le=8192)]
TIMEOUT = 5.0
"""Seconds without a frame after which the camera counts as gone; it is opened again."""
STALL = 2 * TIMEOUT
"""Seconds without a frame after which the library itself hangs; three frame times, if that is longer."""
SETTLED = 4.0
"""Seconds after which a camera has found its exposure, white balance and focus."""
AUTOMATIC: Sequence[tuple[str, int, int, Sequence[str]]] = (
    ("auto_exposure", 3, 1, ("exposure_time_absolute", "gain")),
    ("gain_automatic", 1, 0, ("gain",)),
    ("white_balance_automatic", 1, 0, ("white_balance_temperature",)),
    ("focus_automatic_continuous", 1, 0, ("focus_absolute",)),
)
"""Automatic controls: name, value for automatic (where that is not the default), value for manual, and the
controls that it sets while automatic."""
_SELECT = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
"""Environment variable: seconds for which OpenCV waits for a frame; 10 without it."""


@dataclass(frozen=True, slots=True)
class V4l2Options:
    """[camera] with source = "v4l2"."""

    device: Annotated[str, Meta(min_length=1)] = "/dev/video0"
    """A name below /dev/v4l/by-id stays the same in every socket and order."""
    size: tuple[Side, Side] = (1280, 720)
    """Width and height of the frames in pixels; the camera uses the nearest it has."""
    active_fps: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """Frames per second that are read while something changes."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    """Frames per second while nothing changes."""
    rotation: Rotation = 0
    """Degrees by which frames are turned clockwise to be upright."""
    mirror: bool = False
    """Swap left and right, after the rotation."""
    controls: str = ""
    """Controls as for `v4l2-ctl -c`: name=value,name=value; set in this order whenever the camera is opened."""


class V4l2Camera:
    """A Source. A camera that is unplugged, or gives nothing for TIMEOUT, raises CameraError: it is opened again."""

    def __init__(self, options: V4l2Options) -> None:
        """The camera itself is opened by `frames`."""
        self._options = options
        self._rate = FrameRate(options.active_fps, options.idle_fps)

    def set_active(self, active: bool) -> None:
        """See domain.Source. The sensor keeps its rate: its exposure, and so the picture, stays the same."""
        self._rate.is_active = active

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source."""
        stall = max(STALL, 3 / min(self._options.active_fps, self._options.idle_fps))
        return grab_frames(self._open, self._grey, self._rate, stall, tick)

    def _open(self) -> Capture:
        device, size = self._options.device, self._options.size
        if not Path(device).exists():
            known = ", ".join(v4l2_device.list_cameras()) or "none"
            raise CameraError(f"{device} does not exist: is the camera plugged in? Found: {known}")
        chosen = v4l2_device.best_format(device)
        os.environ.setdefault(_SELECT, str(round(TIMEOUT)))
        capture = open_capture(os.path.realpath(device), cv2.CAP_V4L2)
        if not capture.isOpened():
            holders = ", ".join(v4l2_device.holders(device)) or "an unknown program"
            raise CameraError(f"{device} is in use by {holders}; only one program can use it")
        try:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*chosen))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            given = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            if given != size:
                log.warning("%s has no frames of %d x %d px; it gives %d x %d px", device, *size, *given)
            v4l2_controls.set_all(device, self._options.controls)
        except CameraError:
            capture.release()
            raise
        return capture  # type: ignore[return-value]

    def _grey(self, frame: NDArray[np.uint8]) -> Grey:
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        return rotate_clockwise(np.asarray(grey, np.uint8), self._options.rotation)


def present() -> list[tuple[str, dict[str, Any]]]:
    """The name of each USB camera, and its key in [camera]."""
    return [(f"USB camera {Path(device).name}", {"device": device}) for device in v4l2_device.usb_cameras()]


def calibrate(options: V4l2Options, now: Callable[[], float] = time.monotonic) -> V4l2Options:
    """The options with the present automatic settings of the camera locked; other controls stay as they are.

    Raises CameraError, also for a camera without automatic settings.
    """
    device, default = options.device, v4l2_controls.defaults(options.device)
    ways = [way for way in AUTOMATIC if way[0] in default]
    if not ways:
        names = ", ".join(name for name, *_ in AUTOMATIC)
        raise CameraError(f"{device} has no automatic settings that could be locked: it has no control {names}")
    values = list(dict.fromkeys(value for *_, decided in ways for value in decided))
    set_by_us = {*values, *(name for name, *_ in ways)}
    others = [pair for pair in v4l2_controls.parse(options.controls) if pair[0] not in set_by_us]
    free = [(name, default[name] if default[name] != manual else auto) for name, auto, manual, _ in ways]
    with closing(V4l2Camera(replace(options, controls=_text(others + free))).frames(1.0)) as frames:  # type: ignore[type-var]
        until = now() + SETTLED
        for _ in frames:
            if now() > until:
                break
        found = v4l2_controls.read_all(device)
    locked = [(name, manual) for name, _, manual, _ in ways]
    locked += [(value, found[value]) for value in values if value in found]
    return replace(options, controls=_text(others + locked))


def _text(controls: Sequence[tuple[str, int]]) -> str:
    return ",".join(f"{name}={value}" for name, value in controls)

"""A USB camera, or any other that Linux knows as /dev/video*."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError
from edge_daemon.images import Rotation, rotate_clockwise
from edge_daemon.sources.frame_rate import Pace
from edge_daemon.sources.grabber import Capture, grabbed
from edge_daemon.sources.opencv import opened
from edge_daemon.sources.v4l2 import controls as v4l2_controls
from edge_daemon.sources.v4l2 import device as v4l2_device

log = logging.getLogger(__name__)

Side = Annotated[int, Meta(ge=64, le=8192)]
TIMEOUT = 5.0
"""Seconds without a frame after which the camera counts as gone; it is opened anew."""
STALL = 2 * TIMEOUT
"""Seconds (or three frame times, whichever is longer) without a frame after which the library itself hangs."""
SETTLED = 4.0
"""Seconds in which a camera has found its exposure, white balance and focus."""
AUTOMATIC: Sequence[tuple[str, int, int, Sequence[str]]] = (
    ("auto_exposure", 3, 1, ("exposure_time_absolute", "gain")),
    ("gain_automatic", 1, 0, ("gain",)),
    ("white_balance_automatic", 1, 0, ("white_balance_temperature",)),
    ("focus_automatic_continuous", 1, 0, ("focus_absolute",)),
)
"""What a camera does by itself: the control, its values for automatic (where it is not the default) and for manual, and
what it then decides."""
_SELECT = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
"""How long OpenCV waits inside for a frame; 10 s without it."""


@dataclass(frozen=True, slots=True)
class Options:
    """[camera] with source = "v4l2"."""

    device: Annotated[str, Meta(min_length=1)] = "/dev/video0"
    """A name below /dev/v4l/by-id stays the same whichever socket the camera is plugged into, and in what order."""
    size: tuple[Side, Side] = (1280, 720)
    """Width and height of the frames in pixels; the camera takes the nearest it has."""
    active_fps: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """Frames a second that are looked at while something happens."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    """Frames a second while nothing does."""
    rotation: Rotation = 0
    """How far frames must be turned clockwise to stand upright."""
    controls: str = ""
    """As `v4l2-ctl -c` takes them: name=value,name=value; they are set in this order whenever it is opened."""


class V4l2Camera:
    """A Source. A camera that is unplugged, or gives nothing for TIMEOUT, is a CameraError: it is opened anew."""

    def __init__(self, options: Options) -> None:
        """The camera itself is opened by `frames`."""
        self._options = options
        self._pace = Pace(options.active_fps, options.idle_fps)

    def hurry(self, wanted: bool) -> None:
        """See domain.Source. The sensor runs on as it did: its exposure, and so the picture, stays the same."""
        self._pace.hurry = wanted

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source."""
        stall = max(STALL, 3 / min(self._options.active_fps, self._options.idle_fps))
        return grabbed(self._open, self._grey, self._pace, stall, tick)

    def _open(self) -> Capture:
        device, size = self._options.device, self._options.size
        if not Path(device).exists():
            there = ", ".join(v4l2_device.listed()) or "none"
            raise CameraError(f"{device} is not there: is the camera plugged in? There is {there}")
        chosen = v4l2_device.best_format(device)
        os.environ.setdefault(_SELECT, str(round(TIMEOUT)))
        capture = opened(os.path.realpath(device), cv2.CAP_V4L2)
        if not capture.isOpened():
            holders = ", ".join(v4l2_device.holders(device)) or "another program seems to have it"
            raise CameraError(f"{device} is in use, and only one program can have it: {holders}")
        try:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*chosen))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            given = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            if given != size:
                log.warning("%s has no frames of %dx%d; it gives %dx%d", device, *size, *given)
            v4l2_controls.set_all(device, self._options.controls)
        except CameraError:
            capture.release()
            raise
        return capture  # type: ignore[return-value]

    def _grey(self, frame: NDArray[np.uint8]) -> Grey:
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        return rotate_clockwise(np.asarray(grey, np.uint8), self._options.rotation)


def calibrated(options: Options, now: Callable[[], float] = time.monotonic) -> Options:
    """Let the camera find out for itself, and the options with that locked; other controls stay as they are set.

    Raises CameraError, also where it does nothing by itself.
    """
    device, default = options.device, v4l2_controls.defaults(options.device)
    ways = [way for way in AUTOMATIC if way[0] in default]
    if not ways:
        names = ", ".join(name for name, *_ in AUTOMATIC)
        raise CameraError(f"{device} finds nothing by itself that could be locked: it has no control {names}")
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

"""A USB camera, or any other that Linux knows as /dev/video*."""

from __future__ import annotations

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
from edge_daemon.sources import v4l2_controls
from edge_daemon.sources.grabber import Capture, grabbed
from edge_daemon.sources.pace import Pace
from edge_daemon.sources.turn import Rotation, turned

Side = Annotated[int, Meta(ge=64, le=8192)]
STALL = 5.0
"""Seconds (or three frame times, whichever is longer) without a frame that are a stall."""
SETTLED = 4.0
"""Seconds in which a camera has found its exposure, white balance and focus."""
AUTOMATIC: Sequence[tuple[str, int, int, Sequence[str]]] = (
    ("auto_exposure", 3, 1, ("exposure_time_absolute", "gain")),
    ("white_balance_automatic", 1, 0, ("white_balance_temperature",)),
    ("focus_automatic_continuous", 1, 0, ("focus_absolute",)),
)
"""What a USB camera does by itself: the control, its values for automatic and manual, and what it then decides."""
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
    """A Source. A camera that is unplugged is a CameraError; one that hangs is opened anew once."""

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
        device, (width, height) = self._options.device, self._options.size
        if not Path(device).exists():
            raise CameraError(
                f"{device} is not there: is the camera plugged in? There is {', '.join(listed()) or 'none'}"
            )
        os.environ.setdefault(_SELECT, str(round(STALL)))
        cv2.setLogLevel(0)  # OpenCV writes to the terminal by itself
        capture = cv2.VideoCapture(os.path.realpath(device), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise CameraError(f"{device} cannot be opened: does another program hold it, or is it no camera?")
        # of larger pictures USB 2 carries only compressed ones fast enough
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        try:
            v4l2_controls.set_all(device, self._options.controls)
        except CameraError:
            capture.release()
            raise
        return capture  # type: ignore[return-value]

    def _grey(self, frame: NDArray[np.uint8]) -> Grey:
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        return turned(np.asarray(grey, np.uint8), self._options.rotation)


def calibrated(options: Options, now: Callable[[], float] = time.monotonic) -> Options:
    """Let the camera find out for itself, and the options with that locked. Raises CameraError."""
    there = v4l2_controls.read_all(options.device)
    free = ",".join(f"{name}={auto}" for name, auto, _, _ in AUTOMATIC if name in there)
    with closing(V4l2Camera(replace(options, controls=free)).frames(1.0)) as frames:  # type: ignore[type-var]
        until = now() + SETTLED
        for _ in frames:
            if now() > until:
                break
        found = v4l2_controls.read_all(options.device)
    locked = [f"{name}={manual}" for name, _, manual, _ in AUTOMATIC if name in found]
    locked += [f"{value}={found[value]}" for *_, values in AUTOMATIC for value in values if value in found]
    return replace(options, controls=",".join(locked))


def listed() -> list[str]:
    """The cameras there are, by the name that stays the same."""
    by_id = sorted(str(path) for path in Path("/dev/v4l/by-id").glob("*-index0"))
    return by_id or sorted(str(path) for path in Path("/dev").glob("video*"))

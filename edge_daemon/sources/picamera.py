"""The Raspberry Pi's camera, through picamera2. This is picamera2's one door.

Frames are pulled, not called back: picamera2's callbacks run under its lock on its thread. The low-resolution stream
is YUV420, whose Y plane is grey as it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, CameraHangsError
from edge_daemon.images import Rotation, rotate_clockwise
from edge_daemon.sources.frame_rate import Pace, wait_until

log = logging.getLogger(__name__)

Side = Annotated[int, Meta(ge=64, le=4608)]
Share = Annotated[float, Meta(gt=0, le=32)]
SETTLED = 4.0
"""Seconds in which a camera has found its exposure, white balance and focus."""
_MANUAL, _CONTINUOUS = 0, 2
"""libcamera's AfMode."""
STALL = 5.0
"""Seconds (or three frame times, whichever is longer) without a frame that are a stall."""
FROZEN = 30.0
"""Seconds of one and the same picture, bit for bit, that are a stall too: a living sensor has noise."""

NO_PICAMERA = (
    "picamera2 is not installed. On Raspberry Pi OS: sudo apt install python3-picamera2, and make the environment "
    "with python3 -m venv --system-site-packages"
)
NO_CAMERA = "camera {n} was not found. Is the ribbon cable seated, and does `rpicam-hello --list-cameras` show it?"
TAKEN = "camera {n} cannot be opened: {why}. Does another program hold it? Only one can"


@dataclass(frozen=True, slots=True)
class Options:
    """[camera] with source = "picamera"."""

    size: tuple[Side, Side] = (1280, 720)
    """Width and height of the frames in pixels."""
    active_fps: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """Frames a second while something happens."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    """Frames a second while nothing does."""
    camera: Annotated[int, Meta(ge=0, le=15)] = 0
    """Which one, where there are several, as `rpicam-hello --list-cameras` counts them."""
    rotation: Rotation = 0
    """How far frames must be turned clockwise to stand upright."""
    exposure: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    """Microseconds; None: automatic."""
    gain: Annotated[float, Meta(ge=1, le=64)] | None = None
    """Of the sensor; None: automatic."""
    focus: Annotated[float, Meta(ge=0, le=32)] | None = None
    """Dioptres, 1 / metres; None: automatic, where the lens can move."""
    white_balance: tuple[Share, Share] | None = None
    """The gains of red and blue; None: automatic."""


class PiCamera:
    """A Source. A stalled camera is opened anew once; after that it is a CameraHangsError."""

    def __init__(
        self,
        options: Options,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises CameraError when picamera2 is missing; the camera itself is opened by `frames`."""
        self._now, self._sleep = now, sleep
        try:
            import picamera2
        except ImportError as error:
            raise CameraError(f"{NO_PICAMERA} ({error})") from None
        self._picamera2 = picamera2
        self._options = options
        self._pace = Pace(options.active_fps, options.idle_fps)

    def hurry(self, wanted: bool) -> None:
        """See domain.Source. The sensor runs on as it did: its exposure, and so the picture, stays the same."""
        self._pace.hurry = wanted

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source. Raises CameraError."""
        stall = max(STALL, 3 / min(self._options.active_fps, self._options.idle_fps))
        seq, reopened, due, before = 0, False, self._now(), None
        camera = _Camera(self._picamera2, self._options)
        try:
            last = fresh = self._now()
            while True:
                yield from wait_until(due, tick, self._now, self._sleep)
                pixels = camera.capture(min(tick, stall))
                now = self._now()
                if pixels is None:
                    yield None
                else:
                    yield Frame(seq, time.time(), now, rotate_clockwise(pixels, self._options.rotation))
                    seq, last, due = seq + 1, now, max(due + self._pace.interval, now)
                    if before is None or not is_repeat(pixels, before):
                        fresh, before, reopened = now, pixels, False
                if now - last < stall and now - fresh < FROZEN:
                    continue
                trouble = "no frame" if now - last >= stall else "one and the same frame"
                if reopened:
                    raise CameraHangsError(
                        f"camera {self._options.camera} gives {trouble}, also after it was opened anew"
                    )
                log.warning("%s for %.0f s; opening the camera anew", trouble, now - min(last, fresh))
                camera.close()
                camera = _Camera(self._picamera2, self._options)
                reopened, last = True, self._now()
                fresh = last
        finally:
            camera.close()


class _Camera:
    """One opening of the camera."""

    def __init__(self, picamera2: Any, options: Options) -> None:
        """Configure and start. Raises CameraError."""
        self._job: Any = None
        self._closed = False
        try:
            self._camera = picamera2.Picamera2(options.camera)
        except (IndexError, RuntimeError) as error:
            known = picamera2.Picamera2.global_camera_info()
            reason = TAKEN.format(n=options.camera, why=error) if len(known) > options.camera else NO_CAMERA
            raise CameraError(reason.format(n=options.camera)) from None
        try:
            self._start(options)
        except (RuntimeError, ValueError) as error:
            self.close()
            raise CameraError(f"camera {options.camera} does not take what [camera] says: {error}") from None

    def _start(self, options: Options) -> None:
        # microseconds; twice as fast as we look, so that frames are fresh
        frame_time = max(round(1e6 / min(30.0, 2 * options.active_fps)), options.exposure or 0)
        configuration = self._camera.create_video_configuration(
            main={"size": options.size},
            lores={"size": options.size, "format": "YUV420"},
            buffer_count=3,
            queue=False,  # a frame taken after we asked, never one that has waited
            controls={"FrameDurationLimits": (frame_time, frame_time), **self._locked(options)},
        )
        self._camera.configure(configuration)
        stream = self._camera.camera_configuration()["lores"]
        self._width, self._height = stream["size"]  # what the hardware made of our wish
        self._camera.start()

    def _locked(self, options: Options) -> dict[str, Any]:
        """What is not to be found out by the camera itself. Raises ValueError for a lens that cannot move."""
        moves = "LensPosition" in self._camera.camera_controls
        if options.focus is not None and not moves:
            raise ValueError("its lens cannot move: take `focus` out")
        wanted = {
            "ExposureTime": options.exposure,
            "AnalogueGain": options.gain,
            "ColourGains": options.white_balance,
            "LensPosition": options.focus,
        }
        if moves:
            wanted["AfMode"] = _CONTINUOUS if options.focus is None else _MANUAL
        return {name: value for name, value in wanted.items() if value is not None}

    def metadata(self, timeout: float) -> dict[str, Any]:
        """What the camera says of its next frame. Raises TimeoutError."""
        found: dict[str, Any] = self._camera.wait(self._camera.capture_metadata(wait=False), timeout=timeout)
        return found

    def capture(self, timeout: float) -> Grey | None:
        """The next frame, (h, w) uint8, a copy of our own; None when it did not come within `timeout` seconds."""
        if self._job is None:
            self._job = self._camera.capture_array("lores", wait=False)
        try:
            array = self._camera.wait(self._job, timeout=timeout)
        except TimeoutError:
            return None  # the job stays queued, and is waited for again
        self._job = None
        # rows of Y, then of U and V; columns are padded to the stride
        pixels: Grey = array[: self._height, : self._width].copy()
        return pixels

    def close(self) -> None:
        """Give the camera back, also when a capture hangs. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._camera.cancel_all_and_flush()
        self._camera.stop()
        self._camera.close()


def calibrated(options: Options, now: Callable[[], float] = time.monotonic) -> Options:
    """Let the camera find out for itself, and the options with that locked. Raises CameraError."""
    source = PiCamera(replace(options, exposure=None, gain=None, focus=None, white_balance=None))
    camera = _Camera(source._picamera2, source._options)
    try:
        until = now() + SETTLED
        while now() < until:
            camera.capture(1.0)
        said = camera.metadata(STALL)
    except TimeoutError:
        raise CameraError(f"camera {options.camera} gives no frame") from None
    finally:
        camera.close()
    red, blue = said.get("ColourGains", (None, None))
    return replace(
        options,
        exposure=said.get("ExposureTime"),
        gain=_rounded(said.get("AnalogueGain")),
        focus=_rounded(said.get("LensPosition")),
        white_balance=None if red is None or blue is None else (round(red, 2), round(blue, 2)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def is_repeat(pixels: Grey, before: Grey) -> bool:
    """Whether two frames are the same bit for bit; never of a flat one, as a sensor gives in the dark."""
    few, few_before = pixels[::16], before[::16]  # of frames that live, a few rows differ already
    if not np.array_equal(few, few_before) or few.min() == few.max():
        return False
    return np.array_equal(pixels, before)

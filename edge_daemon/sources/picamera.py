"""The Raspberry Pi camera, with picamera2; the only module that uses picamera2.

Frames are pulled: picamera2's callbacks would run under its lock, in its thread. The low-resolution stream is YUV420,
whose Y plane is the grey picture.
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
from edge_daemon.sources.frame_rate import FrameRate, wait_until

log = logging.getLogger(__name__)

Side = Annotated[int, Meta(ge=64, le=4608)]
Share = Annotated[float, Meta(gt=0, le=32)]
SETTLED = 4.0
"""Seconds after which a camera has found its exposure, white balance and focus."""
_AF_MANUAL = 0
"""libcamera's AfMode: the focus is set."""
_AF_CONTINUOUS = 2
"""libcamera's AfMode: autofocus."""
STALL = 5.0
"""Seconds without a frame after which the camera has stalled; three frame times, if that is longer."""
FROZEN = 30.0
"""Seconds of identical pictures after which the camera has stalled too: a working sensor has noise."""

NO_PICAMERA = (
    "picamera2 is not installed. On Raspberry Pi OS: sudo apt install python3-picamera2, and create the environment "
    "with python3 -m venv --system-site-packages"
)
NO_CAMERA = "camera {n} was not found. Check the ribbon cable, and whether `rpicam-hello --list-cameras` shows it"
TAKEN = "camera {n} cannot be opened: {why}. Does another program hold it? Only one can"


@dataclass(frozen=True, slots=True)
class PicameraOptions:
    """[camera] with source = "picamera"."""

    size: tuple[Side, Side] = (1280, 720)
    """Width and height of the frames in pixels."""
    active_fps: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """Frames per second while something changes."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    """Frames per second while nothing changes."""
    camera: Annotated[int, Meta(ge=0, le=15)] = 0
    """Number of the camera in `rpicam-hello --list-cameras`, where there are several."""
    rotation: Rotation = 0
    """Degrees by which frames are turned clockwise to be upright."""
    mirror: bool = False
    """Swap left and right, after the rotation."""
    exposure: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    """Exposure time in microseconds; None: automatic."""
    gain: Annotated[float, Meta(ge=1, le=64)] | None = None
    """Analogue gain of the sensor; None: automatic."""
    focus: Annotated[float, Meta(ge=0, le=32)] | None = None
    """Focus in dioptres (1 / metres); None: automatic, where the lens can move."""
    white_balance: tuple[Share, Share] | None = None
    """The gains of red and blue; None: automatic."""


class PiCamera:
    """A Source. A stalled camera is opened again once; then it raises CameraHangsError."""

    def __init__(
        self,
        options: PicameraOptions,
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
        self._rate = FrameRate(options.active_fps, options.idle_fps)

    def set_active(self, active: bool) -> None:
        """See domain.Source. The sensor keeps its rate: its exposure, and so the picture, stays the same."""
        self._rate.is_active = active

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source. Raises CameraError."""
        stall = max(STALL, 3 / min(self._options.active_fps, self._options.idle_fps))
        seq, reopened, due, before = 0, False, self._now(), None
        camera = _OpenCamera(self._picamera2, self._options)
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
                    seq, last, due = seq + 1, now, max(due + self._rate.interval, now)
                    if before is None or not is_repeat(pixels, before):
                        fresh, before, reopened = now, pixels, False
                if now - last < stall and now - fresh < FROZEN:
                    continue
                trouble = "no frame" if now - last >= stall else "the same frame"
                if reopened:
                    raise CameraHangsError(
                        f"camera {self._options.camera} gives {trouble}, also after it was opened again"
                    )
                log.warning("%s for %.0f s; opening the camera again", trouble, now - min(last, fresh))
                camera.close()
                camera = _OpenCamera(self._picamera2, self._options)
                reopened, last = True, self._now()
                fresh = last
        finally:
            camera.close()


def present() -> list[tuple[str, dict[str, Any]]]:
    """The name of each Pi camera, and its key in [camera]; none where picamera2 is missing.

    libcamera lists USB cameras too; they are left out.
    """
    try:
        import picamera2
    except ImportError:
        return []
    known = picamera2.Picamera2.global_camera_info()
    return [
        (f"Pi camera {info['Num']}, {info['Model']}", {"camera": info["Num"]})
        for info in known
        if "usb" not in info["Id"]
    ]


class _OpenCamera:
    """One opening of the camera."""

    def __init__(self, picamera2: Any, options: PicameraOptions) -> None:
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
            raise CameraError(f"camera {options.camera} refuses the settings in [camera]: {error}") from None

    def _start(self, options: PicameraOptions) -> None:
        # microseconds; twice the rate at which we read, so that frames are fresh
        frame_time = max(round(1e6 / min(30.0, 2 * options.active_fps)), options.exposure or 0)
        configuration = self._camera.create_video_configuration(
            main={"size": options.size},
            lores={"size": options.size, "format": "YUV420"},
            buffer_count=3,
            queue=False,  # a frame taken after the request, never an older one
            controls={"FrameDurationLimits": (frame_time, frame_time), **self._fixed_controls(options)},
        )
        self._camera.configure(configuration)
        stream = self._camera.camera_configuration()["lores"]
        self._width, self._height = stream["size"]  # the hardware may have rounded it
        self._camera.start()

    def _fixed_controls(self, options: PicameraOptions) -> dict[str, Any]:
        """The controls that are not automatic. Raises ValueError for a focus where the lens cannot move."""
        moves = "LensPosition" in self._camera.camera_controls
        if options.focus is not None and not moves:
            raise ValueError("its lens cannot move: remove `focus`")
        wanted = {
            "ExposureTime": options.exposure,
            "AnalogueGain": options.gain,
            "ColourGains": options.white_balance,
            "LensPosition": options.focus,
        }
        if moves:
            wanted["AfMode"] = _AF_CONTINUOUS if options.focus is None else _AF_MANUAL
        return {name: value for name, value in wanted.items() if value is not None}

    def metadata(self, timeout: float) -> dict[str, Any]:
        """The metadata of the next frame. Raises TimeoutError."""
        found: dict[str, Any] = self._camera.wait(self._camera.capture_metadata(wait=False), timeout=timeout)
        return found

    def capture(self, timeout: float) -> Grey | None:
        """The next frame (h, w) uint8, an owned copy; None when there is none within `timeout` seconds."""
        if self._job is None:
            self._job = self._camera.capture_array("lores", wait=False)
        try:
            array = self._camera.wait(self._job, timeout=timeout)
        except TimeoutError:
            return None  # the job stays queued; the next call waits for it again
        self._job = None
        # rows of Y, then of U and V; columns are padded to the stride
        pixels: Grey = array[: self._height, : self._width].copy()
        return pixels

    def close(self) -> None:
        """Release the camera, also while a capture hangs. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._camera.cancel_all_and_flush()
        self._camera.stop()
        self._camera.close()


def calibrate(options: PicameraOptions, now: Callable[[], float] = time.monotonic) -> PicameraOptions:
    """The options with the present automatic settings of the camera locked. Raises CameraError."""
    source = PiCamera(replace(options, exposure=None, gain=None, focus=None, white_balance=None))
    camera = _OpenCamera(source._picamera2, source._options)
    try:
        until = now() + SETTLED
        while now() < until:
            camera.capture(1.0)
        found = camera.metadata(STALL)
    except TimeoutError:
        raise CameraError(f"camera {options.camera} gives no frame") from None
    finally:
        camera.close()
    red, blue = found.get("ColourGains", (None, None))
    return replace(
        options,
        exposure=found.get("ExposureTime"),
        gain=_rounded(found.get("AnalogueGain")),
        focus=_rounded(found.get("LensPosition")),
        white_balance=None if red is None or blue is None else (round(red, 2), round(blue, 2)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def is_repeat(pixels: Grey, before: Grey) -> bool:
    """Whether two frames are identical; a uniform frame, as in the dark, never counts as a repeat."""
    few, few_before = pixels[::16], before[::16]  # for most frames a few rows differ already
    if not np.array_equal(few, few_before) or few.min() == few.max():
        return False
    return np.array_equal(pixels, before)

"""Cameras that OpenCV reads, each in a thread of its own.

cv2 blocks for seconds, and returns stale frames when it is read slowly. The thread takes every frame from the camera,
so that its buffers never hold old ones, and decodes only the frames that are requested.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, CameraHangsError
from edge_daemon.sources.frame_rate import FrameRate, wait_until

log = logging.getLogger(__name__)

GIVE_UP = 3.0
"""Seconds for the thread to end after it was asked to; then it hangs inside the library."""


class Capture(Protocol):
    """The used part of cv2.VideoCapture. Called from the grabber's thread only."""

    def grab(self) -> bool: ...

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]: ...

    def release(self) -> None: ...


Opener = Callable[[], Capture]
"""Opens the camera; may block. Raises CameraError."""


class Grabber:
    """One opening of a camera, and the thread that reads it."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._changed = threading.Condition()
        self._wanted = False
        self._found: NDArray[np.uint8] | None = None
        self._ended = ""
        self._stopping = False
        # a daemon thread: one that hangs inside the library must not keep the process from ending
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> NDArray[np.uint8] | None:
        """A frame that came after this call, as cv2 gives it; None when there was none within `timeout` seconds.

        Raises CameraError when the camera has gone.
        """
        with self._changed:
            self._wanted = True
            self._changed.wait_for(lambda: self._found is not None or self._ended, timeout)
            found, self._found = self._found, None
            if found is None and self._ended:
                raise CameraError(self._ended)
            return found

    def stop(self) -> bool:
        """Release the camera. False: the thread hangs and still holds it."""
        self._stopping = True
        self._thread.join(GIVE_UP)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            capture = self._opener()
        except CameraError as error:
            self._end(str(error))
            return
        try:
            self._read(capture)
        except CameraError as error:
            self._end(str(error))
        except Exception as error:  # passed to the path as a CameraError: nothing else watches this thread
            self._end(f"the camera cannot be read: {error!r}")
        finally:
            capture.release()

    def _read(self, capture: Capture) -> None:
        while not self._stopping:
            if not capture.grab():
                self._end("the camera gives no more frames")
                return
            if self._wanted:
                whole, frame = capture.retrieve()
                if whole and frame is not None:
                    with self._changed:
                        self._wanted, self._found = False, frame
                        self._changed.notify_all()

    def _end(self, why: str) -> None:
        with self._changed:
            self._ended = why
            self._changed.notify_all()


def grab_frames(
    opener: Opener,
    grey: Callable[[NDArray[np.uint8]], Grey],
    rate: FrameRate,
    stall: float,
    tick: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame | None]:
    """Frames of a camera that `opener` opens, made grey by `grey`; see domain.Source.

    A camera that gives nothing for `stall` seconds is opened again once. Raises CameraError when the camera has gone,
    CameraHangsError when it gives nothing again, or the library hangs.
    """
    seq, reopened, due, last = 0, False, now(), now()
    grabber = Grabber(opener)
    try:
        while True:
            yield from wait_until(due, tick, now, sleep)
            frame = grabber.take(min(tick, stall))
            at = now()
            if frame is not None:
                yield Frame(seq, time.time(), at, grey(frame))
                seq, last, due, reopened = seq + 1, at, max(due + rate.interval, at), False
                continue
            yield None
            if at - last < stall:
                continue
            if reopened or not grabber.stop():
                raise CameraHangsError(f"the camera has given no frame for {at - last:.0f} s")
            log.warning("no frame for %.0f s; opening the camera again", at - last)
            grabber, reopened, last = Grabber(opener), True, now()
    finally:
        grabber.stop()

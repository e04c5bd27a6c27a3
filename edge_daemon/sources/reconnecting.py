"""The daemon's camera: opened again and again while it is absent, and kept over a reload with unchanged settings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from edge_daemon.domain import Event, Frame, Source
from edge_daemon.errors import CameraError, CameraHangsError
from edge_daemon.sources.frame_rate import wait_until
from edge_daemon.sources.kinds import open_source
from edge_daemon.system.backoff import Backoff
from edge_daemon.system.journal import event

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds after which the path continues without a frame."""
LONGEST_WAIT = 15.0
"""Seconds between two attempts to open an absent camera, at most: one that is back is used soon."""
SILENT_AFTER = 30.0
"""Seconds without a frame after which readings are stale."""


class ReconnectingCamera:
    """Frames of one source. If it is absent or fails it is opened again, with growing pauses."""

    def __init__(
        self,
        kind: str,
        options: Any,
        opener: Callable[[str, Any], Source] = open_source,
        backoff: Backoff | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`kind` and `options` as for sources.kinds.open_source; opened when the first frame is requested."""
        self.settings = (kind, options)
        self.problem = ""
        """Why there are no frames; empty: there are frames, or it was not opened yet."""
        self._published = ""
        self._open = opener
        self._backoff = backoff or Backoff(longest=LONGEST_WAIT)
        self._now, self._sleep = now, sleep
        self._source: Source | None = None
        self._last_frame = now()
        self.frames = self._frames()
        """Frames as they come; None whenever TICK seconds have passed without one. Continues over a reload.
        Raises CameraHangsError or PictureError."""

    @property
    def frame_age(self) -> float:
        """Seconds since the newest frame; before the first, since the start."""
        return self._now() - self._last_frame

    def pop_events(self) -> list[Event]:
        """The event that the camera has failed, or is back, where that was not yet returned."""
        if self.problem == self._published:
            return []
        self._published = self.problem
        state = "ON" if self.problem else "OFF"
        return [Event("camera_problem", None, time.time(), {"state": state, "text": self.problem})]

    def set_active(self, active: bool) -> None:
        """See domain.Source."""
        if self._source is not None:
            self._source.set_active(active)

    def close(self) -> None:
        """Release the camera."""
        self.frames.close()

    def _frames(self) -> Generator[Frame | None]:
        while True:
            opened = self._now()
            try:
                self._source = self._open(*self.settings)
                with closing(self._source.frames(TICK)) as frames:  # type: ignore[type-var]
                    for frame in frames:
                        if frame is not None:
                            self._note_frame()
                        yield frame
                return
            except CameraHangsError:
                raise
            except CameraError as error:
                pause = self._backoff.after(self._last_frame - opened)
                self._note_problem(str(error), pause)
            yield from wait_until(self._now() + pause, TICK, self._now, self._sleep)

    def _note_frame(self) -> None:
        self._last_frame = self._now()
        if self.problem:
            log.info("the camera is back", extra=event("camera", STATUS="back"))
        self.problem = ""

    def _note_problem(self, why: str, pause: float) -> None:
        if why != self.problem:  # logged once, not at every attempt
            log.error("%s; trying again in %.0f s, then repeatedly", why, pause, extra=event("camera", STATUS="gone"))
        self.problem = why

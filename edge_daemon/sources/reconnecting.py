"""The daemon's camera: waited for while it is absent, and kept over a reload that does not concern it."""

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
"""Seconds: without a frame the path still comes round this often."""
LONGEST_WAIT = 15.0
"""Seconds: tries to find a camera that is absent are at most so far apart, so that one that is back is soon used."""
SILENT = 30.0
"""Seconds without a frame after which what was read before is old."""


class Camera:
    """Frames of one source. One that is absent or has gone is tried again at growing distances."""

    def __init__(
        self,
        kind: str,
        options: Any,
        opener: Callable[[str, Any], Source] = open_source,
        backoff: Backoff | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`kind` and `options` are those of sources.open_source; nothing is opened before the first frame is wanted."""
        self.settings = (kind, options)
        self.trouble = ""
        """Why there are no frames; empty: there are, or nothing is known yet."""
        self._told = ""
        self._open = opener
        self._backoff = backoff or Backoff(longest=LONGEST_WAIT)
        self._now, self._sleep = now, sleep
        self._source: Source | None = None
        self._seen = now()
        self.frames = self._frames()
        """Frames as they come; None whenever TICK seconds went by without one. Goes on over a reload.
        Raises CameraHangsError or PictureError."""

    @property
    def age(self) -> float:
        """Seconds since the newest frame, or since we began to wait for the first."""
        return self._now() - self._seen

    def news(self) -> list[Event]:
        """What there is to say of the camera: that it has gone, or is back. Returned once."""
        if self.trouble == self._told:
            return []
        self._told = self.trouble
        state = "ON" if self.trouble else "OFF"
        return [Event("camera_problem", None, time.time(), {"state": state, "text": self.trouble})]

    def hurry(self, wanted: bool) -> None:
        """See domain.Source."""
        if self._source is not None:
            self._source.hurry(wanted)

    def close(self) -> None:
        """Give the camera back."""
        self.frames.close()

    def _frames(self) -> Generator[Frame | None]:
        while True:
            opened = self._now()
            try:
                self._source = self._open(*self.settings)
                with closing(self._source.frames(TICK)) as frames:  # type: ignore[type-var]
                    for frame in frames:
                        if frame is not None:
                            self._well()
                        yield frame
                return
            except CameraHangsError:
                raise
            except CameraError as error:
                pause = self._backoff.after(self._seen - opened)
                self._missed(str(error), pause)
            yield from wait_until(self._now() + pause, TICK, self._now, self._sleep)

    def _well(self) -> None:
        self._seen = self._now()
        if self.trouble:
            log.info("the camera is back", extra=event("camera", STATUS="back"))
        self.trouble = ""

    def _missed(self, why: str, pause: float) -> None:
        if why != self.trouble:  # a trouble is told once, not at every try
            log.error(
                "%s; trying again in %.0f s, and then now and then", why, pause, extra=event("camera", STATUS="gone")
            )
        self.trouble = why

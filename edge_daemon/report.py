"""What the daemon says of itself: `health` every minute, `problem` whenever it changes."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from edge_daemon import machine, wire
from edge_daemon.board import Board
from edge_daemon.courier import Courier
from edge_daemon.domain import Reading, Record, Status
from edge_daemon.outbox import Outbox

EVERY = 60.0
"""Seconds from one health to the next."""
_TIMED = 1000
"""Latencies are those of the last so many frames."""


class Report:
    """Counts what the path does, and tells it to the board. Called from the path's thread only."""

    def __init__(
        self,
        device: str,
        board: Board,
        outbox: Outbox,
        courier: Courier,
        bare_value: bool = False,
        wrong: str = "",
        now: Callable[[], float] = time.monotonic,
        others: Callable[[], dict[str, str]] = dict,
    ) -> None:
        """`bare_value`: each reading is also told as its number alone. `wrong`: why a configuration was refused.
        `others`: what else is wrong, code -> text."""
        self._device = device
        self._board = board
        self._outbox = outbox
        self._courier = courier
        self._bare_value = bare_value
        self._wrong = wrong
        self._now = now
        self._others = others
        self._started = self._next = now()
        self._frames = 0
        self._took: deque[float] = deque(maxlen=_TIMED)
        self._readings: Counter[Status] = Counter()
        self._good_at: float | None = None
        self._problems: dict[str, str] | None = None

    def frame(self, took: float) -> None:
        """A frame has been looked at; that took so many seconds."""
        self._frames += 1
        self._took.append(took)

    def said(self, record: Record) -> None:
        """This goes out."""
        if not isinstance(record, Reading):
            return
        if self._bare_value and (record.gone or record.value is not None):
            self._board.post(wire.bare_value(self._device, record))
        if not record.gone:
            self._readings[record.status] += 1
        if record.status is Status.OK:
            self._good_at = self._now()

    def tick(self) -> None:
        """Post what is due."""
        if (problems := self.problems()) != self._problems:
            self._problems = problems
            self._board.post(wire.problem(self._device, problems))
        if self._now() >= self._next:
            self._next = self._now() + EVERY
            self._board.post(wire.health(self._device, self.health()))

    def health(self) -> dict[str, Any]:
        """All figures; those that the machine does not tell are left out. Counts are since the start."""
        now, outbox = self._now(), self._outbox
        rejected = {status.value: count for status, count in self._readings.items() if status is not Status.OK}
        facts = {
            "uptime_s": round(now - self._started),
            "frames": self._frames,
            "accepted": self._readings[Status.OK],
            "rejected": rejected,
            "frame_ms": self._milliseconds(),
            "queue": {
                "waiting": outbox.waiting,
                "dropped": outbox.dropped,
                "refused": outbox.refused,
                "salvaged": outbox.salvaged,
                "lost": outbox.lost,
            },
            "last_good_age_s": None if self._good_at is None else round(now - self._good_at),
            "connects": self._courier.connects,
            "temperature_c": machine.temperature(),
            "throttled": machine.throttled(),
            "rss_bytes": machine.resident(),
            "fds": machine.open_files(),
            "threads": threading.active_count(),
        }
        return {name: fact for name, fact in facts.items() if fact is not None}

    def problems(self) -> dict[str, str]:
        """Code -> text for a person, of all that is wrong now."""
        outbox, found = self._outbox, self._courier.problems() | self._others()
        if outbox.salvaged or outbox.lost:
            found["outbox_damaged"] = (
                f"the outbox was damaged: {outbox.salvaged} records were salvaged, {outbox.lost} lost"
            )
        if outbox.trouble:
            found["disk"] = outbox.trouble
        if outbox.dropped:
            found["outbox_dropped"] = f"{outbox.dropped} records were too many or too old and were never sent"
        if self._wrong:
            found["config"] = f"the configuration is wrong, the one before goes on: {self._wrong}"
        return found

    def _milliseconds(self) -> dict[str, float] | None:
        """From the frame to what it says; None before the first."""
        if not self._took:
            return None
        median, p95 = np.percentile(self._took, (50, 95))
        return {"median": round(float(median) * 1000, 1), "p95": round(float(p95) * 1000, 1)}

"""Steps of the wall clock: the time by which it went on more than the daemon ran.

The age of a waiting record counts only the time in which the daemon ran. Without this, a clock that is set wrong once,
by ten years, would make every waiting record too old at once.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from edge_daemon.system import atomic, regular_file

_SMALLEST = 60.0
"""Seconds; less is a clock that is corrected gradually."""
_MOST = 1000
"""Steps that are remembered, at most."""


class ClockSteps:
    """The steps that concern waiting records, kept in a file."""

    def __init__(self, path: Path) -> None:
        """Reads the file; a missing or damaged one has no steps."""
        self._path = path
        self._steps: list[tuple[int, float]] = []  # the first record after the step, seconds
        with suppress(OSError, ValueError):
            self._steps = msgspec.json.decode(regular_file.read(path), type=list[tuple[int, float]])[-_MOST:]
        self._ahead: float | None = None

    def note(self, seq: int, wall: float, mono: float, last_wall: float | None) -> None:
        """Call it with each new record: its number, and both clocks in seconds. `last_wall`: when the last record of
        the process before was stored, if there is one. On a full disk a step is forgotten at the next start."""
        ahead = wall - mono
        before = last_wall - mono if self._ahead is None and last_wall is not None else self._ahead
        self._ahead = ahead
        if before is not None and abs(ahead - before) >= _SMALLEST:
            self._steps = [*self._steps, (seq, ahead - before)][-_MOST:]
            self._save()

    def since(self, seq: int) -> float:
        """Seconds of all steps after the record with this number."""
        return sum(step for first, step in self._steps if first > seq)

    def forget_before(self, seq: int) -> None:
        """No record with a smaller number waits any more."""
        if self._steps and self._steps[0][0] <= seq:
            self._steps = [step for step in self._steps if step[0] > seq]
            self._save()

    def _save(self) -> None:
        with suppress(OSError):
            atomic.replace_unsynced(self._path, msgspec.json.encode(self._steps))

"""The table [opinion], and the daily budget of second opinions, which is kept across restarts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge_daemon.system import atomic, regular_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SecondOpinionOptions:
    """The table [opinion]."""

    per_day: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    """Second opinions that are requested in a day (UTC), at most; 0: none."""
    where: Literal["broker", "here"] = "broker"
    """Who gives them: a server on the broker, or the engine of the extra `opinion` on this device."""

    @property
    def leave_device(self) -> bool:
        """Whether cut-outs are sent to the broker."""
        return self.per_day > 0 and self.where == "broker"


class _Spent(msgspec.Struct):
    day: str
    count: int


class Budget:
    """Counts the second opinions of a day. Called from one thread."""

    def __init__(self, path: Path, per_day: int, now: Callable[[], float] = time.time) -> None:
        """Continues with today's count in the file. If it is damaged, nothing is left for today."""
        self._path, self._per_day, self._now = path, per_day, now
        self._broken = False
        self._spent = self._read()

    @property
    def left(self) -> int:
        """Second opinions that may still be requested today."""
        if self._spent.day != self._today():
            return self._per_day
        return max(0, self._per_day - self._spent.count)

    def spend(self) -> bool:
        """Take one; False where none is left, or where it cannot be written down.

        It is on the disk before it is used: the budget must hold also if the daemon restarts again and again.
        """
        if not self.left:
            return False
        today = self._today()
        spent = _Spent(today, 1 + (self._spent.count if self._spent.day == today else 0))
        try:
            atomic.write(self._path, msgspec.json.encode(spent))
        except OSError as error:
            if not self._broken:
                log.warning("%s: no second opinions, as they cannot be counted there: %s", self._path, error.strerror)
            self._broken = True
            return False
        self._spent, self._broken = spent, False
        return True

    def _today(self) -> str:
        return f"{datetime.fromtimestamp(self._now(), UTC):%Y-%m-%d}"

    def _read(self) -> _Spent:
        try:
            return msgspec.json.decode(regular_file.read(self._path), type=_Spent)
        except FileNotFoundError:
            return _Spent("", 0)
        except (OSError, ValueError):
            return _Spent(self._today(), self._per_day)

"""The newest reading of each field, with its last hour: what `edge-daemon watch` shows in a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from edge_daemon.domain import Status
from edge_daemon.tools.watch import Payload, describe

HOUR = 3600.0
"""Seconds that a trend covers."""
CELLS = 20
"""Cells of a trend: three minutes each."""
MOST = 4000
"""Values that are kept for the trend of a field."""
LARGEST = 1e300
"""Numbers up to this are shown."""
BLOCKS = "▁▂▃▄▅▆▇█"
"""The cells of a trend, from its lowest value to its highest; a space stands for no value."""
OFFLINE = "offline"
"""What stands for the status of a field whose device is not connected to the broker."""
NOT_READ: frozenset[str] = frozenset(
    {Status.TOO_DARK, Status.TOO_BRIGHT, Status.GLARE, Status.BLURRED, Status.OBSTRUCTED, Status.CAMERA_MOVED}
    | {Status.UNREADABLE, Status.STALE, Status.DISABLED, OFFLINE}
)
"""Statuses of a field that is not read at all; the others but `ok` withhold what was read."""


class Row(NamedTuple):
    """One field as texts, without control characters."""

    name: str
    value: str
    age: str
    confidence: str
    status: str
    trend: str


@dataclass(slots=True)
class _State:
    """What is known of one field."""

    payload: dict[str, Any] = field(default_factory=dict)
    values: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MOST))
    """(seconds since 1970, value) of the last hour and the last one before it, in the order in which they came."""


class Board:
    """Follows the messages of a broker."""

    def __init__(self) -> None:
        self.newest_event = ""
        """In words; empty: none has come."""
        self._fields: dict[tuple[str, str], _State] = {}
        self._offline: set[str] = set()

    def take(self, topic: str, payload: Payload) -> None:
        """Note one message, as `watch` gives it. What no daemon sends is ignored."""
        _, device, kind, *rest = topic.split("/")
        if kind == "availability":
            (self._offline.add if payload == OFFLINE else self._offline.discard)(device)
        elif kind == "reading" and payload == "":
            self._fields.pop((device, rest[0]), None)
        elif not isinstance(payload, dict):
            return
        elif kind == "event":
            self.newest_event = printable(describe(topic, payload))
        elif kind == "reading":
            self._fields.setdefault((device, rest[0]), _State()).payload = payload
            self._note_value(device, rest[0], payload)
        elif kind == "history":
            self._note_value(device, str(payload.get("field")), payload)

    def _note_value(self, device: str, name: str, payload: dict[str, Any]) -> None:
        value, at = number(payload.get("value")), seconds(payload.get("captured_at"))
        state = self._fields.get((device, name))
        if state and at is not None and value is not None:
            state.values.append((at, value))

    def rows(self, now: float) -> Iterator[Row]:
        """The fields in order of device and name. `now` is in seconds since 1970."""
        several = len({device for device, _ in self._fields}) > 1
        for (device, name), state in sorted(self._fields.items(), key=lambda item: item[0]):
            payload = state.payload
            at, sure = seconds(payload.get("value_at")), number(payload.get("confidence"))
            while len(state.values) > 1 and state.values[1][0] < now - HOUR:
                state.values.popleft()
            yield Row(
                printable(f"{device}/{name}" if several else name),
                printable(f"{payload.get('text', '-')} {payload.get('unit', '')}".rstrip()),
                "" if at is None else f"{age(now - at)} ago",
                "" if sure is None else f"{sure:.0%}",
                OFFLINE if device in self._offline else printable(str(payload.get("status", "-"))),
                sparkline(state.values, now),
            )


def seconds(text: object) -> float | None:
    """2026-11-24T01:50:00.120Z -> seconds since 1970; None for anything else."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None


def age(passed: float) -> str:
    """A time that has passed, in seconds -> "12 s", "3 min", "5 h" or "2 d"."""
    for unit, length in ("d", 86_400.0), ("h", HOUR), ("min", 60.0):
        if passed >= length:
            return f"{passed // length:.0f} {unit}"
    return f"{max(0.0, passed) // 1:.0f} s"


def sparkline(values: Iterable[tuple[float, float]], now: float) -> str:
    """The values of the last hour as CELLS characters, the newest at the right: each cell shows its last value, or the
    one before it."""
    cells: list[float | None] = [None] * CELLS
    for at, value in sorted(values):
        cell = int((at - now + HOUR) / HOUR * CELLS)
        cells[min(max(cell, 0), CELLS - 1)] = value  # one from before, or from a clock that is ahead, is at the border
    known = [value for value in cells if value is not None]
    low, span = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    shown, last = "", " "
    for cell_value in cells:
        if cell_value is not None:
            last = BLOCKS[round((cell_value - low) / span * (len(BLOCKS) - 1)) if span else 0]
        shown += last
    return shown


def number(found: object) -> float | None:
    """What a message has as a number; None for anything else."""
    return float(found) if isinstance(found, int | float) and abs(found) < LARGEST else None


def printable(text: str) -> str:
    """The text without control characters: whoever may publish could send codes that rule the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)

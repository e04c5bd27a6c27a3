"""Remembers requests that were carried out, so that none is carried out twice, also across a restart.

The file has one line of JSON for each begin and each answer, on disk before anything is done. A request that was begun
and not answered was interrupted: how much of it was done is unknown, so it is not begun again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_daemon.system import atomic, regular_file

REMEMBERED = 600.0
"""Seconds. What an earlier process left counts from the start of this one: then no wall clock is needed."""
MAX_COUNT = 2000
"""Transactions that are remembered, at most: more than the rate limit allows in that time."""
LARGEST = 1_000_000
"""Bytes of the file above which it is written again without what is forgotten."""


class _Line(msgspec.Struct):
    key: str
    answer: str | None


class Transactions:
    """The requests of the last minutes and their answers. Called from one thread."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Reads the file. Damaged lines are skipped; an unreadable file is empty."""
        self._path = path
        self._now = now
        self._known: dict[str, tuple[float, str | None]] = {}
        for line in _lines(path):
            self._note(line)

    def __contains__(self, key: str) -> bool:
        """Whether it was begun within the time that is remembered."""
        self._forget()
        return key in self._known

    def answer(self, key: str) -> str | None:
        """Its answer; None: it was begun and not answered."""
        return self._known[key][1]

    def begin(self, key: str) -> None:
        """Durably record that the request has started. Raises OSError where that is not possible."""
        self._append(_Line(key, None))

    def finish(self, key: str, answer: str) -> None:
        """Durably record the answer. Raises OSError."""
        self._append(_Line(key, answer))

    def _append(self, line: _Line) -> None:
        if self._path.exists() and self._path.stat().st_size > LARGEST:
            self._rewrite()
        # starts with a line break: what a power cut left of the last line must not damage this one
        regular_file.append(self._path, b"\n" + msgspec.json.encode(line) + b"\n", sync=True)
        self._note(line)

    def _note(self, line: _Line) -> None:
        self._known.pop(line.key, None)
        self._known[line.key] = (self._now(), line.answer)
        self._forget()

    def _forget(self) -> None:
        """Remove the oldest, which come first."""
        while self._known:
            key, (at, _) = next(iter(self._known.items()))
            if len(self._known) <= MAX_COUNT and self._now() - at < REMEMBERED:
                return
            del self._known[key]

    def _rewrite(self) -> None:
        self._forget()
        lines = [msgspec.json.encode(_Line(key, answer)) for key, (_, answer) in self._known.items()]
        atomic.write(self._path, b"\n".join([*lines, b""]))


def _lines(path: Path) -> list[_Line]:
    """The intact lines of the file."""
    try:
        data = regular_file.read(path)
    except OSError:
        return []
    found = []
    for line in data.split(b"\n"):
        try:
            found.append(msgspec.json.decode(line, type=_Line))
        except ValueError:  # damaged; also UnicodeDecodeError
            continue
    return found

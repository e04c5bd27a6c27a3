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
MAX_ANSWERS = 200_000
"""Bytes of all answers that are remembered, at most; of older ones it is only known that they were given."""
SMALLEST_FILE = 50_000
"""Bytes below which the file is not compacted."""


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
        self._with_answer: dict[str, int] = {}  # key -> bytes of its answer, oldest first
        for line in _lines(path):
            self._note(line)
        self._compact_at = 0

    def __contains__(self, key: str) -> bool:
        """Whether it was begun within the time that is remembered."""
        self._forget()
        return key in self._known

    def answer(self, key: str) -> str | None:
        """Its answer; None: it was begun and not answered, or the answer is no longer stored."""
        return self._known[key][1]

    def begin(self, key: str) -> None:
        """Durably record that the request has started.

        Raises OSError where that is not possible; then it is not known.
        """
        self._append(_Line(key, None))

    def finish(self, key: str, answer: str) -> None:
        """Durably record the answer. Raises OSError; until the next start it is known all the same."""
        self._note(_Line(key, answer))
        self._append(_Line(key, answer))

    def _append(self, line: _Line) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        if size > max(self._compact_at, SMALLEST_FILE):
            self._compact_at = 2 * self._rewrite()  # so that one byte in two, at most, is written a second time
        # starts with a line break: what a power cut left of the last line must not damage this one
        regular_file.append(self._path, b"\n" + msgspec.json.encode(line) + b"\n", sync=True)
        self._note(line)

    def _note(self, line: _Line) -> None:
        self._known.pop(line.key, None)
        self._with_answer.pop(line.key, None)
        self._known[line.key] = (self._now(), line.answer)
        if line.answer is not None:
            self._with_answer[line.key] = len(line.answer)
        self._forget()

    def _forget(self) -> None:
        """Remove the oldest, which come first."""
        while self._known:
            key, (at, _) = next(iter(self._known.items()))
            if len(self._known) <= MAX_COUNT and self._now() - at < REMEMBERED:
                break
            del self._known[key]
            self._with_answer.pop(key, None)
        while sum(self._with_answer.values()) > MAX_ANSWERS:
            key = next(iter(self._with_answer))
            del self._with_answer[key]
            self._known[key] = self._known[key][0], None

    def _rewrite(self) -> int:
        """Write the file again without what is forgotten. Returns its size."""
        self._forget()
        lines = [msgspec.json.encode(_Line(key, answer)) for key, (_, answer) in self._known.items()]
        data = b"\n".join([*lines, b""])
        atomic.write(self._path, data)
        return len(data)


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

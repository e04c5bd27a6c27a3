"""Which requests have been carried out: so that none is carried out twice, also across a restart.

One line of JSON for each beginning and each answer, on disk before anything is done. A request that was begun and
never answered was interrupted: nobody knows how far it came, so it is not begun again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_daemon.system import atomic

REMEMBERED = 600.0
"""Seconds. What an earlier process left counts from our start: no clock has to be believed."""
MOST = 2000
"""So many are remembered at most; more than the rate limit lets through in that time."""
LARGEST = 1_000_000
"""Bytes of the file, after which it is written anew without what is forgotten."""


class _Line(msgspec.Struct):
    key: str
    answer: str | None


class Transactions:
    """What was asked, and what was answered. Called from one thread."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Nothing that the file may hold, or that the disk may say, raises."""
        self._path = path
        self._now = now
        self._known: dict[str, tuple[float, str | None]] = {}
        for line in _lines(path):
            self._note(line)

    def __contains__(self, key: str) -> bool:
        """Whether this has been begun within the time that is remembered."""
        self._forget()
        return key in self._known

    def answer(self, key: str) -> str | None:
        """What was answered; None: it was begun, and nobody knows how it ended."""
        return self._known[key][1]

    def begin(self, key: str) -> None:
        """From now on it has been done. Raises OSError where that cannot be remembered."""
        self._keep(_Line(key, None))

    def finish(self, key: str, answer: str) -> None:
        """This is what was answered. Raises OSError."""
        self._keep(_Line(key, answer))

    def _keep(self, line: _Line) -> None:
        if self._path.exists() and self._path.stat().st_size > LARGEST:
            self._rewrite()
        with self._path.open("ab") as file:
            # a line break in front: what a power cut left of the last line must not spoil this one
            file.write(b"\n" + msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._note(line)

    def _note(self, line: _Line) -> None:
        self._known.pop(line.key, None)
        self._known[line.key] = (self._now(), line.answer)
        self._forget()

    def _forget(self) -> None:
        """The oldest come first."""
        while self._known:
            key, (at, _) = next(iter(self._known.items()))
            if len(self._known) <= MOST and self._now() - at < REMEMBERED:
                return
            del self._known[key]

    def _rewrite(self) -> None:
        self._forget()
        lines = [msgspec.json.encode(_Line(key, answer)) for key, (_, answer) in self._known.items()]
        atomic.write(self._path, b"\n".join([*lines, b""]))


def _lines(path: Path) -> list[_Line]:
    """What of the file can be read."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    found = []
    for line in data.split(b"\n"):
        try:
            found.append(msgspec.json.decode(line, type=_Line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found

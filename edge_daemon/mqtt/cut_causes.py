"""Finds what a broker cuts the connection for, so that it is left out and everything else arrives.

A broker may close the connection at a message that it does not take, without a word, and again at each try. What was
sent and not answered when a connection ended is a suspect. Suspects are sent one at a time, each alone. What was alone
on its way at three cuts is a cause, if the broker answered other messages on the same connections: a broker that
answers nothing, or a bad network, is no reason to leave a message out. A cause is tried again after ten minutes, later
once a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge_daemon.system.backoff import Backoff

_CUTS = 3
"""Cuts with nothing else on its way that make a suspect a cause."""
_FIRST_PAUSE, _LONGEST_PAUSE = 600.0, 86_400.0
"""Seconds for which a cause is left out: at first, and at most."""
_SMALLEST_LIMIT = 1024
"""Bytes. A cause that is smaller is not left out for its size: no broker has so low a limit."""
_MAX_SUSPECTS = 64
"""Suspects, at most; the oldest are forgotten."""


def _pauses() -> Backoff:
    return Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, stable=float("inf"))


@dataclass
class _Suspect:
    cuts: int = 0
    left_out_until: float = 0.0
    pauses: Backoff = field(default_factory=_pauses)


class CutCauses:
    """The suspects and causes of one broker, over all connections. A key is the topic of a message."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._suspects: dict[str, _Suspect] = {}
        self._answered_size = 0
        self._size_limit = 0
        self._size_limit_until = 0.0
        self._size_pauses = _pauses()

    def is_suspect(self, key: str) -> bool:
        """Whether it must be sent alone."""
        return key in self._suspects

    def leaves_out(self, key: str) -> bool:
        """Whether it must not be sent now."""
        suspect = self._suspects.get(key)
        return suspect is not None and self._now() < suspect.left_out_until

    @property
    def left_out(self) -> list[str]:
        """The keys that must not be sent now."""
        return [key for key in list(self._suspects) if self.leaves_out(key)]

    @property
    def size_limit(self) -> int:
        """Bytes of the longest payload that may be sent now; 0: no limit was found."""
        return self._size_limit if self._now() < self._size_limit_until else 0

    def answered(self, key: str, size: int) -> None:
        """The broker has answered this: it is no suspect. `size`: bytes of its payload."""
        self._suspects.pop(key, None)
        self._answered_size = max(self._answered_size, size)

    def too_large(self, size: int) -> None:
        """The broker has answered that a payload of `size` bytes is too large."""
        if not self.size_limit or size <= self.size_limit:
            self._size_limit = size - 1
            self._size_limit_until = self._now() + self._size_pauses.after()

    def cut(self, sent: Mapping[str, int], answered_others: bool) -> None:
        """The connection has ended with `sent` on its way, key -> bytes. `answered_others`: the broker had answered
        other messages on it."""
        for key in sent:
            self._suspects.setdefault(key, _Suspect())
        if len(sent) == 1 and answered_others:
            self._count(*next(iter(sent.items())))
        for key in list(self._suspects)[:-_MAX_SUSPECTS]:
            del self._suspects[key]

    def _count(self, key: str, size: int) -> None:
        suspect = self._suspects[key]
        suspect.cuts += 1
        if suspect.cuts < _CUTS:
            return
        if size > max(self._answered_size, _SMALLEST_LIMIT):
            self.too_large(size)
            suspect.cuts = _CUTS - 1  # when the limit is tried again, one cut is enough
        else:
            suspect.left_out_until = self._now() + suspect.pauses.after()

"""Floods of received messages: a subscription with too many is left for a minute, so that delivery goes on.

The acknowledgements of the broker wait behind all messages that it sends: a flood on one topic would stop delivery. If
the flood goes on, the topic is left for longer and longer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from edge_daemon.mqtt.connection import matches

MOST = 1000
"""Messages of one subscription within WINDOW seconds; more are a flood. Two requests a second are answered at all."""
WINDOW = 10.0
"""Seconds."""
PAUSE, LONGEST_PAUSE = 60.0, 960.0
"""Seconds for which a flooded topic is left: at first, and at most."""
NOT_SUBSCRIBED = ""
"""The filter of messages that nobody subscribed to."""


class FloodGuard:
    """Counts what arrives on each subscription, over all connections."""

    def __init__(self, filters: Sequence[str], now: Callable[[], float] = time.monotonic) -> None:
        """`filters`: the topic filters that are subscribed to."""
        self._filters = filters
        self._now = now
        self._counts: Counter[str] = Counter()
        self._window_ends = 0.0
        self._left: dict[str, float] = {}  # filter -> when it may be subscribed to again
        self._pauses: dict[str, float] = {}  # filter -> seconds of the last time

    @property
    def left(self) -> list[str]:
        """The filters that are left now."""
        return list(self._left)

    def arrived(self, topic: str) -> str | None:
        """Count a message. Returns the filter to leave, if there were too many messages."""
        if self._now() >= self._window_ends:
            self._counts.clear()
            self._window_ends = self._now() + WINDOW
        found = self.filter_of(topic)
        self._counts[found] += 1
        if self._counts[found] <= MOST or found in self._left:
            return None
        pause = self._pauses[found] = min(2 * self._pauses.get(found, PAUSE / 2), LONGEST_PAUSE)
        self._left[found] = self._now() + pause
        return found

    def is_left(self, topic: str) -> bool:
        """Whether messages of this topic are to be ignored: some still arrive after the subscription has ended."""
        return self.filter_of(topic) in self._left

    def take_due(self) -> list[str]:
        """The filters to subscribe to again."""
        due = [name for name, until in self._left.items() if self._now() >= until]
        for name in due:
            del self._left[name]
        return [name for name in due if name != NOT_SUBSCRIBED]

    def filter_of(self, topic: str) -> str:
        """The filter through which a topic arrives."""
        return next((name for name in self._filters if matches(name, topic)), NOT_SUBSCRIBED)

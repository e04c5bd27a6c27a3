"""Last-value messages: sent on every connect and when they change; never stored, and never behind a backlog."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable

from edge_daemon.domain import Message, Outcome

_QUEUE_SIZE = 64
"""Messages that wait to be sent once, at most: the client of an older answer has given up long ago."""


class LastValueCache:
    """Messages that are not stored on disk, of three kinds.

    Last values: only the newest of each topic counts; it is sent again after each connect. Queued: each is sent once.
    Optional: sent once on the present connection, or never. All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Message] = {}
        self._cleared: dict[str, Message] = {}
        self._queued: deque[Message] = deque(maxlen=_QUEUE_SIZE)
        self._optional: dict[str, Message] = {}
        self.on_set: Callable[[], None] = lambda: None
        """Called after each new message, by the thread that brings it."""

    def set(self, message: Message) -> None:
        """Replace the last value of the message's topic."""
        with self._lock:
            self._values[message.topic] = message
        self.on_set()

    def set_cleared(self, topics: Iterable[str]) -> None:
        """Clear these retained topics on each connection, whatever was published there; earlier ones not any more."""
        with self._lock:
            self._cleared = {topic: self._cleared.get(topic) or Message(topic, b"", retain=True) for topic in topics}
        self.on_set()

    def send_once(self, message: Message) -> None:
        """Send it, on this connection or a later one, and not again."""
        with self._lock:
            self._queued.append(message)
        self.on_set()

    def send_if_connected(self, message: Message) -> None:
        """Send it on the present connection when nothing else is due, or never."""
        with self._lock:
            self._optional[message.topic] = message
        self.on_set()

    def optional(self) -> list[Message]:
        """The newest optional message of each topic."""
        with self._lock:
            return list(self._optional.values())

    def cancel_optional(self, message: Message | None = None) -> None:
        """Remove one optional message, or all."""
        with self._lock:
            self._optional = {t: m for t, m in self._optional.items() if message is not None and m is not message}

    def values(self) -> list[Message]:
        """The last value of each topic."""
        with self._lock:
            return list((self._values | self._cleared).values())

    def queued(self) -> list[Message]:
        """The oldest queued message of each topic."""
        with self._lock:
            return list({message.topic: message for message in reversed(self._queued)}.values())

    def remove_queued(self, message: Message) -> None:
        """It has been sent."""
        with self._lock:
            self._queued = deque((other for other in self._queued if other is not message), _QUEUE_SIZE)


class LastValueSender:
    """Decides which messages of the cache are due on the present connection. For the courier's thread."""

    def __init__(self, cache: LastValueCache) -> None:
        self._cache = cache
        self._sent: dict[str, Message] = {}
        self._retained: dict[str, Message] = {}  # topic -> the reading that the broker retains there
        self._resend: dict[str, Message] = {}

    def reset(self) -> None:
        """A connection has been made: all last values are due."""
        self._sent, self._resend = {}, {}
        self._cache.cancel_optional()

    def resend_all(self) -> None:
        """Home Assistant has started: all last values and all retained readings are due."""
        self._sent, self._resend = {}, dict(self._retained)

    def due(self, besides: Collection[str]) -> list[Message]:
        """The messages to send now, at most one for each topic. No old reading for a topic in `besides`: it gets a new
        one now."""
        values = {message.topic: message for message in self._cache.values() if message.topic not in besides}
        changed = [message for topic, message in values.items() if self._sent.get(topic) is not message]
        taken = {*besides, *values}
        readings = [message for topic, message in self._resend.items() if topic not in taken]
        return changed + readings + self._cache.queued()

    def take_optional(self) -> list[Message]:
        """The messages to try once when nothing is due."""
        found = self._cache.optional()
        for message in found:
            self._cache.cancel_optional(message)
        return found

    def settle(self, message: Message, outcome: Outcome) -> None:
        """Note the outcome of a message from `due`."""
        if outcome is not Outcome.KEEP:
            self._sent[message.topic] = message
            self._resend.pop(message.topic, None)
            self._cache.remove_queued(message)

    def set_retained(self, message: Message) -> None:
        """Note the reading that the broker now retains on its topic. A topic to be cleared is due again then."""
        self._retained[message.topic] = message
        self._resend.pop(message.topic, None)
        self._sent.pop(message.topic, None)

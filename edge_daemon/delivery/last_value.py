"""What is latest-only: said on every connect and when it changes, never stored, never behind a backlog."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection

from edge_daemon.domain import Message, Outcome

_QUEUE_SIZE = 64
"""So many answers wait at most; a client that has asked more has long given up on the first."""


class LastValueCache:
    """Messages of which only the newest per topic counts; answers, of which each counts, once; and offers, which are
    forgotten when the connection is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Message] = {}
        self._queued: deque[Message] = deque(maxlen=_QUEUE_SIZE)
        self._optional: dict[str, Message] = {}
        self.on_set: Callable[[], None] = lambda: None
        """Called after each post, by the thread that posts."""

    def set(self, message: Message) -> None:
        """From any thread."""
        with self._lock:
            self._values[message.topic] = message
        self.on_set()

    def send_once(self, message: Message) -> None:
        """Said once, and not again on the next connect. From any thread."""
        with self._lock:
            self._queued.append(message)
        self.on_set()

    def send_if_connected(self, message: Message) -> None:
        """Said on the present connection when nothing else waits, or never. From any thread."""
        with self._lock:
            self._optional[message.topic] = message
        self.on_set()

    def optional(self) -> list[Message]:
        """The newest offer of each topic."""
        with self._lock:
            return list(self._optional.values())

    def cancel_optional(self, message: Message | None = None) -> None:
        """One offer, or all."""
        with self._lock:
            self._optional = {t: m for t, m in self._optional.items() if message is not None and m is not message}

    def values(self) -> list[Message]:
        """The newest message of each topic."""
        with self._lock:
            return list(self._values.values())

    def queued(self) -> list[Message]:
        """The oldest waiting answer of each topic."""
        with self._lock:
            return list({message.topic: message for message in reversed(self._queued)}.values())

    def remove_queued(self, message: Message) -> None:
        """It need not be said again."""
        with self._lock:
            self._queued = deque((other for other in self._queued if other is not message), _QUEUE_SIZE)


class LastValueSender:
    """What of the last_values the broker has yet to be told. For the courier's thread."""

    def __init__(self, last_values: LastValueCache) -> None:
        self._last_values = last_values
        self._sent: dict[str, Message] = {}
        self._states: dict[str, Message] = {}  # topic -> the reading that is retained there
        self._again: dict[str, Message] = {}

    def reset(self) -> None:
        """A connection has been made: all of the last_values is due."""
        self._sent, self._again = {}, {}
        self._last_values.cancel_optional()

    def resend_all(self) -> None:
        """Somebody has asked for everything: also the readings that are retained."""
        self._sent, self._again = {}, dict(self._states)

    def due(self, besides: Collection[str]) -> list[Message]:
        """What there is to say, at most one for each topic; nothing old of a topic that is named in `besides`."""
        changed = [message for message in self._last_values.values() if self._sent.get(message.topic) is not message]
        states = [message for topic, message in self._again.items() if topic not in besides]
        return changed + states + self._last_values.queued()

    def take_optional(self) -> list[Message]:
        """What may be said where nothing is due; it is tried once."""
        found = self._last_values.optional()
        for message in found:
            self._last_values.cancel_optional(message)
        return found

    def settle(self, message: Message, outcome: Outcome) -> None:
        """This has become of a notice."""
        if outcome is not Outcome.KEEP:
            self._sent[message.topic] = message
            self._again.pop(message.topic, None)
            self._last_values.remove_queued(message)

    def set_retained(self, message: Message) -> None:
        """This reading is what the broker holds now."""
        self._states[message.topic] = message
        self._again.pop(message.topic, None)

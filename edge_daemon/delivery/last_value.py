"""What is latest-only: said on every connect and when it changes, never stored, never behind a backlog."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection

from edge_daemon.domain import Message, Outcome

_ANSWERS = 64
"""So many answers wait at most; a client that has asked more has long given up on the first."""


class Board:
    """Messages of which only the newest per topic counts; answers, of which each counts, once; and offers, which are
    forgotten when the connection is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, Message] = {}
        self._answers: deque[Message] = deque(maxlen=_ANSWERS)
        self._offers: dict[str, Message] = {}
        self.on_post: Callable[[], None] = lambda: None
        """Called after each post, by the thread that posts."""

    def post(self, message: Message) -> None:
        """From any thread."""
        with self._lock:
            self._newest[message.topic] = message
        self.on_post()

    def answer(self, message: Message) -> None:
        """Said once, and not again on the next connect. From any thread."""
        with self._lock:
            self._answers.append(message)
        self.on_post()

    def offer(self, message: Message) -> None:
        """Said on the present connection when nothing else waits, or never. From any thread."""
        with self._lock:
            self._offers[message.topic] = message
        self.on_post()

    def offers(self) -> list[Message]:
        """The newest offer of each topic."""
        with self._lock:
            return list(self._offers.values())

    def withdraw(self, message: Message | None = None) -> None:
        """One offer, or all."""
        with self._lock:
            self._offers = {t: m for t, m in self._offers.items() if message is not None and m is not message}

    def newest(self) -> list[Message]:
        """The newest message of each topic."""
        with self._lock:
            return list(self._newest.values())

    def answers(self) -> list[Message]:
        """The oldest waiting answer of each topic."""
        with self._lock:
            return list({message.topic: message for message in reversed(self._answers)}.values())

    def answered(self, message: Message) -> None:
        """It need not be said again."""
        with self._lock:
            self._answers = deque((other for other in self._answers if other is not message), _ANSWERS)


class Notices:
    """What of the board the broker has yet to be told. For the courier's thread."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._posted: dict[str, Message] = {}
        self._states: dict[str, Message] = {}  # topic -> the reading that is retained there
        self._again: dict[str, Message] = {}

    def begin(self) -> None:
        """A connection has been made: all of the board is due."""
        self._posted, self._again = {}, {}
        self._board.withdraw()

    def repeat(self) -> None:
        """Somebody has asked for everything: also the readings that are retained."""
        self._posted, self._again = {}, dict(self._states)

    def due(self, besides: Collection[str]) -> list[Message]:
        """What there is to say, at most one for each topic; nothing old of a topic that is named in `besides`."""
        changed = [message for message in self._board.newest() if self._posted.get(message.topic) is not message]
        states = [message for topic, message in self._again.items() if topic not in besides]
        return changed + states + self._board.answers()

    def offers(self) -> list[Message]:
        """What may be said where nothing is due; it is tried once."""
        found = self._board.offers()
        for message in found:
            self._board.withdraw(message)
        return found

    def settle(self, message: Message, outcome: Outcome) -> None:
        """This has become of a notice."""
        if outcome is not Outcome.KEEP:
            self._posted[message.topic] = message
            self._again.pop(message.topic, None)
            self._board.answered(message)

    def retained(self, message: Message) -> None:
        """This reading is what the broker holds now."""
        self._states[message.topic] = message
        self._again.pop(message.topic, None)

"""Where questions are answered: by a server over the broker, or by the same engine on this device."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from typing import Protocol

from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.errors import ChildError, ModelError
from edge_daemon.mqtt.payloads import Answer, Question
from edge_daemon.second_opinion import messages
from edge_daemon.system.child_process import ChildProcess

log = logging.getLogger(__name__)

CHILD_SECONDS = 90.0
"""Time limit of a reading on this device, seconds. A Pi 4 needs most of it for loading the engine."""


class Channel(Protocol):
    """Takes one question at a time."""

    patience: float
    """Seconds after which a question is given up."""

    def is_open(self) -> bool:
        """Whether a question can be asked now."""

    def ask(self, question: Question) -> None:
        """Ask."""

    def cancel(self) -> None:
        """Give up the question."""

    def answer(self) -> Answer | None:
        """The answer, once, if the channel has one; those of servers come as messages instead."""


class BrokerChannel(Channel):
    """Sends questions to the servers on the broker. What the connection loses is not sent again."""

    patience = messages.EXPIRY

    def __init__(self, device: str, last_values: LastValueCache, connected: Callable[[], bool]) -> None:
        self._device, self._last_values, self._connected = device, last_values, connected

    def is_open(self) -> bool:
        return self._connected()

    def ask(self, question: Question) -> None:
        self._last_values.send_if_connected(messages.question_message(self._device, question))

    def cancel(self) -> None:
        self._last_values.cancel_optional()

    def answer(self) -> None:
        return None


class LocalChannel(Channel):
    """Reads on this device, in a child process with limits: no picture leaves, and a crash ends only that process.

    The process ends after each question, so the engine takes memory only while it reads.
    """

    patience = CHILD_SECONDS

    def __init__(self, allowed: Callable[[], bool]) -> None:
        """`allowed`: whether the daemon may read now."""
        self._allowed = allowed
        self._child: ChildProcess | None = None
        self._id = ""
        self._failed = ""

    def is_open(self) -> bool:
        return self._allowed()

    def ask(self, question: Question) -> None:
        picture = base64.b64encode(question.picture).decode()
        self._id = question.id
        self._child = ChildProcess("edge_daemon.second_opinion.engine:read_picture", picture, seconds=CHILD_SECONDS)

    def cancel(self) -> None:
        if self._child:
            self._child.kill()
            self._child = None

    def answer(self) -> Answer | None:
        if self._child is None or not self._child.is_done():
            return None
        child, self._child = self._child, None
        try:
            result = child.result()
        except (ChildError, ModelError) as error:
            if self._failed != str(error):  # told once, not for each number
                log.warning("no second opinions on this device: the engine %s", error)
            self._failed = str(error)
            return None
        self._failed = ""
        candidates = messages.rounded_candidates(tuple((text, share) for text, share in result["candidates"]))
        return Answer(self._id, candidates, result["model"])

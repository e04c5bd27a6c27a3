"""What can be asked for over MQTT: a table name -> function, and the dispatcher that answers each request once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from edge_daemon.commands.parsing import CommandRequest, match_arguments, parse
from edge_daemon.commands.transactions import Transactions
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Listener, ReceivedMessage, Request
from edge_daemon.errors import EdgeDaemonError
from edge_daemon.mqtt import messages

log = logging.getLogger(__name__)

Data = dict[str, Any]
Later = Callable[[], Data | None]
"""What takes a few frames: asked each round until it has the answer. Raises EdgeDaemonError."""

BURST = 20
"""So many requests may come at once;"""
PER_SECOND = 2.0
"""and so many in the long run."""


class Models(Protocol):
    """What commands can do about the model. Each raises EdgeDaemonError where it cannot be done."""

    def check(self) -> Data: ...

    def install(self) -> Data: ...

    def rollback(self) -> Data: ...


class Controls(Protocol):
    """What commands can do."""

    @property
    def models(self) -> Models: ...

    def health(self) -> Data: ...

    def read_now(self) -> Later:
        """Raises EdgeDaemonError."""

    def snapshot(self, field: str) -> Later:
        """Raises EdgeDaemonError."""

    def set_value(self, field: str, value: str | int | float) -> Data:
        """Raises EdgeDaemonError."""

    def history(self, from_seq: int) -> Data: ...

    def validate(self) -> None:
        """Whether a reload would succeed. Raises ConfigError."""

    def enable(self, on: bool) -> None: ...

    def ask(self, request: Request) -> None:
        """To be done once the request has been answered."""


def health_check(controls: Controls) -> Data:
    """What `health` says, of now."""
    return controls.health()


def read_now(controls: Controls) -> Later:
    """Look again at each field, changed or not; answer, and publish, what is seen then."""
    return controls.read_now()


def set_value(controls: Controls, *, field: str, value: str | int | float) -> Data:
    """Believe what a person says is written in a field; readings go on from there."""
    return controls.set_value(field, value)


def snapshot(controls: Controls, *, field: str) -> Later:
    """Send a picture of one field, where the configuration lets pictures leave the device."""
    return controls.snapshot(field)


def history(controls: Controls, *, from_seq: int) -> Data:
    """Say once more, on `history`, what was delivered from a number on, as far as it is kept; at most 1,000 readings.

    `next_seq`, where there is one, is where to ask on from.
    """
    return controls.history(from_seq)


def reload(controls: Controls) -> Data:
    """Read the configuration again and go on with it; a wrong one is refused."""
    controls.validate()
    controls.ask(Request.RELOAD)
    return {}


def restart(controls: Controls) -> Data:
    """End, and start anew."""
    controls.ask(Request.RESTART)
    return {}


def model_check(controls: Controls) -> Data:
    """Look for a newer model; what is found is told on the topic `update`."""
    return controls.models.check()


def model_install(controls: Controls) -> Data:
    """Look for a newer model and go on with it; how that goes is told on the topic `update`."""
    return controls.models.install()


def model_rollback(controls: Controls) -> Data:
    """Go on with the model before this one."""
    return controls.models.rollback()


Table = Mapping[str, Callable[..., Data | Later]]
COMMANDS: Table = {
    "health_check": health_check,
    "history": history,
    "model_check": model_check,
    "model_install": model_install,
    "model_rollback": model_rollback,
    "read_now": read_now,
    "set_value": set_value,
    "snapshot": snapshot,
    "reload": reload,
    "restart": restart,
}
"""Arguments, where there are any, are the keyword-only parameters of the function."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that was carried out, or begun, and not yet answered."""

    name: str
    key: str | None
    """Of the transaction."""
    transaction: str | int | None
    received: ReceivedMessage
    later: Later


class CommandDispatcher(Listener):
    """Answers each request, and carries it out at most once. Called from the path's thread."""

    def __init__(
        self,
        device: str,
        last_values: LastValueCache,
        controls: Controls,
        transactions: Transactions,
        commands: Table = COMMANDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.refused = 0
        """Requests beyond the rate limit; all but the first of a flood are not even answered."""
        self._device = device
        self._last_values = last_values
        self._controls = controls
        self._transactions = transactions
        self._commands = commands
        self._now = now
        self._left, self._filled_at = float(BURST), now()
        self._flooded = False
        self._pending: list[Pending] = []

    def handle(self, received: ReceivedMessage) -> None:
        """Whatever has arrived on one of our topics."""
        if received.topic == messages.enabled_topic(self._device):
            self._switch(received)
        elif (name := messages.requested_command(self._device, received.topic)) is not None:
            self._reply(name, received, self._answer(name, received))

    def on_tick(self) -> None:
        """Answer the pending requests that have their answer by now."""
        for pending in self._pending[:]:
            if (answer := self._settle(pending)) is not None:
                self._pending.remove(pending)
                self._reply(pending.name, pending.received, answer)

    def close(self) -> None:
        """Whatever still waits for its answer gets one."""
        for pending in self._pending:
            answer = messages.failure(
                "the daemon was stopped, or is reading its configuration anew", pending.transaction
            )
            self._finish(pending.key, answer)
            self._reply(pending.name, pending.received, answer)
        self._pending = []

    def _reply(self, name: str, received: ReceivedMessage, answer: str | None) -> None:
        if answer is not None:
            self._last_values.send_once(messages.response(self._device, name, answer, received))

    def _switch(self, received: ReceivedMessage) -> None:
        if received.payload in (b"ON", b"OFF") and not received.retain and self._may():
            self._controls.enable(received.payload == b"ON")

    def _answer(self, name: str, received: ReceivedMessage) -> str | None:
        """The response as JSON; None: none."""
        if not self._may():
            first, self._flooded = not self._flooded, True
            return messages.failure(f"too many requests: {PER_SECOND:g} a second, please") if first else None
        self._flooded = False
        asked: CommandRequest | None = None
        try:
            if received.retain:
                raise ValueError("a retained request is not carried out: it would be again at every start")
            asked = parse(received.payload)
            return self._carry_out(name, asked, received)
        except (EdgeDaemonError, ValueError, OSError) as error:
            return messages.failure(str(error), asked.transaction if asked else None)

    def _carry_out(self, name: str, asked: CommandRequest, received: ReceivedMessage) -> str | None:
        """The response; None where it comes later. Raises EdgeDaemonError, ValueError or OSError where it is
        refused."""
        if name not in self._commands:
            raise ValueError(f"unknown command; known are {', '.join(sorted(self._commands))}")
        function = self._commands[name]
        arguments = match_arguments(function, asked.arguments)
        key = None if asked.transaction is None else f"{name}/{asked.transaction!r}"
        if key is not None and key in {pending.key for pending in self._pending}:
            return None  # asked again by somebody in a hurry
        if key is not None and key in self._transactions:
            return self._transactions.answer(key) or messages.failure(
                "it was begun, and interrupted by a restart; it is not begun again", asked.transaction
            )
        if key is not None:
            self._transactions.begin(key)
        log.info("command %s", name)
        try:
            done = function(self._controls, **arguments)
        except EdgeDaemonError as error:
            return self._finish(key, messages.failure(str(error), asked.transaction))
        if callable(done):
            self._pending.append(Pending(name, key, asked.transaction, received, done))
            return None
        return self._finish(key, messages.success(done, asked.transaction))

    def _settle(self, pending: Pending) -> str | None:
        """The response, when it is there."""
        try:
            data = pending.later()
        except EdgeDaemonError as error:
            return self._finish(pending.key, messages.failure(str(error), pending.transaction))
        return None if data is None else self._finish(pending.key, messages.success(data, pending.transaction))

    def _finish(self, key: str | None, answer: str) -> str:
        if key is not None:
            with suppress(OSError):  # asked again, it will be told that it was interrupted
                self._transactions.finish(key, answer)
        return answer

    def _may(self) -> bool:
        """The token bucket."""
        now = self._now()
        self._left = min(float(BURST), self._left + (now - self._filled_at) * PER_SECOND)
        self._filled_at = now
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        return True

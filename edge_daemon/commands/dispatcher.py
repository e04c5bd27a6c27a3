"""Runs each request at most once and answers it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edge_daemon.commands.controls import DaemonControls
from edge_daemon.commands.on_demand import Data, Deferred
from edge_daemon.commands.parsing import CommandRequest, match_arguments, parse
from edge_daemon.commands.table import COMMANDS, COSTS, REPEATABLE, Table
from edge_daemon.commands.transactions import Transactions
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Listener, ReceivedMessage
from edge_daemon.errors import EdgeDaemonError
from edge_daemon.mqtt import messages

log = logging.getLogger(__name__)

BURST = 20
"""Requests that may come at once."""
PER_SECOND = 2.0
"""Requests a second, on average."""
SWITCH_COST = 5.0
"""Share of the permitted rate of ON or OFF, in requests: for ON the daemon is built again."""


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """A request that is being carried out and is not yet answered."""

    name: str
    key: str | None
    """Of the transaction; None: the request has none."""
    transaction: str | int | None
    received: ReceivedMessage
    deferred: Deferred


class CommandDispatcher(Listener):
    """Limits the rate of requests, parses them, runs their commands and sends the responses.

    Called from the path's thread.
    """

    def __init__(
        self,
        device: str,
        last_values: LastValueCache,
        controls: DaemonControls,
        transactions: Transactions,
        commands: Table = COMMANDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.refused = 0
        """Requests above the rate limit; of a flood only the first of these is answered."""
        self._device = device
        self._last_values = last_values
        self._controls = controls
        self._transactions = transactions
        self._commands = commands
        self._now = now
        self._tokens, self._filled_at = float(BURST), now()
        self._flooded = False
        self._pending: list[PendingCommand] = []

    def handle(self, received: ReceivedMessage) -> None:
        """Process a message: a request, or ON or OFF for the switch. Others are ignored."""
        if received.topic == messages.enabled_topic(self._device):
            self._switch(received)
        elif (name := messages.requested_command(self._device, received.topic)) is not None:
            self._respond(name, received, self._process(name, received))

    def on_tick(self) -> None:
        """Answer the pending requests whose result is there."""
        for pending in self._pending[:]:
            if (response := self._poll(pending)) is not None:
                self._pending.remove(pending)
                self._respond(pending.name, pending.received, response)

    def close(self) -> None:
        """Answer all pending requests with an error."""
        for pending in self._pending:
            response = messages.failure("the daemon was stopped or reloaded before the result", pending.transaction)
            self._respond(pending.name, pending.received, self._remember(pending.key, response))
        self._pending = []

    def _respond(self, name: str, received: ReceivedMessage, response: str | None) -> None:
        if response is not None:
            self._last_values.send_once(messages.response(self._device, name, response, received))

    def _switch(self, received: ReceivedMessage) -> None:
        if received.payload in (b"ON", b"OFF") and not received.retain and self._take(SWITCH_COST):
            self._controls.enable(received.payload == b"ON")

    def _process(self, name: str, received: ReceivedMessage) -> str | None:
        """The response as JSON; None: there is none, or it comes later."""
        if not self._take(COSTS.get(name, 1.0)):
            first, self._flooded = not self._flooded, True
            return messages.failure(f"too many requests: at most {PER_SECOND:g} a second") if first else None
        self._flooded = False
        request: CommandRequest | None = None
        try:
            if received.retain:
                raise ValueError("a retained request is refused: it would be carried out again at every start")
            request = parse(received.payload)
            return self._execute(name, request, received)
        except (EdgeDaemonError, ValueError, OSError) as error:
            return messages.failure(str(error), request.transaction if request else None)

    def _execute(self, name: str, request: CommandRequest, received: ReceivedMessage) -> str | None:
        """The response; None if it comes later. Raises EdgeDaemonError, ValueError or OSError for a refused request."""
        if name not in self._commands:
            raise ValueError(f"unknown command; known are {', '.join(sorted(self._commands))}")
        function = self._commands[name]
        arguments = match_arguments(function, request.arguments)
        key = None if request.transaction is None else f"{name}/{request.transaction!r}"
        if key is not None and key in {pending.key for pending in self._pending}:
            return None  # sent again before the first one was answered
        if key is not None and key in self._transactions:
            return self._transactions.answer(key) or messages.failure(
                "it was begun before, and is not carried out again: a restart interrupted it, or its answer "
                "is no longer stored",
                request.transaction,
            )
        if key is not None:
            self._begin(name, key)
        log.info("command %s", name)
        try:
            result = function(self._controls, **arguments)
        except EdgeDaemonError as error:
            return self._remember(key, messages.failure(str(error), request.transaction))
        if callable(result):
            self._pending.append(PendingCommand(name, key, request.transaction, received, result))
            return None
        return self._succeed(key, result, request.transaction)

    def _begin(self, name: str, key: str) -> None:
        """Raises OSError where it cannot be remembered that the command is carried out, and it must be."""
        try:
            self._transactions.begin(key)
        except OSError as error:
            if name not in REPEATABLE:
                raise OSError(f"{name} is refused, because the disk cannot store that it was done: {error}") from error

    def _poll(self, pending: PendingCommand) -> str | None:
        """The response, if the result is there."""
        try:
            data = pending.deferred()
        except EdgeDaemonError as error:
            return self._remember(pending.key, messages.failure(str(error), pending.transaction))
        return None if data is None else self._succeed(pending.key, data, pending.transaction)

    def _succeed(self, key: str | None, data: Data, transaction: str | int | None) -> str:
        return self._remember(key, messages.success(data, transaction))

    def _remember(self, key: str | None, response: str) -> str:
        if key is not None:
            with suppress(OSError):  # a repeated request is then answered with "interrupted"
                self._transactions.finish(key, response)
        return response

    def _take(self, cost: float) -> bool:
        """Whether a request of this cost may be processed now: a token bucket."""
        now = self._now()
        self._tokens = min(float(BURST), self._tokens + (now - self._filled_at) * PER_SECOND)
        self._filled_at = now
        if self._tokens < cost:
            self.refused += 1
            return False
        self._tokens -= cost
        return True

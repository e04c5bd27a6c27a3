"""The parts of the running daemon that commands use, and the switch that turns reading on and off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from edge_daemon.commands.background import BackgroundWork
from edge_daemon.commands.on_demand import Data, OnDemandReader
from edge_daemon.commands.rebuild_limit import RebuildLimit
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Entry, Listener, Reading, ReceivedMessage, Record, Request, Status
from edge_daemon.errors import CommandError
from edge_daemon.mqtt import messages
from edge_daemon.telemetry.report import HealthReport

Inbox = SimpleQueue[Request | ReceivedMessage]
"""Requests of signal handlers, and messages received over MQTT; the path looks in each round."""
MAX_WAITING = 64
"""Messages that wait in the inbox, at most; further ones are dropped."""


class Models(Protocol):
    """The updates of the model. Each method raises EdgeDaemonError where it cannot be done."""

    def check(self) -> Data: ...

    def install(self) -> Data: ...

    def rollback(self) -> Data: ...


class ReadingSwitch:
    """Whether frames are read. It is kept over a restart: while it is off, a file exists."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.is_on = not file.exists()

    def turn(self, on: bool) -> None:
        """Switch on or off. If the disk is full, it is on again at the next start."""
        self.is_on = on
        with suppress(OSError):
            self._file.unlink(missing_ok=True) if on else self._file.touch()


class DaemonControls(Listener):
    """What commands can use and change in the running daemon. Called from the path's thread."""

    def __init__(
        self, device: str, last_values: LastValueCache, outbox: Outbox, report: HealthReport, inbox: Inbox,
        switch: ReadingSwitch, validate: Callable[[], object], on_demand: OnDemandReader,
        replay: Callable[[Sequence[Entry]], None], models: Models,
        rebuilds: RebuildLimit | None = None,
    ) -> None:  # fmt: skip
        """`validate` loads the configuration and raises ConfigError if it is wrong. `replay` publishes delivered
        entries again. `rebuilds` limits how often commands have the daemon built again."""
        self.outbox = outbox
        self.report = report
        self.validate = validate
        self.on_demand = on_demand
        self.replay = replay
        self.models = models
        self.rebuilds = rebuilds or RebuildLimit()
        self.history = BackgroundWork()
        self._device = device
        self._last_values = last_values
        self._inbox = inbox
        self._switch = switch
        self._latest: dict[str, Reading] = {}
        self._stale = False
        last_values.set(messages.enabled(device, switch.is_on))

    def on_record(self, seq: int, record: Record) -> None:
        """Keep the latest reading of each field: it is published again when its status changes."""
        if isinstance(record, Reading):
            self._latest[record.field] = record
            if record.gone:
                del self._latest[record.field]

    def check_enabled(self) -> None:
        """Raises CommandError while reading is switched off."""
        if not self._switch.is_on:
            raise CommandError("reading is switched off")

    def enable(self, on: bool) -> None:
        """Switch reading on or off. Off: each field gets the status `disabled`. On: the daemon is built again."""
        changed = on is not self._switch.is_on
        self._switch.turn(on)
        self._last_values.set(messages.enabled(self._device, on))
        if changed and on:
            self.request(Request.RELOAD)
        elif changed:
            for reading in self._latest.values():
                self.outbox.put(replace(reading, status=Status.DISABLED))

    def set_camera_silent(self, silent: bool) -> None:
        """Call it in each round. While the camera gives no frames each field is `stale`; afterwards the daemon is built
        again."""
        if silent and not self._stale and self._switch.is_on:
            self.outbox.put_all([replace(reading, status=Status.STALE) for reading in self._latest.values()])
        elif self._stale and not silent:
            self.request(Request.RELOAD)
        self._stale = silent

    def request(self, request: Request) -> None:
        """Leave the path in the next round."""
        self._inbox.put(request)


def enqueue(inbox: Inbox, received: ReceivedMessage) -> None:
    """Put a received message into the inbox if there is room. For the courier's thread."""
    if inbox.qsize() < MAX_WAITING:
        inbox.put(received)

"""What a command can do to the running daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from edge_daemon.commands.dispatcher import Later, Models
from edge_daemon.commands.on_demand import OnDemandReader
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Entry, Listener, Reading, ReceivedMessage, Record, Request, Status
from edge_daemon.errors import CommandError
from edge_daemon.mqtt import messages
from edge_daemon.telemetry.report import HealthReport

Inbox = SimpleQueue[Request | ReceivedMessage]
"""What signals and subscribers ask for; the path looks once a round."""
_REPLAYED = 1000
"""So many delivered readings are said again for one request; who wants more asks from there on."""
_ROOM = 64
"""So many requests wait at most; the rest of a flood is not even looked at."""


class ReadingSwitch:
    """Whether frames are read. It survives a restart: while it is off, a file is there."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.is_on = not file.exists()

    def turn(self, on: bool) -> None:
        """Switch on or off. On a disk that is full the switch is on again at the next start."""
        self.is_on = on
        with suppress(OSError):
            self._file.unlink(missing_ok=True) if on else self._file.touch()


class DaemonControls(Listener):
    """The daemon's levers. Called from the path's thread."""

    def __init__(
        self, device: str, last_values: LastValueCache, outbox: Outbox, report: HealthReport, inbox: Inbox,
        switch: ReadingSwitch, validate: Callable[[], object], on_demand: OnDemandReader,
        replay: Callable[[Sequence[Entry]], None], models: Models,
    ) -> None:  # fmt: skip
        """`validate` loads the configuration."""
        self._device = device
        self._last_values = last_values
        self._outbox = outbox
        self._report = report
        self._inbox = inbox
        self._switch = switch
        self._validate = validate
        self._on_demand = on_demand
        self._replay = replay
        self.models = models
        self._latest: dict[str, Reading] = {}
        self._stale = False
        last_values.set(messages.enabled(device, switch.is_on))

    def on_record(self, seq: int, record: Record) -> None:
        """This goes out: it is what each field says again when reading is switched off."""
        if isinstance(record, Reading):
            self._latest[record.field] = record
            if record.gone:
                del self._latest[record.field]

    def health(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self._report.health()))

    def read_now(self) -> Later:
        self._must_be_enabled()
        return self._on_demand.read_now()

    def snapshot(self, field: str) -> Later:
        self._must_be_enabled()
        return self._on_demand.snapshot(field)

    def set_value(self, field: str, value: str | int | float) -> dict[str, Any]:
        self._must_be_enabled()
        return self._on_demand.set_value(field, value, time.time(), time.monotonic())

    def history(self, from_seq: int) -> dict[str, Any]:
        found = self._outbox.past(from_seq, _REPLAYED + 1)
        self._replay(found[:_REPLAYED])
        said: dict[str, Any] = {"readings": len(found[:_REPLAYED])}
        return said | ({"next_seq": found[_REPLAYED].seq} if found[_REPLAYED:] else {})

    def _must_be_enabled(self) -> None:
        if not self._switch.is_on:
            raise CommandError("reading is switched off")

    def validate(self) -> None:
        self._validate()

    def enable(self, on: bool) -> None:
        """Switched off, each field says `disabled`; switched on, everything is looked at afresh."""
        changed = on is not self._switch.is_on
        self._switch.turn(on)
        self._last_values.set(messages.enabled(self._device, on))
        if changed and on:
            self.ask(Request.RELOAD)
        elif changed:
            for reading in self._latest.values():
                self._outbox.put(replace(reading, status=Status.DISABLED))

    def blind(self, now: bool) -> None:
        """Whether the camera has given nothing for long: each field says `stale` then, and afterwards everything is
        looked at afresh."""
        if now and not self._stale and self._switch.is_on:
            self._outbox.put_all([replace(reading, status=Status.STALE) for reading in self._latest.values()])
        elif self._stale and not now:
            self.ask(Request.RELOAD)
        self._stale = now

    def ask(self, request: Request) -> None:
        self._inbox.put(request)


def enqueue(inbox: Inbox, received: ReceivedMessage) -> None:
    """Put in what has arrived, while there is room. For the courier's thread."""
    if inbox.qsize() < _ROOM:
        inbox.put(received)

"""What a command can do to the running daemon."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from edge_daemon import wire
from edge_daemon.board import Board
from edge_daemon.commands import Models
from edge_daemon.domain import Heard, Reading, Record, Request, Status
from edge_daemon.errors import CommandError
from edge_daemon.outbox import Outbox
from edge_daemon.report import Report

Inbox = SimpleQueue[Request | Heard]
"""What signals and subscribers ask for; the path looks once a round."""
_ROOM = 64
"""So many requests wait at most; the rest of a flood is not even looked at."""


class Controls:
    """The daemon's levers. Called from the path's thread."""

    def __init__(
        self, device: str, board: Board, outbox: Outbox, report: Report, inbox: Inbox, switch: Path,
        validate: Callable[[], object], models: Models,
    ) -> None:  # fmt: skip
        """`switch` is a file that is there while reading is switched off; `validate` loads the configuration."""
        self._device = device
        self._board = board
        self._outbox = outbox
        self._report = report
        self._inbox = inbox
        self._switch = switch
        self._validate = validate
        self.models = models
        self._latest: dict[str, Reading] = {}
        self.enabled = not switch.exists()
        """Whether the camera's frames are read."""
        board.post(wire.enabled(device, self.enabled))

    def said(self, record: Record) -> None:
        """This goes out: it is what `read_now` says again."""
        if isinstance(record, Reading):
            self._latest[record.field] = record
            if record.gone:
                del self._latest[record.field]

    def health(self) -> dict[str, Any]:
        return self._report.health()

    def read_now(self) -> dict[str, Any]:
        if not self.enabled:
            raise CommandError("reading is switched off")
        for reading in self._latest.values():
            self._outbox.put(reading)
        return {"readings": len(self._latest)}

    def validate(self) -> None:
        self._validate()

    def enable(self, on: bool) -> None:
        """Switched off, each field says `disabled`; switched on, everything is looked at afresh."""
        changed, self.enabled = on is not self.enabled, on
        with suppress(OSError):  # a disk that is full: it holds until the next start
            self._switch.unlink(missing_ok=True) if on else self._switch.touch()
        self._board.post(wire.enabled(self._device, on))
        if changed and on:
            self.ask(Request.RELOAD)
        elif changed:
            for reading in self._latest.values():
                self._outbox.put(replace(reading, status=Status.DISABLED))

    def ask(self, request: Request) -> None:
        self._inbox.put(request)


def take(inbox: Inbox, heard: Heard) -> None:
    """Put in what has arrived, while there is room. For the courier's thread."""
    if inbox.qsize() < _ROOM:
        inbox.put(heard)

"""scripts/collect as a process, and messages for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_daemon.domain import Entry, Message
from edge_daemon.mqtt.messages import encode_record
from scripts.collecting.rows import Received
from tests.support.records import reading

ROOT = Path(__file__).parents[3]


def said(seq: int, replayed: bool = False, device: str = "dock3", **changes: Any) -> Message:
    """The message of a reading with this number, of the field `units`."""
    entry = Entry(seq, f"{device}/00000001/{seq}", True, reading(seq, **changes))
    return encode_record(device, "candidates", entry, replayed)


def received(message: Message) -> Received:
    """The same, as it arrives."""
    return Received(message.topic, message.payload)


class Collecting:
    """A running scripts/collect, and the lines that it has told."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "scripts.collecting.main", *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        self.told: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.told.append(line.rstrip())


@contextmanager
def collecting(*arguments: str) -> Iterator[Collecting]:
    """Killed at the end."""
    running = Collecting(*arguments)
    try:
        yield running
    finally:
        running.kill()

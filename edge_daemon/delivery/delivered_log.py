"""Readings that the broker has acknowledged, stored for the command `history`.

They are rows with a checksum each, in a few files that only grow; the oldest file is removed when there are too many.
The newest rows stay in memory until they fill some pages of the disk, because the file system adds pages of its own to
each write. This log is a convenience, not a promise: nothing is synced, and a kill, a power cut or a full disk may lose
some of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_daemon.delivery import row_format
from edge_daemon.delivery.row_format import Row
from edge_daemon.domain import Entry, Reading
from edge_daemon.system import json_text, regular_file

FILES = 8
"""Files, at most; the oldest is removed as a whole."""
LARGEST = 16_000_000
"""Bytes of all files together, at most: each request reads them all."""
WRITE_SIZE = 16_384
"""Bytes that are written at once."""


class DeliveredLog:
    """The log of delivered readings. Called with the outbox's lock held."""

    def __init__(self, folder: Path, device: str, max_size: int, max_age: float) -> None:
        """Continues the log in `folder`."""
        self._folder = folder
        self._device = device
        self._max_file = min(max_size, LARGEST) // FILES
        self._max_age = max_age
        self._unwritten = b""

    def add(self, entries: Iterable[Entry]) -> None:
        """Add acknowledged entries. If the disk takes nothing, that is not an error here."""
        self._unwritten += b"".join(
            row_format.pack(_row(entry)) for entry in entries if isinstance(entry.record, Reading)
        )
        if len(self._unwritten) >= min(WRITE_SIZE, self._max_file // 2):
            self.flush()

    def flush(self) -> None:
        """Write to a file what is only in memory."""
        packed, self._unwritten = self._unwritten, b""
        if packed:
            with suppress(OSError):
                self._append(packed)

    def readings(self, from_seq: int, limit: int) -> list[Entry]:
        """The readings with a seq of at least `from_seq`, oldest first, each once."""
        found = {(row.epoch, row.seq): row for row in self._rows() if row.seq >= from_seq}
        return [entry for key in sorted(found)[:limit] if (entry := self._entry(found[key]))]

    def _append(self, packed: bytes) -> None:
        files = self._files()
        if not files or files[-1].stat().st_size + len(packed) > self._max_file:
            number = int(files[-1].stem.removeprefix("past-")) + 1 if files else 0
            files.append(self._folder / f"past-{number:08d}.log")
            for old in files[:-FILES]:
                old.unlink()
        regular_file.append(files[-1], packed)

    def _rows(self) -> Iterator[Row]:
        for path in self._files():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime < self._max_age:
                    yield from (row for row in row_format.find(regular_file.read(path)) if isinstance(row, Row))
        yield from (row for row in row_format.find(self._unwritten) if isinstance(row, Row))

    def _files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._folder.glob("past-" + "[0-9]" * 8 + ".log"))

    def _entry(self, row: Row) -> Entry | None:
        """None: another version of the program wrote it."""
        with suppress(msgspec.DecodeError):
            record = msgspec.json.decode(row.json, type=Reading)
            return Entry(row.seq, f"{self._device}/{row.epoch:08x}/{row.seq}", row.synced, record)
        return None


def _row(entry: Entry) -> Row:
    epoch = int(entry.id.split("/")[1], 16)
    lane = entry.record.field or ""
    return Row(entry.seq, epoch, 0.0, entry.synced, lane, json_text.encode(entry.record))

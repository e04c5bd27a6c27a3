"""Readings that the broker has acknowledged, kept for those who ask for them again: the command `history`.

They lie as rows, each with its checksum, in a few files that only grow; the oldest goes when there are too many. The
newest wait in memory until they fill some pages of the disk: to each write the file system adds pages of its own. It is
a convenience and no promise: nothing is synced, and what a kill, a power cut or a full disk takes is not here.
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
from edge_daemon.system import json_text

FILES = 8
"""At most so many; the oldest goes as a whole."""
LARGEST = 16_000_000
"""Bytes that all of them may take: a look into the past reads them all."""
TOGETHER = 16_384
"""Bytes that are written at once."""


class DeliveredLog:
    """Called with the outbox's lock held."""

    def __init__(self, folder: Path, device: str, max_size: int, max_age: float) -> None:
        """Goes on with what is in `folder`."""
        self._folder = folder
        self._device = device
        self._max_file = min(max_size, LARGEST) // FILES
        self._max_age = max_age
        self._fresh = b""  # not in a file yet

    def keep(self, entries: Iterable[Entry]) -> None:
        """These have been acknowledged. A disk that takes nothing is no error here."""
        self._fresh += b"".join(row_format.pack(_row(entry)) for entry in entries if isinstance(entry.record, Reading))
        if len(self._fresh) >= min(TOGETHER, self._max_file // 2):
            self.flush()

    def flush(self) -> None:
        """Into a file with what is in memory only."""
        packed, self._fresh = self._fresh, b""
        if packed:
            with suppress(OSError):
                self._append(packed)

    def readings(self, from_seq: int, limit: int) -> list[Entry]:
        """Those numbered from `from_seq` on, oldest first, each once."""
        found = {(row.epoch, row.seq): row for row in self._rows() if row.seq >= from_seq}
        return [entry for key in sorted(found)[:limit] if (entry := self._entry(found[key]))]

    def _append(self, packed: bytes) -> None:
        files = self._files()
        if not files or files[-1].stat().st_size + len(packed) > self._max_file:
            number = int(files[-1].stem.removeprefix("past-")) + 1 if files else 0
            files.append(self._folder / f"past-{number:08d}.log")
            for old in files[:-FILES]:
                old.unlink()
        with files[-1].open("ab") as file:
            file.write(packed)

    def _rows(self) -> Iterator[Row]:
        for path in self._files():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime < self._max_age:
                    yield from (row for row in row_format.find(path.read_bytes()) if isinstance(row, Row))
        yield from (row for row in row_format.find(self._fresh) if isinstance(row, Row))

    def _files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._folder.glob("past-" + "[0-9]" * 8 + ".log"))

    def _entry(self, row: Row) -> Entry | None:
        """None: another version wrote it."""
        with suppress(msgspec.DecodeError):
            record = msgspec.json.decode(row.json, type=Reading)
            return Entry(row.seq, f"{self._device}/{row.epoch:08x}/{row.seq}", row.synced, record)
        return None


def _row(entry: Entry) -> Row:
    epoch = int(entry.id.split("/")[1], 16)
    lane = entry.record.field or ""
    return Row(entry.seq, epoch, 0.0, entry.synced, lane, json_text.encode(entry.record))

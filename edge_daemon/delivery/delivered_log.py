"""Readings that the broker has acknowledged, stored for the command `history`.

They are rows with a checksum each, in a few files that only grow; the oldest file is removed when there are too many.
The newest rows stay in memory until they fill some pages of the disk, because the file system adds pages of its own to
each write. This log is a convenience, not a promise: nothing is synced, and a kill, a power cut or a full disk may lose
some of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
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
"""Bytes of all files together, at most: a request may have to read them all."""
BLOCK = 50
"""Rows after which a reader pauses."""
PAUSE = 0.001
"""Seconds of that pause: other threads get the interpreter at once, and need not wait for its switch interval."""
_NO_SEQ = 2**63
"""Above every seq."""
WRITE_SIZE = 16_384
"""Bytes that are written at once."""


class DeliveredLog:
    """The log of delivered readings. `readings` is for one thread; the rest is called with the outbox's lock held."""

    def __init__(self, folder: Path, device: str, max_size: int, max_age: float) -> None:
        """Continues the log in `folder`."""
        self._folder = folder
        self._device = device
        self._max_file = min(max_size, LARGEST) // FILES
        self._max_age = max_age
        self._unwritten = b""
        self._spans: dict[str, tuple[int, int, int]] = {}  # file -> its size, and its smallest and largest seq

    def add(self, entries: Iterable[Entry]) -> None:
        """Add acknowledged entries. If the disk takes nothing, that is not an error here."""
        self._unwritten += b"".join(
            row_format.pack(_row(entry)) for entry in entries if isinstance(entry.record, Reading)
        )
        if len(self._unwritten) >= min(WRITE_SIZE, self._max_file // 2):
            self.flush()

    def flush(self) -> None:
        """Write to a file what is only in memory."""
        packed = self._unwritten
        if packed:
            with suppress(OSError):
                self._append(packed)
        self._unwritten = b""  # after that: a reader in another thread finds rows in the file and here, or only here

    def readings(self, from_seq: int, limit: int) -> list[Entry]:
        """The readings with a seq of at least `from_seq`, oldest first, each once."""
        unwritten = self._unwritten  # before the files are read: what is written meanwhile is then found in both
        found = _Oldest(from_seq, limit)
        for path in self._files():
            with suppress(OSError):  # it was removed, as the oldest one
                if time.time() - path.stat().st_mtime < self._max_age:
                    self._search(path, found)
        for row in row_format.find(unwritten):
            found.add(row)
        return [entry for row in found.rows() if (entry := self._entry(row))]

    def _search(self, path: Path, found: _Oldest) -> None:
        """Add the rows of a file, unless it is known to hold none of those asked for. Raises OSError."""
        size, smallest, largest = self._spans.get(path.name, (-1, 0, 0))
        if size == path.stat().st_size and not found.wants(smallest, largest):
            return
        data = regular_file.read(path)
        smallest, largest = _NO_SEQ, 0
        for number, row in enumerate(row_format.find(data)):
            if isinstance(row, Row):
                smallest, largest = min(smallest, row.seq), max(largest, row.seq)
                found.add(row)
            if number % BLOCK == 0:
                time.sleep(PAUSE)
        self._spans[path.name] = len(data), smallest, largest

    def _append(self, packed: bytes) -> None:
        files = self._files()
        if not files or files[-1].stat().st_size + len(packed) > self._max_file:
            number = int(files[-1].stem.removeprefix("past-")) + 1 if files else 0
            files.append(self._folder / f"past-{number:08d}.log")
            for old in files[:-FILES]:
                old.unlink()
        regular_file.append(files[-1], packed)

    def _files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._folder.glob("past-" + "[0-9]" * 8 + ".log"))

    def _entry(self, row: Row) -> Entry | None:
        """None: another version of the program wrote it."""
        with suppress(msgspec.DecodeError):
            record = msgspec.json.decode(row.json, type=Reading)
            return Entry(row.seq, f"{self._device}/{row.epoch:08x}/{row.seq}", row.synced, record)
        return None


class _Oldest:
    """The rows with the smallest numbers from `from_seq` on, at most `limit`, each once."""

    def __init__(self, from_seq: int, limit: int) -> None:
        self._from_seq = from_seq
        self._limit = limit
        self._rows: dict[tuple[int, int], Row] = {}
        self._up_to = _NO_SEQ  # larger numbers are not among them

    def wants(self, smallest: int, largest: int) -> bool:
        """Whether a file with these numbers may hold a row that belongs here."""
        return largest >= self._from_seq and smallest <= self._up_to

    def add(self, row: Row | int) -> None:
        """Add a row; the number of a damaged one is ignored."""
        if isinstance(row, Row) and self.wants(row.seq, row.seq):
            self._rows[row.epoch, row.seq] = row
            if len(self._rows) > 2 * self._limit:
                self._shorten()

    def rows(self) -> list[Row]:
        """In order."""
        self._shorten()
        return list(self._rows.values())

    def _shorten(self) -> None:
        first = sorted(self._rows)[: self._limit]
        self._rows = {key: self._rows[key] for key in first}
        if len(first) == self._limit:
            self._up_to = max(seq for _, seq in first)


def _row(entry: Entry) -> Row:
    epoch = int(entry.id.split("/")[1], 16)
    lane = entry.record.field or ""
    return Row(entry.seq, epoch, 0.0, entry.synced, lane, json_text.encode(entry.record))

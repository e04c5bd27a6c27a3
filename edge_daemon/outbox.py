"""The durable queue between the path and the broker: SQLite, one row a record.

A put is one transaction and on disk when it returns. Delivered rows are deleted in the transaction of the
next put: they cost no sync of their own; a crash before it means that some are sent twice. Numbers never go
back.

Two threads use it, the path (put) and the courier (all the rest), through one connection and one lock: a put
waits at most for one small query.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from edge_daemon import clock, rows, units
from edge_daemon.domain import Entry, Event, Reading, Record
from edge_daemon.errors import ConfigError, OutboxError
from edge_daemon.outbox_file import ACCEPTED, MARKER, as_outbox_error, open_file, pack, pack_accepted
from edge_daemon.rows import Row

log = logging.getLogger(__name__)

_EVENTS = ""
"""The lane of events; the lane of a reading is its field."""
_DONE_AT_MOST = 256
"""So many delivered rows may wait for the next put to take them along."""
_AGE_CHECK = 60.0
"""Seconds between looks for records that are too old."""
_FOR_EVER = 2**63 - 1
_READING_ROWS = f"lane NOT IN ('{_EVENTS}', '{MARKER}')"
_EVENT_ROWS = f"lane = '{_EVENTS}'"


@dataclass(frozen=True, slots=True)
class Options:
    """The [outbox] table of the configuration."""

    max_size: str = "64MB"
    """How much disk the waiting records may take; beyond it the oldest readings go first."""
    max_age: str = "30d"
    """How long a record may wait for the broker."""


class Outbox:
    """Records, in the order they were put, until they are delivered, refused, or must make room."""

    def __init__(
        self, folder: Path, device: str, options: Options | None = None, now: Callable[[], float] = time.time
    ) -> None:
        """Open, or start, the queue in `folder`; salvages what it can from a damaged one.

        Raises ConfigError for a size or age that cannot be read, OutboxError if the folder cannot be used or
        another daemon is using it.
        """
        options = options or Options()
        try:
            self._max_size = units.size(options.max_size)
            self._max_age = units.seconds(options.max_age)
        except ValueError as error:
            raise ConfigError(f"[outbox] {error}") from None
        self._device = device
        self._now = now
        self._mutex = threading.Lock()
        with as_outbox_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = _lock(folder / "outbox.lock")
        try:
            self._file = open_file(folder, now())
        except OutboxError:
            os.close(self._lock_file)
            raise
        self._seq = self._file.seq
        self._markers = self._file.markers  # lane -> last delivered number that is on disk
        self._done: dict[int, str] = {}  # number -> lane: delivered, and not yet deleted
        self._age_check_due = 0.0
        self.on_put: Callable[[], None] = lambda: None
        """Called after each put, by the path's thread."""
        self.salvaged = self._file.salvaged
        """Records carried over from a damaged file at the start."""
        self.lost = self._file.lost
        """Records of which only remains were found."""
        self.dropped = 0
        """Records that were never sent: they were too old, or had to make room."""
        self.refused = 0
        """Records that the broker will not take."""

    def put(self, record: Record) -> int:
        """Store a record for good and return its number. Raises OutboxError if the disk does not take it."""
        with self._mutex, as_outbox_error(self._file.path):
            row = self._row(record)
            with self._file.db as db:
                db.execute("INSERT INTO row VALUES (?, ?, ?)", pack(row))
                self._keep(record, row)
                done = self._delete_done()
                dropped = [*self._too_old(row), *self._too_many(row)]
            self._forget(done)
            self._count_dropped(dropped)
        self.on_put()
        return row.seq

    def accepted(self) -> list[Reading]:
        """Of each field the last reading that was accepted, delivered or not: what it goes on from after a restart."""
        with self._mutex, as_outbox_error(self._file.path):
            found = self._file.db.execute("SELECT body FROM accepted ORDER BY lane").fetchall()
        kept = []
        for (body,) in found:
            row = rows.unpack(body)
            with suppress(msgspec.ValidationError):  # another version wrote it
                kept += [msgspec.json.decode(row.json, type=Reading)] if row else []
        return kept

    def _keep(self, record: Record, row: Row) -> None:
        """Within the transaction that stores a reading: remember what is accepted, so that neither is without the
        other."""
        if not isinstance(record, Reading):
            return
        lane = ACCEPTED + record.field
        if record.gone:
            self._file.db.execute("DELETE FROM accepted WHERE lane = ?", (lane,))
        elif record.text is not None:
            kept = pack_accepted(replace(row, lane=lane))
            self._file.db.execute("INSERT OR REPLACE INTO accepted VALUES (?, ?)", kept)

    def readings(self, after: int, until: int = _FOR_EVER, limit: int = 64) -> list[Entry]:
        """Waiting readings numbered after < seq <= until, oldest first."""
        return self._waiting(_READING_ROWS, after, until, limit)

    def events(self, after: int, limit: int = 64) -> list[Entry]:
        """Waiting events numbered after < seq, oldest first."""
        return self._waiting(_EVENT_ROWS, after, _FOR_EVER, limit)

    def newest(self, until: int) -> list[Entry]:
        """For each field its newest reading up to `until`, unless that or a newer one has been delivered."""
        query = f"SELECT lane, max(seq), body FROM row WHERE {_READING_ROWS} AND seq <= ? GROUP BY lane"
        with self._mutex, as_outbox_error(self._file.path):
            found = self._file.db.execute(query, (until,)).fetchall()
            said = self._said()
            bodies = [(seq, body) for lane, seq, body in found if seq > said.get(lane, 0)]
            return [entry for seq, body in sorted(bodies) if (entry := self._entry(seq, body))]

    def done(self, entries: Iterable[Entry]) -> None:
        """These have been delivered."""
        with self._mutex, as_outbox_error(self._file.path):
            self._done |= {entry.seq: _lane(entry.record) for entry in entries}
            if len(self._done) >= _DONE_AT_MOST:
                self._flush()

    def reject(self, entries: Iterable[Entry]) -> None:
        """These will never be taken."""
        entries = list(entries)
        self.done(entries)
        self.refused += len(entries)

    @property
    def last(self) -> int:
        """The number of the newest record."""
        with self._mutex:
            return self._seq

    @property
    def waiting(self) -> int:
        """How many records have not been delivered."""
        with self._mutex, as_outbox_error(self._file.path):
            stored: int = self._file.db.execute("SELECT count(*) FROM row WHERE lane != ?", (MARKER,)).fetchone()[0]
            return stored - len(self._done)

    def close(self) -> None:
        """Delete what was delivered and release the folder."""
        with self._mutex, as_outbox_error(self._file.path):
            self._flush()
            self._file.db.close()
            os.close(self._lock_file)

    def _row(self, record: Record) -> Row:
        self._seq += 1  # also when it then fails: a gap is harmless, a number given twice is not
        synced = clock.synced()
        json = msgspec.json.encode(record)
        return Row(self._seq, self._file.epoch, self._now(), synced, _lane(record), json)

    def _waiting(self, which: str, after: int, until: int, limit: int) -> list[Entry]:
        if after >= self._seq:
            return []
        query = f"SELECT seq, body FROM row WHERE {which} AND seq > ? AND seq <= ? ORDER BY seq"
        found: list[Entry] = []
        with self._mutex, as_outbox_error(self._file.path):
            for seq, body in self._file.db.execute(query, (after, until)):
                if len(found) == limit:
                    break
                if seq not in self._done and (entry := self._entry(seq, body)):
                    found.append(entry)
        return found

    def _entry(self, seq: int, body: bytes) -> Entry | None:
        row = rows.unpack(body)
        if row is None or row.seq != seq:
            raise OutboxError(f"outbox {self._file.path}: row {seq} is damaged; the next start salvages the others")
        try:
            record = _decode(row)
        except msgspec.ValidationError as error:
            log.error("outbox: dropping record %d, which another version wrote: %s", seq, error)
            self._done[seq] = row.lane
            self.lost += 1
            return None
        return Entry(seq, f"{self._device}/{row.epoch:08x}/{seq}", row.synced, record)

    def _said(self) -> dict[str, int]:
        """Lane -> the last number of it that was delivered."""
        said = dict(self._markers)
        for seq, lane in self._done.items():
            said[lane] = max(seq, said.get(lane, 0))
        return said

    def _flush(self) -> None:
        with self._file.db:
            done = self._delete_done()
        self._forget(done)

    def _delete_done(self) -> dict[str, int]:
        """Within a transaction. The last delivered of each lane leaves a marker: an older one that is still
        waiting must not be taken for the newest, and numbers must not go back."""
        said = self._said()
        moved = {lane: seq for lane, seq in said.items() if seq != self._markers.get(lane)}
        gone = [*self._done, *(self._markers[lane] for lane in moved if lane in self._markers)]
        markers = [Row(seq, self._file.epoch, 0.0, False, lane, b"") for lane, seq in moved.items()]
        self._file.db.executemany("DELETE FROM row WHERE seq = ?", [(seq,) for seq in gone])
        self._file.db.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?)", map(pack, markers))
        return said

    def _forget(self, said: dict[str, int]) -> None:
        self._markers = said
        self._done.clear()

    def _too_old(self, newest: Row) -> list[int]:
        """Within a transaction: delete what has waited too long, as far as the clock can be believed."""
        if not newest.synced or time.monotonic() < self._age_check_due:
            return []
        self._age_check_due = time.monotonic() + _AGE_CHECK
        old: list[int] = []
        oldest = "SELECT body FROM row WHERE lane != '*' ORDER BY seq LIMIT 1000"
        for (body,) in self._file.db.execute(oldest):
            row = rows.unpack(body)
            if row is None or (row.synced and row.stored_at >= newest.stored_at - self._max_age):
                break
            if row.synced:
                old.append(row.seq)
        return self._delete(old)

    def _too_many(self, newest: Row) -> list[int]:
        """Within a transaction: delete the oldest readings, then the oldest events, until the rest fits."""
        dropped: list[int] = []
        while self._disk() > self._max_size:
            oldest = self._oldest(_READING_ROWS, newest.seq) or self._oldest(_EVENT_ROWS, newest.seq)
            if not oldest:
                break
            dropped += self._delete(oldest)
        return dropped

    def _oldest(self, which: str, before: int) -> list[int]:
        query = f"SELECT seq FROM row WHERE {which} AND seq < ? ORDER BY seq LIMIT 16"
        return [seq for (seq,) in self._file.db.execute(query, (before,))]

    def _delete(self, seqs: list[int]) -> list[int]:
        self._file.db.executemany("DELETE FROM row WHERE seq = ?", [(seq,) for seq in seqs])
        return seqs

    def _disk(self) -> int:
        """Bytes in use, without what SQLite keeps for re-use."""
        pages, free, size = (
            self._file.db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _count_dropped(self, seqs: list[int]) -> None:
        if seqs and not self.dropped:
            log.warning("outbox: records are too many or too old; the oldest are being dropped")
        self.dropped += len(seqs)


def _lane(record: Record) -> str:
    return record.field if isinstance(record, Reading) else _EVENTS


def _decode(row: Row) -> Record:
    if row.lane == _EVENTS:
        return msgspec.json.decode(row.json, type=Event)
    return msgspec.json.decode(row.json, type=Reading)


def _lock(path: Path) -> int:
    """Hold the folder for as long as this process lives. Raises OutboxError naming who holds it."""
    with as_outbox_error(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise OutboxError(
            f"{path.parent}: in use by another daemon (pid {holder}); stop it, or give each its own folder"
        ) from None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle

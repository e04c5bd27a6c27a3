"""The durable queue between the path and the broker: SQLite, one row for each record.

A put is one transaction; when it returns, the record is on the disk. Delivered rows are deleted in the transaction of
the next put, so they need no sync of their own; after a crash before that put some records are sent twice. The numbers
of the records (seq) never decrease. A lane is what must stay in order: the readings of one field, or all events.

If the disk is full, or read-only because it is worn out, the daemon continues: records are held in memory and delivered
from there. When the disk works again, the records that still wait are stored with the next one. A kill loses what is
only in memory, also the knowledge of what was delivered in that time: some records may be sent twice. So that no
older reading is then taken for the newest, the file `in-order` is removed when records are first held in memory. This
works on a full disk; on a read-only one it does not, and there it can happen.

Two threads use it, the path (put) and the courier (everything else), through one connection and one lock: a put waits
at most for one small query.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from edge_daemon.delivery import row_format
from edge_daemon.delivery.accepted import AcceptedReadings
from edge_daemon.delivery.clock_steps import ClockSteps
from edge_daemon.delivery.delivered_log import DeliveredLog
from edge_daemon.delivery.outbox_file import (
    MARKER,
    as_outbox_error,
    in_memory,
    is_usable,
    lock_folder,
    open_file,
    pack,
    refuses_writing,
)
from edge_daemon.delivery.retention import EVENT_ROWS, READING_ROWS, RetentionLimit
from edge_daemon.delivery.row_format import Row
from edge_daemon.domain import Entry, Reading, Record
from edge_daemon.errors import OutboxError
from edge_daemon.system import clock, json_text
from edge_daemon.system.units import Duration, Size

log = logging.getLogger(__name__)

_DONE_AT_MOST = 256
"""Delivered rows that wait for the next put to delete them, at most."""
_HELD_AT_MOST = 1000
"""Records held in memory while the disk cannot be written, at most; then the oldest are dropped."""
_CHECK_AGAIN = 60.0
"""Seconds between two checks whether a disk that was unusable at the start is usable now."""
_MEMORY = 4_000_000
"""Bytes of the queue, at most, when it is in memory only."""
_NO_LIMIT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class OutboxOptions:
    """The [outbox] table of the configuration."""

    max_size: Annotated[int, Size("1MB", "1000GB")] = 64_000_000
    """Bytes on disk of the waiting records, at most; above it the oldest readings are dropped first."""
    max_age: Annotated[float, Duration("1m", "3650d")] = 30 * 86_400.0
    """Seconds that a record may wait for the broker, while the daemon runs."""


class Outbox:
    """Records in the order in which they were put, until they are delivered, refused, or dropped to make room."""

    def __init__(
        self,
        folder: Path,
        device: str,
        options: OutboxOptions | None = None,
        now: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the queue in `folder`, or start one. If it is damaged, everything readable is salvaged. `now` and `mono`
        are the wall clock and the running clock.

        Raises OutboxInUseError if another daemon has the folder, OutboxError if it cannot be used. With a full or
        read-only disk it starts in memory.
        """
        options = options or OutboxOptions()
        self._steps = ClockSteps(folder / "clock-steps")
        self._cap = RetentionLimit(options.max_size, options.max_age, self._steps)
        self._delivered_log = DeliveredLog(folder, device, self._cap.max_size // 4, self._cap.max_age)
        self._device = device
        self._now = now
        self._mono = mono
        self._folder = folder
        self._mutex = threading.Lock()
        self.trouble = ""
        """Why the disk cannot be written; empty: it can."""
        self.volatile = False
        """The disk could not be used at the start: the queue is in memory until the next start."""
        self._lock_file = -1
        try:
            with as_outbox_error(folder):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock_file = lock_folder(folder)
            self._file = open_file(folder, now())
        except OutboxError as error:
            if not refuses_writing(error):
                self._unlock()
                raise
            self._note(str(error))
            self.volatile = True
            self._cap.max_size = min(self._cap.max_size, _MEMORY)
            self._file = in_memory(folder)
        self._file.db.execute("CREATE TEMP TABLE held (seq INTEGER PRIMARY KEY, lane TEXT, body BLOB)")
        self._held_from = 0  # the first number held in memory; 0: none
        self._accepted = AcceptedReadings(self._file.db)
        self._no_events_until = 0  # no event up to this number waits
        self._checked_at = time.monotonic()
        self._seq = self._file.seq
        self._markers = self._file.markers  # lane -> last delivered number that is on disk
        self._order = folder / "in-order"
        self._done: dict[int, str] = {}  # number -> lane of records that are delivered and not yet deleted
        if not self.volatile and not self._order.exists():
            self._mark_all_as_old()
        self.on_put: Callable[[], None] = lambda: None
        """Called after each put, by the thread of the path."""
        self.salvaged = self._file.salvaged
        """Records carried over from a damaged file at the start."""
        self.damaged = self._file.damaged
        """Whether a damaged file was found at the start."""
        self.lost = self._file.lost
        """Records that were found damaged."""
        self.dropped = 0
        """Records that were dropped unsent: they were too old, or had to make room."""
        self.refused = 0
        """Records that the broker refused for good."""

    def put(self, record: Record) -> int:
        """Store a record durably and return its number (seq). If the disk cannot be written, it is held in memory."""
        return self.put_all([record])[0]

    def put_all(self, records: Sequence[Record]) -> list[int]:
        """Store several records, all or none, in their order: together they write hardly more than one alone."""
        if not records:
            return []
        with self._mutex:
            rows = [self._row(record) for record in records]
            for record, row in zip(records, rows, strict=True):
                self._accepted.note(record, row)
            try:
                with as_outbox_error(self._file.path):
                    self._store(rows)
            except OutboxError as error:
                self._note(str(error))
                for row in rows:
                    self._hold(row)
        self.on_put()
        return [row.seq for row in rows]

    def recovered(self) -> bool:
        """Whether the disk, unusable at the start, is usable now, and a new start loses nothing. Call it regularly."""
        if not self.volatile or self.waiting or time.monotonic() - self._checked_at < _CHECK_AGAIN:
            return False
        self._checked_at = time.monotonic()
        return is_usable(self._folder)

    def accepted(self) -> list[Reading]:
        """The last accepted reading of each field, delivered or not: the state from which a restart continues."""
        with self._mutex, as_outbox_error(self._file.path):
            return self._accepted.readings()

    def readings(self, after: int, until: int = _NO_LIMIT, limit: int = 64) -> list[Entry]:
        """Waiting readings with after < seq <= until, oldest first."""
        return self._waiting(READING_ROWS, after, until, limit)

    def events(self, after: int, limit: int = 64) -> list[Entry]:
        """Waiting events with after < seq, oldest first."""
        newest = self.last
        found = self._waiting(EVENT_ROWS, max(after, self._no_events_until), _NO_LIMIT, limit)
        if not found and after <= self._no_events_until:  # so that thousands of readings are not searched again
            self._no_events_until = newest
        return found

    def newest(self, until: int) -> list[Entry]:
        """The newest reading of each field up to `until`, unless that or a newer one has been delivered."""
        query = f"SELECT lane, max(seq), body FROM {{}} WHERE {READING_ROWS} AND seq <= ? GROUP BY lane"
        with self._mutex, as_outbox_error(self._file.path):
            found = {lane: (seq, body) for lane, seq, body in self._select(query, (until,))}  # those held are newer
            delivered = self._last_delivered()
            bodies = [(seq, body) for lane, (seq, body) in found.items() if seq > delivered.get(lane, 0)]
            return [entry for seq, body in sorted(bodies) if (entry := self._entry(seq, body))]

    def done(self, entries: Iterable[Entry]) -> None:
        """Note that the broker has acknowledged these."""
        entries = list(entries)
        with self._mutex:
            self._delivered_log.add(entries)
            self._settle(entries)

    def reject(self, entries: Iterable[Entry]) -> None:
        """Note that the broker has refused these for good."""
        entries = list(entries)
        with self._mutex:
            self._settle(entries)
        self.refused += len(entries)

    def delivered(self, from_seq: int, limit: int) -> list[Entry]:
        """Delivered readings with a seq of at least `from_seq`, oldest first, as far as they are still stored.

        From any thread, one at a time. It takes long, and puts do not wait for it.
        """
        return self._delivered_log.readings(from_seq, limit)

    def _settle(self, entries: Iterable[Entry]) -> None:
        self._done |= {entry.seq: row_format.lane_of(entry.record) for entry in entries}
        if len(self._done) >= _DONE_AT_MOST:
            self._flush()

    @property
    def last(self) -> int:
        """The number of the newest record."""
        with self._mutex:
            return self._seq

    @property
    def waiting(self) -> int:
        """The number of records that have not been delivered."""
        with self._mutex, as_outbox_error(self._file.path):
            stored: int = self._file.db.execute("SELECT count(*) FROM row WHERE lane != ?", (MARKER,)).fetchone()[0]
            held = self._file.db.execute("SELECT seq FROM held").fetchall()
            gone = sum(not self._held_from or seq < self._held_from for seq in self._done)
            return stored - gone + sum(seq not in self._done for (seq,) in held)

    def close(self) -> None:
        """Delete what was delivered and release the folder."""
        with self._mutex:
            self._flush()
            self._delivered_log.flush()
            self._file.db.close()
            self._unlock()

    def _row(self, record: Record) -> Row:
        self._seq += 1  # also if storing fails: a gap is harmless, a number given twice is not
        synced = clock.is_synced()
        json = json_text.encode(record)
        stored_at = self._now()
        if synced:
            self._steps.note(self._seq, stored_at, self._mono(), self._file.stored_at)
        return Row(self._seq, self._file.epoch, stored_at, synced, row_format.lane_of(record), json)

    def _waiting(self, which: str, after: int, until: int, limit: int) -> list[Entry]:
        if after >= self._seq:
            return []
        query = f"SELECT seq, body FROM {{}} WHERE {which} AND seq > ? AND seq <= ? ORDER BY seq"
        found: list[Entry] = []
        with self._mutex, as_outbox_error(self._file.path):
            for seq, body in self._select(query, (after, until)):
                if len(found) == limit:
                    break
                if seq not in self._done and (entry := self._entry(seq, body)):
                    found.append(entry)
        return found

    def _entry(self, seq: int, body: bytes) -> Entry | None:
        row = row_format.unpack(body)
        if row is None or row.seq != seq:
            raise OutboxError(f"outbox {self._file.path}: row {seq} is damaged; the next start salvages the others")
        try:
            record = row_format.decode(row)
        except msgspec.ValidationError as error:
            log.error("outbox: record %d is dropped, as another version of the program wrote it: %s", seq, error)
            self._done[seq] = row.lane
            self.lost += 1
            return None
        return Entry(seq, f"{self._device}/{row.epoch:08x}/{seq}", row.synced, record)

    def _last_delivered(self) -> dict[str, int]:
        """Lane -> the number of its last delivered record."""
        delivered = dict(self._markers)
        for seq, lane in self._done.items():
            delivered[lane] = max(seq, delivered.get(lane, 0))
        return delivered

    def _select(self, query: str, bounds: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
        """The rows on disk, then those in memory, which are newer."""
        yield from self._file.db.execute(query.format("row"), bounds)
        if self._held_from:
            yield from self._file.db.execute(query.format("held"), bounds)

    def _store(self, rows: Sequence[Row]) -> None:
        """Write rows to the disk, with those that could not be written before."""
        with self._file.db as db:
            db.execute("INSERT INTO row SELECT * FROM held")
            done = self._delete_done()  # new rows use their space
            db.executemany("INSERT INTO row VALUES (?, ?, ?)", [pack(row) for row in rows])
            db.execute("DELETE FROM held")
            self._accepted.store()  # also those that were delivered from memory in that time
            dropped = self._cap.make_room(db, rows[0])
        self._forget(done)
        self._count_dropped(dropped)
        if self._held_from:
            self._mark_in_order()
        self._held_from = 0
        self._accepted.forget_noted()
        self._note(self.trouble if self.volatile else "")

    def _hold(self, row: Row) -> None:
        """Hold a row in memory; remove those that were delivered."""
        if not self._held_from:
            with suppress(OSError):
                self._order.unlink(missing_ok=True)
        self._held_from = self._held_from or row.seq
        last = self._last_delivered()
        with self._file.db as db:
            db.execute("INSERT INTO held VALUES (?, ?, ?)", pack(row))
            db.executemany("DELETE FROM held WHERE seq = ?", [(seq,) for seq in self._done])
            many = "SELECT seq FROM held ORDER BY seq DESC LIMIT -1 OFFSET ?"
            dropped = [seq for (seq,) in db.execute(many, (_HELD_AT_MOST,))]
            db.executemany("DELETE FROM held WHERE seq = ?", [(seq,) for seq in dropped])
        # of records that are gone, only the last one of each lane matters
        self._done = {seq: lane for seq, lane in self._done.items() if seq < self._held_from or last[lane] == seq}
        self._count_dropped(dropped)

    def _mark_all_as_old(self) -> None:
        """For the start after a process that held records in memory: it may have delivered newer ones than the file
        has, so none in the file counts as the newest of its lane."""
        query = f"SELECT DISTINCT lane FROM row WHERE {READING_ROWS}"
        with suppress(OutboxError), as_outbox_error(self._file.path), self._file.db as db:
            lanes = [lane for (lane,) in db.execute(query).fetchall()]
            markers = [Row(self._seq + i, self._file.epoch, 0.0, False, lane, b"") for i, lane in enumerate(lanes, 1)]
            db.executemany("INSERT INTO row VALUES (?, ?, ?)", map(pack, markers))
            old = [(self._markers[lane],) for lane in lanes if lane in self._markers]
            db.executemany("DELETE FROM row WHERE seq = ?", old)
            self._seq += len(markers)
            self._markers |= {marker.lane: marker.seq for marker in markers}
            self._mark_in_order()

    def _mark_in_order(self) -> None:
        """Note that the file on disk is complete: it shows what was delivered."""
        with suppress(OSError):
            self._order.touch()

    def _note(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("%s; records are held in memory until it works again", trouble)
        elif self.trouble and not trouble:
            log.warning("outbox: the disk can be written again")
        self.trouble = trouble

    def _unlock(self) -> None:
        if self._lock_file >= 0:
            os.close(self._lock_file)

    def _flush(self) -> None:
        """Delete what was delivered. If the disk cannot be written, it will be sent again."""
        try:
            with as_outbox_error(self._file.path), self._file.db:
                done = self._delete_done()
        except OutboxError as error:
            self._note(str(error))
        else:
            self._forget(done)

    def _delete_done(self) -> dict[str, int]:
        """Within a transaction. The last delivered record of each lane leaves a marker: an older one that still waits
        must not be taken for the newest, and numbers must not go back."""
        last = self._last_delivered()
        moved = {lane: seq for lane, seq in last.items() if seq != self._markers.get(lane)}
        gone = [*self._done, *(self._markers[lane] for lane in moved if lane in self._markers)]
        markers = [Row(seq, self._file.epoch, 0.0, False, lane, b"") for lane, seq in moved.items()]
        self._file.db.executemany("DELETE FROM row WHERE seq = ?", [(seq,) for seq in gone])
        self._file.db.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?)", map(pack, markers))
        return last

    def _forget(self, last: dict[str, int]) -> None:
        self._markers = last
        self._done.clear()

    def _count_dropped(self, seqs: list[int]) -> None:
        if seqs and not self.dropped:
            log.warning("outbox: too many or too old records; the oldest are dropped")
        self.dropped += len(seqs)

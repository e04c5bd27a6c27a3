"""Deletes records when the outbox is too large, and records that are too old."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from edge_daemon.delivery import row_format
from edge_daemon.delivery.clock_steps import ClockSteps
from edge_daemon.delivery.outbox_file import MARKER
from edge_daemon.delivery.row_format import EVENTS, Row

READING_ROWS = f"lane NOT IN ('{EVENTS}', '{MARKER}')"
EVENT_ROWS = f"lane = '{EVENTS}'"
_AGE_CHECK = 60.0
"""Seconds between two checks for records that are too old."""


@dataclass
class RetentionLimit:
    """The largest size of the outbox, and the largest age of a record."""

    max_size: int
    """Bytes on disk."""
    max_age: float
    """Seconds in which the daemon ran."""
    steps: ClockSteps
    _age_check_due: float = 0.0

    def make_room(self, db: sqlite3.Connection, newest: Row) -> list[int]:
        """Within a transaction: delete what is too old or too much, but not `newest` nor what came after it.

        Returns the numbers (seq) of the deleted records.
        """
        return [*self._too_old(db, newest), *self._too_many(db, newest)]

    def _too_old(self, db: sqlite3.Connection, newest: Row) -> list[int]:
        """Records stored too long ago, as far as the clock was set then and is set now."""
        if not newest.synced or time.monotonic() < self._age_check_due:
            return []
        self._age_check_due = time.monotonic() + _AGE_CHECK
        old: list[int] = []
        first = db.execute("SELECT min(seq) FROM row WHERE lane != '*'").fetchone()[0]
        self.steps.forget_before(first or newest.seq)
        oldest = "SELECT body FROM row WHERE lane != '*' ORDER BY seq LIMIT 1000"
        for (body,) in db.execute(oldest):
            row = row_format.unpack(body)
            if row is None or (row.synced and self._age(row, newest) <= self.max_age):
                break
            if row.synced:
                old.append(row.seq)
        return _delete(db, old)

    def _age(self, row: Row, newest: Row) -> float:
        """Seconds in which the daemon ran since the record was stored."""
        return newest.stored_at - row.stored_at - self.steps.since(row.seq)

    def _too_many(self, db: sqlite3.Connection, newest: Row) -> list[int]:
        """Delete the oldest readings, then the oldest events, until the rest fits."""
        dropped: list[int] = []
        while _disk(db) > self.max_size:
            oldest = _oldest(db, READING_ROWS, newest.seq) or _oldest(db, EVENT_ROWS, newest.seq)
            if not oldest:
                break
            dropped += _delete(db, oldest)
        return dropped


def _oldest(db: sqlite3.Connection, which: str, before: int) -> list[int]:
    query = f"SELECT seq FROM row WHERE {which} AND seq < ? ORDER BY seq LIMIT 16"
    return [seq for (seq,) in db.execute(query, (before,))]


def _delete(db: sqlite3.Connection, seqs: list[int]) -> list[int]:
    db.executemany("DELETE FROM row WHERE seq = ?", [(seq,) for seq in seqs])
    return seqs


def _disk(db: sqlite3.Connection) -> int:
    """Bytes in use, without the free pages that SQLite keeps."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * size)

"""What must go when the outbox is too large, or what is in it too old."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from edge_daemon.delivery import row_format
from edge_daemon.delivery.outbox_file import MARKER
from edge_daemon.delivery.row_format import Row

EVENTS = ""
"""The lane of events; the lane of a reading is its field."""
READING_ROWS = f"lane NOT IN ('{EVENTS}', '{MARKER}')"
EVENT_ROWS = f"lane = '{EVENTS}'"
_AGE_CHECK = 60.0
"""Seconds between looks for records that are too old."""


@dataclass
class RetentionLimit:
    """How much may wait, and for how long."""

    max_size: int
    """Bytes on disk."""
    max_age: float
    """Seconds."""
    _age_check_due: float = 0.0

    def make_room(self, db: sqlite3.Connection, newest: Row) -> list[int]:
        """Within a transaction: delete what is too old and too much, but not `newest` nor what came after it.
        Returns the numbers."""
        return [*self._too_old(db, newest), *self._too_many(db, newest)]

    def _too_old(self, db: sqlite3.Connection, newest: Row) -> list[int]:
        """As far as the clock can be believed."""
        if not newest.synced or time.monotonic() < self._age_check_due:
            return []
        self._age_check_due = time.monotonic() + _AGE_CHECK
        old: list[int] = []
        oldest = "SELECT body FROM row WHERE lane != '*' ORDER BY seq LIMIT 1000"
        for (body,) in db.execute(oldest):
            row = row_format.unpack(body)
            if row is None or (row.synced and row.stored_at >= newest.stored_at - self.max_age):
                break
            if row.synced:
                old.append(row.seq)
        return _delete(db, old)

    def _too_many(self, db: sqlite3.Connection, newest: Row) -> list[int]:
        """The oldest readings go, then the oldest events, until the rest fits."""
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
    """Bytes in use, without what SQLite keeps for re-use."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * size)

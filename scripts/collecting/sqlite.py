"""Rows into an SQLite file: readings and dead letters. For one collector and one site."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.collecting.collector import DatabaseAwayError, DatabaseError, Stored
from scripts.collecting.rows import DeadLetter, Reading, Received, parse

TOPICS = ("edge_daemon/+/reading/+", "edge_daemon/+/history")
"""`reading` has what is so now, `history` what had to wait; together they are complete."""
TABLES = """
CREATE TABLE IF NOT EXISTS reading (
    id TEXT PRIMARY KEY,        -- device/epoch/seq
    device TEXT NOT NULL,
    field TEXT NOT NULL,
    seq INTEGER NOT NULL,
    captured_at TEXT NOT NULL,
    status TEXT NOT NULL,
    value REAL,                 -- the last accepted one; of an identifier there is only the text
    text TEXT,
    unit TEXT,
    value_at TEXT,
    confidence REAL NOT NULL,
    time_quality TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letter (
    digest BLOB PRIMARY KEY,    -- of topic and payload
    received_at TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID
"""
COLUMNS = (
    "id", "device", "field", "seq", "captured_at", "status", "value", "text", "unit", "value_at", "confidence",
    "time_quality",
)  # fmt: skip


class SQLite:
    """One open file."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and makes the tables if they are missing. Raises DatabaseError."""
        try:
            self._db = sqlite3.connect(path)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(TABLES)
        except sqlite3.Error as error:
            raise DatabaseError(f"{path}: {error}") from None

    def store(self, batch: Sequence[Received]) -> Stored:
        rows = parse(batch)
        now = _text(datetime.now(UTC))
        readings = [_columns(row) for row in rows if isinstance(row, Reading)]
        dead = [row for row in rows if isinstance(row, DeadLetter)]
        letters = [(row.digest, now, row.topic, row.payload, row.reason) for row in dead]
        marks = ", ".join("?" * len(COLUMNS))
        try:
            with self._db:
                self._db.executemany("INSERT OR IGNORE INTO dead_letter VALUES (?, ?, ?, ?, ?)", letters)
                done = self._db.executemany(f"INSERT OR IGNORE INTO reading VALUES ({marks})", readings)
        except sqlite3.Error as error:
            raise DatabaseAwayError(f"the file cannot be written: {error}") from None
        return Stored(done.rowcount if readings else 0, dead)

    def close(self) -> None:
        self._db.close()


def _columns(reading: Reading) -> tuple[object, ...]:
    found = (getattr(reading, name) for name in COLUMNS)
    return tuple(_text(value) if isinstance(value, datetime) else value for value in found)


def _text(at: datetime) -> str:
    """2026-11-24T01:50:00.120Z, as in the message."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

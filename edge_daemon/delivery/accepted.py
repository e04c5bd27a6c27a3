"""The table `accepted` of the outbox: the last accepted reading of each field, delivered or not.

From it a restart continues. A reading is stored in the transaction of its row or, if the disk cannot be written then,
of the next row that can be stored.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import replace

import msgspec

from edge_daemon.delivery import row_format
from edge_daemon.delivery.outbox_file import ACCEPTED, KEEP_ACCEPTED, pack_accepted
from edge_daemon.delivery.row_format import Row
from edge_daemon.domain import Reading, Record

_Content = tuple[str | None, float | None]
"""Text and time of an accepted reading."""


class AcceptedReadings:
    """Not for several threads: the outbox holds its lock."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._unstored: dict[str, tuple[Reading, Row]] = {}  # field -> its last reading, not yet in the table
        self._stored: dict[str, _Content] = {}  # field -> what is in the table, as far as this process wrote it

    def note(self, record: Record, row: Row) -> None:
        """Remember a reading, with its row, until it is stored."""
        if isinstance(record, Reading):
            self._unstored[record.field] = record, row

    def store(self) -> None:
        """Write what was noted. Within a transaction; when it has succeeded, call `forget_noted`."""
        for field, (record, row) in self._unstored.items():
            lane = ACCEPTED + field
            if record.gone:
                self._db.execute("DELETE FROM accepted WHERE lane = ?", (lane,))
            elif record.text is not None and self._stored.get(field) != _content(record):
                self._db.execute(KEEP_ACCEPTED, pack_accepted(replace(row, lane=lane)))

    def forget_noted(self) -> None:
        """All that was noted is on the disk."""
        self._stored |= {field: _content(record) for field, (record, _) in self._unstored.items()}
        self._unstored = {}

    def readings(self) -> list[Reading]:
        """What is stored, in the order of the fields' names; what another version wrote is left out."""
        found = self._db.execute("SELECT body FROM accepted ORDER BY lane").fetchall()
        kept = []
        for (body,) in found:
            row = row_format.unpack(body)
            with suppress(msgspec.ValidationError):
                kept += [msgspec.json.decode(row.json, type=Reading)] if row else []
        return kept


def _content(record: Reading) -> _Content:
    return (None, None) if record.gone else (record.text, record.value_at)

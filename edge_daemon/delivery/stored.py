"""The records that an outbox still has on the disk, read beside the running daemon, which keeps its file locked.

The files are searched as bytes (row_format.py), so SQLite and its lock are not needed: the log of delivered readings,
the file of the outbox, and SQLite's own log, where the newest rows are. Missing are rows that the daemon has only in
memory (the last 16 KB of delivered ones, unless SQLite's log has them), and waiting ones that are longer than a page of
the file.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from edge_daemon.delivery import row_format
from edge_daemon.delivery.outbox_file import ACCEPTED, MARKER
from edge_daemon.delivery.row_format import Row
from edge_daemon.domain import Reading
from edge_daemon.errors import OutboxError
from edge_daemon.system import regular_file

FILES = ("past-*.log", "outbox-*.db", "outbox-*.db-wal")
"""Names of the files of an outbox."""


def readings(folder: Path) -> list[Reading]:
    """All readings in the outbox in `folder`, delivered or not, each once, in their order.

    Raises OutboxError if the folder cannot be read.
    """
    found: dict[tuple[int, int], Reading] = {}
    try:
        for path in [path for name in FILES for path in folder.glob(name)]:
            with suppress(FileNotFoundError):  # the daemon has just removed it, as the oldest one
                found |= _found(regular_file.read(path))
    except OSError as error:
        raise OutboxError(f"{error.filename or folder}: {error.strerror}") from error
    return [found[key] for key in sorted(found)]


def _found(content: bytes) -> dict[tuple[int, int], Reading]:
    """(epoch, seq) -> reading, in the bytes of a file."""
    rows = (row for row in row_format.find(content) if isinstance(row, Row))
    return {(row.epoch, row.seq): reading for row in rows if (reading := _reading(row))}


def _reading(row: Row) -> Reading | None:
    """None: an event, a marker, or what another version of the program wrote."""
    if row.lane in (row_format.EVENTS, MARKER) or row.lane.startswith(ACCEPTED) or not row.json:
        return None
    try:
        return msgspec.json.decode(row.json, type=Reading)
    except msgspec.DecodeError:
        return None

"""The outbox's file: opened, checked to the last row, and replaced when it is damaged.

The file is named after its epoch. A damaged one is read in two ways, through SQLite as far as that goes and
as a heap of bytes; every intact row found is carried over into a file of the next epoch, then the damaged one
is moved aside. A power cut half-way leaves both files, and the next start does it again.
"""

from __future__ import annotations

import errno
import logging
import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_daemon.delivery import row_format
from edge_daemon.delivery.row_format import Row
from edge_daemon.errors import OutboxError

log = logging.getLogger(__name__)

MARKER = "*"
"""Stands in the lane column of markers; no field can be called that."""

WAL_PAGES = 1000
"""SQLite's default: at most so many pages, hence rows, are in its log and not yet in its file."""

_SQLITE_SAYS = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file may raise. The second: SQLite's message quotes a schema that is no longer UTF-8."""

_MEMORY_EPOCH = 0xF0000000

_PAGE = 1024
"""Bytes of a page in new files: whatever is changed, a whole page of each table is written. A row of a reading of up to
about ten digits lies in one piece in it. Files of older versions have 4096 and keep them."""
_SCHEMA = "CREATE TABLE row (seq INTEGER PRIMARY KEY, lane TEXT NOT NULL, body BLOB NOT NULL);"

ACCEPTED = "="
"""Stands before the lane of a row that keeps what was accepted last; no field's name begins so."""
_ACCEPTED_TABLE = "CREATE TABLE IF NOT EXISTS accepted (lane TEXT PRIMARY KEY, body BLOB NOT NULL);"
KEEP_ACCEPTED = "INSERT INTO accepted VALUES (?, ?) ON CONFLICT (lane) DO UPDATE SET body = excluded.body"
"""Not INSERT OR REPLACE: that would write the page of the index as well, each time."""

_NOT_DAMAGE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
               sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PERM}  # fmt: skip


_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}


class _Damaged(Exception):
    """The file is there and is not what we wrote."""


@dataclass
class Opened:
    """A file that is whole, and how it came to be so."""

    db: sqlite3.Connection
    path: Path
    epoch: int
    seq: int
    """No number up to this one may be given out again."""
    markers: dict[str, int]
    """Lane -> the last number of it that was delivered."""
    salvaged: int = 0
    """Records carried over from a damaged file."""
    lost: int = 0
    """Remains of records that were not whole. What a truncated file no longer holds cannot be counted."""


def open_file(folder: Path, now: float) -> Opened:
    """Open the newest file of the folder, or start a new one. Raises OutboxError if the disk refuses."""
    files = sorted(folder.glob(f"outbox-{'[0-9a-f]' * 8}.db"))
    with as_outbox_error(folder):
        try:
            opened = _open(files[-1]) if files else _create(folder, int(now))
        except _Damaged as why:
            log.error("%s is damaged (%s); starting a new one with what can be read", files[-1], why)
            opened = _create(folder, max(int(now), _epoch(files[-1]) + 1))
        for path in files:
            if path != opened.path:
                _carry_over(path, opened)
    return opened


@contextmanager
def as_outbox_error(path: Path) -> Iterator[None]:
    """Turn what SQLite or the file system refuse into an OutboxError that names the place."""
    try:
        yield
    except OutboxError:
        raise
    except (*_SQLITE_SAYS, OSError) as error:
        raise OutboxError(f"outbox {path}: {error}; is the disk full, read-only or worn out?") from error


def refuses_writing(error: OutboxError) -> bool:
    """Whether the disk is full, read-only or broken; everything else about a folder can be mended by a person."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _REFUSED
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def in_memory(folder: Path) -> Opened:
    """A new queue that is on no disk, for while the folder's takes nothing.

    Its numbers, and what was accepted, go on from those in the folder, as far as they can be read. Its epoch is above
    all that are made from the time, and drawn at random: a machine that cannot write may start every time at the same
    hour.
    """
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.executescript(_SCHEMA + _ACCEPTED_TABLE)
    heaps = [found for path in folder.glob("outbox-*.db*") for found in row_format.find(_read(path))]
    whole = [row for row in heaps if isinstance(row, Row)]
    opened = Opened(db, folder, _MEMORY_EPOCH | random.getrandbits(28), seq=0, markers={})
    _add(opened, [row for row in whole if row.lane.startswith(ACCEPTED)])
    opened.seq = max((row.seq for row in whole), default=0) + WAL_PAGES
    return opened


def pack(row: Row) -> tuple[int, str, bytes]:
    """The columns of a row."""
    return row.seq, row.lane if row.json else MARKER, row_format.pack(row)


def pack_accepted(row: Row) -> tuple[str, bytes]:
    """The columns of a row of the table `accepted`."""
    return row.lane, row_format.pack(row)


def _create(folder: Path, epoch: int) -> Opened:
    path = folder / f"outbox-{epoch:08x}.db"
    db = _connect(path)
    db.executescript(_SCHEMA)
    return Opened(db, path, epoch, seq=0, markers={})


def _open(path: Path) -> Opened:
    wal = _wal(path)
    if not path.is_file() or wal.is_dir():
        raise _Damaged("not a file")
    unclean = wal.exists()  # a clean stop removes it
    in_wal = [row for row in row_format.find(_read(wal)) if isinstance(row, Row)]
    whole = _check(path)
    db = _connect(path)  # from here on SQLite may reset its log
    opened = Opened(db, path, _epoch(path), max((row.seq for row in whole), default=0), _markers(whole))
    # those behind a frame of the log that SQLite did not believe
    _add(opened, [row for row in in_wal if row.seq > opened.seq and not row.lane.startswith(ACCEPTED)])
    if unclean:
        opened.seq += WAL_PAGES  # whatever numbers a torn log may have held
    return opened


def _check(path: Path) -> list[Row]:
    """All rows, each proven whole. Changes nothing on disk. Raises _Damaged."""
    try:
        with _reading(path) as db:
            return list(_checked(db))
    except _SQLITE_SAYS as error:
        # without a code it comes from Python's own layer: text that is not UTF-8
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _NOT_DAMAGE:
            raise
        raise _Damaged(str(error)) from error


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False)
    try:
        # Nobody else has the folder: then the log's index is kept in memory, not in a file that costs two pages a put.
        # Deleted rows are overwritten, so that a heap of bytes holds few that are done with.
        db.executescript(
            f"PRAGMA page_size={_PAGE}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
            "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
        )
        db.execute(_ACCEPTED_TABLE)  # files of older versions have none,
        db.execute("DROP INDEX IF EXISTS event")  # and have this: a page more for each put
    except sqlite3.Error:
        db.close()
        raise
    return db


def _reading(path: Path) -> closing[sqlite3.Connection]:
    """A connection that leaves the file and its log alone, also when it is closed."""
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True))


def _checked(db: sqlite3.Connection) -> Iterator[Row]:
    for columns in db.execute("SELECT seq, lane, body FROM row ORDER BY seq"):
        row = row_format.unpack(columns[2]) if isinstance(columns[2], bytes) else None
        if row is None or pack(row) != columns:
            raise _Damaged(f"row {columns[0]} is not whole")
        yield row
    for lane, body in _accepted(db):
        row = row_format.unpack(body) if isinstance(body, bytes) else None
        if row is None or pack_accepted(row) != (lane, body):
            raise _Damaged(f"what was accepted last for {lane} is not whole")
    verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _Damaged(verdict)


def _accepted(db: sqlite3.Connection) -> list[tuple[str, bytes]]:
    there = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'accepted'").fetchone()[0]
    return db.execute("SELECT lane, body FROM accepted").fetchall() if there else []


def _carry_over(path: Path, opened: Opened) -> None:
    """Salvage every intact row of a damaged file, then move it aside."""
    heaps = [*row_format.find(_read(path)), *row_format.find(_read(_wal(path)))]
    found = [*_read_through_sqlite(path), *(row for row in heaps if isinstance(row, Row))]
    lost = {seq for seq in heaps if isinstance(seq, int)} - {row.seq for row in found}
    salvaged = _add(opened, found)
    opened.salvaged += salvaged
    opened.lost += len(lost)
    aside = path.with_suffix(".damaged")
    _move_aside(path, aside)
    log.error("salvaged %d records; the remains of %d are in %s", salvaged, len(lost), aside)


def _add(opened: Opened, found: Iterable[Row]) -> int:
    """Put the rows that were found into the file; says how many records were among them."""
    found = list(found)
    accepted = sorted((row for row in found if row.lane.startswith(ACCEPTED)), key=lambda row: row.seq)
    # of the two rows with one number, the marker was written later
    plain = (row for row in found if not row.lane.startswith(ACCEPTED))
    by_seq = {row.seq: row for row in sorted(plain, key=lambda row: row.json == b"")}
    markers = _markers(by_seq.values())
    keep = [row for row in by_seq.values() if row.json or markers[row.lane] == row.seq]
    with opened.db:
        opened.db.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?)", map(pack, keep))
        opened.db.executemany(KEEP_ACCEPTED, map(pack_accepted, accepted))
    opened.seq = max(opened.seq, *by_seq, *(row.seq for row in accepted), 0)
    opened.markers |= markers
    return sum(row.json != b"" for row in keep)


def _markers(found: Iterable[Row]) -> dict[str, int]:
    markers: dict[str, int] = {}
    for row in found:
        if not row.json:
            markers[row.lane] = max(row.seq, markers.get(row.lane, 0))
    return markers


def _read_through_sqlite(path: Path) -> Iterator[Row]:
    """What SQLite still reads: also rows too long for one page, which do not lie in one piece."""
    with suppress(*_SQLITE_SAYS), _reading(path) as db:
        bodies = [body for _, body in _accepted(db)]
        for body in (*bodies, *(body for (body,) in db.execute("SELECT body FROM row ORDER BY seq"))):
            row = row_format.unpack(body) if isinstance(body, bytes) else None
            if row:
                yield row


def _read(path: Path) -> bytes:
    """The bytes of a file; none if there is no such file, or none that can be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _move_aside(path: Path, aside: Path) -> None:
    """Only the latest damaged file is kept: the disk is bounded."""
    for old in path.parent.glob("outbox-*.damaged*"):
        with suppress(OSError):
            old.unlink()
    path.replace(aside)
    if _wal(path).exists():
        _wal(path).replace(_wal(aside))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _epoch(path: Path) -> int:
    return int(path.stem.removeprefix("outbox-"), 16)

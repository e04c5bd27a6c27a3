"""The file of the outbox: opened, checked to the last row, and replaced when it is damaged.

The file is named after its epoch. A damaged one is read in two ways: through SQLite as far as possible, and as plain
bytes. Every intact row is copied to a file of the next epoch, then the damaged file is renamed. A power cut in between
leaves both files, and the next start repeats it.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

from edge_daemon.delivery import row_format, wal
from edge_daemon.delivery.row_format import Row
from edge_daemon.errors import OutboxError, OutboxInUseError
from edge_daemon.system import file_lock, regular_file

log = logging.getLogger(__name__)

MARKER = "*"
"""The lane column of markers; no field can have this name."""

WAL_PAGES = 1000
"""Pages, hence rows, that are in SQLite's log and not yet in its file, at most: its default."""

_SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""Errors of a damaged file. The second: SQLite's message quotes a schema that is no longer UTF-8."""

_MEMORY_EPOCH = 0xF0000000
"""The smallest epoch of a queue in memory. Those made from the time are lower: from 2097 on they start again at 0."""

_LARGEST = 2**32
"""Bytes of a damaged file that is searched for rows; a larger one is read through SQLite only."""

_PROBE = 256 * 1024
"""Bytes that must be free on a disk for it to be usable."""

_PAGE = 1024
"""Bytes of a page in new files: each change writes a whole page of each table. The row of a reading of up to about ten
digits fits into it in one piece. Files of older versions have 4096 and keep it."""
_SCHEMA = "CREATE TABLE row (seq INTEGER PRIMARY KEY, lane TEXT NOT NULL, body BLOB NOT NULL);"

ACCEPTED = "="
"""The first character of the lane of a row that stores what was accepted last; no field's name begins with it."""
_ACCEPTED_TABLE = "CREATE TABLE IF NOT EXISTS accepted (lane TEXT PRIMARY KEY, body BLOB NOT NULL);"
KEEP_ACCEPTED = "INSERT INTO accepted VALUES (?, ?) ON CONFLICT (lane) DO UPDATE SET body = excluded.body"
"""Not INSERT OR REPLACE: that would write the page of the index as well, each time."""

_NOT_DAMAGE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
               sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PERM}  # fmt: skip


_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}


class _Damaged(Exception):
    """The file exists and is not as this program wrote it."""


@dataclass
class Opened:
    """An intact file, and what was salvaged for it."""

    db: sqlite3.Connection
    path: Path
    epoch: int
    seq: int
    """The highest number that may have been used: new ones are above it."""
    markers: dict[str, int]
    """Lane -> the number of its last delivered record."""
    salvaged: int = 0
    """Records copied from a damaged file."""
    lost: int = 0
    """Records that were found damaged. What a truncated file no longer contains cannot be counted."""
    damaged: bool = False
    """Whether the file, or its log, was found damaged."""
    stored_at: float | None = None
    """Wall clock of the newest record in the file, seconds since 1970."""


def open_file(folder: Path, now: float) -> Opened:
    """Open the newest file of the folder, or start a new one. Raises OutboxError if the disk does not allow it."""
    files = sorted(folder.glob(f"outbox-{'[0-9a-f]' * 8}.db"))
    with as_outbox_error(folder):
        try:
            opened = _open(files[-1]) if files else _create(folder, int(now) % _MEMORY_EPOCH)
        except _Damaged as why:
            log.error("%s is damaged (%s); a new file is started with all that can be read", files[-1], why)
            opened = _create(folder, max(int(now) % _MEMORY_EPOCH, _epoch(files[-1]) + 1))
        for path in files:
            if path != opened.path:
                _carry_over(path, opened)
    return opened


@contextmanager
def as_outbox_error(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the file system into an OutboxError that names the file."""
    try:
        yield
    except OutboxError:
        raise
    except (*_SQLITE_ERRORS, OSError) as error:
        raise OutboxError(f"outbox {path}: {error}; is the disk full, read-only or worn out?") from error


def refuses_writing(error: OutboxError) -> bool:
    """Whether the disk is full, read-only or broken. Any other trouble with a folder needs a person."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _REFUSED
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def lock_folder(folder: Path) -> int:
    """Lock the folder for this process; returns the lock's descriptor. Raises OutboxInUseError or OutboxError."""
    path = folder / "outbox.lock"
    with as_outbox_error(path):
        try:
            return file_lock.acquire(path)
        except BlockingIOError:
            holder = file_lock.holder(path) or "unknown"
            raise OutboxInUseError(
                f"{folder}: in use by another daemon (pid {holder}); stop it, or give each its own folder"
            ) from None


def is_usable(folder: Path) -> bool:
    """Whether the disk of the folder takes _PROBE bytes now."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def in_memory(folder: Path) -> Opened:
    """A new queue in memory, for the time in which the disk takes nothing.

    Numbers and accepted readings continue from the folder's, as far as they can be read. The epoch is random, and above
    all that are made from the time: a machine that cannot write may start with the same time again and again.
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
    log_path = _wal(path)
    if not path.is_file() or (log_path.exists() and not log_path.is_file()):
        raise _Damaged("not a file")
    unclean = log_path.exists()  # closing properly removes it
    log_data = _read(log_path)
    whole = _check(path)
    db = _connect(path)  # from here on SQLite may empty its log
    opened = Opened(db, path, _epoch(path), max((row.seq for row in whole), default=0), _markers(whole))
    newest = max((row for row in whole if row.json and row.synced), key=lambda row: row.seq, default=None)
    opened.stored_at = newest.stored_at if newest else None
    _salvage_log(opened, log_data)
    if unclean:
        opened.seq += WAL_PAGES  # above any number that a torn log may have contained
    return opened


def _salvage_log(opened: Opened, log_data: bytes) -> None:
    """Add the records after a damaged frame of the log, which SQLite ignores, and count those that are lost."""
    frames = opened.db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    (page_size,) = opened.db.execute("PRAGMA page_size").fetchone()
    ignored = wal.ignored_transactions(log_data, max(frames, 0), page_size)
    known = opened.seq
    found = [row for row in row_format.find(log_data) if isinstance(row, Row)]
    rows = [row for row in found if row.seq > known and not row.lane.startswith(ACCEPTED)]
    salvaged = _add(opened, rows)
    if not ignored:  # what is new there is of a put that was killed
        return
    shown = [list(row_format.find(pages)) for pages in ignored]
    everything = list(chain(*shown))
    # a number far above the others is damaged itself
    numbers = {each for each in everything if isinstance(each, int) and known < each <= known + WAL_PAGES}
    lost = (numbers | _gaps({known, *(row.seq for row in rows)})) - {row.seq for row in rows}
    # the first transaction is the one that is damaged: if it shows nothing new, the number of its record is unknown
    unknown = not any(isinstance(each, int) or each.seq > known for each in shown[0])
    opened.damaged = True
    opened.salvaged += salvaged
    opened.lost += len(lost) + unknown
    opened.seq = max(opened.seq, *numbers, 0)
    log.error("%s-wal is damaged: salvaged %d records, %d lost", opened.path, opened.salvaged, opened.lost)


def _gaps(numbers: Iterable[int]) -> set[int]:
    """The missing numbers between these; a jump of an unclean start is no gap."""
    return {n for a, b in pairwise(sorted(numbers)) if b - a <= WAL_PAGES for n in range(a + 1, b)}


def _check(path: Path) -> list[Row]:
    """All rows, each with its checksum verified. Changes nothing on disk. Raises _Damaged."""
    try:
        with _reading(path) as db:
            return list(_checked(db))
    except _SQLITE_ERRORS as error:
        # no code: the error is Python's own, for text that is not UTF-8
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _NOT_DAMAGE:
            raise
        raise _Damaged(str(error)) from error


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False)
    try:
        # EXCLUSIVE: no other process has the folder, so the log's index need not be in a file (two pages a put).
        # secure_delete overwrites deleted rows, so that salvaging finds few that are delivered.
        db.executescript(
            f"PRAGMA page_size={_PAGE}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
            "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
        )
        db.execute(_ACCEPTED_TABLE)  # files of older versions do not have it,
        db.execute("DROP INDEX IF EXISTS event")  # and have this index, which costs a page for each put
    except sqlite3.Error:
        db.close()
        raise
    return db


def _reading(path: Path) -> closing[sqlite3.Connection]:
    """A connection that changes neither the file nor its log, also when it is closed.

    Raises sqlite3.DatabaseError for what is no file: SQLite would wait for ever at a FIFO.
    """
    for there in (path, *_beside(path)):
        if os.path.lexists(there) and not there.is_file():
            raise sqlite3.DatabaseError(f"{there.name} is not a file")
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
            raise _Damaged(f"the last accepted reading of {lane} is not whole")
    verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _Damaged(verdict)


def _accepted(db: sqlite3.Connection) -> list[tuple[str, bytes]]:
    there = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'accepted'").fetchone()[0]
    return db.execute("SELECT lane, body FROM accepted").fetchall() if there else []


def _carry_over(path: Path, opened: Opened) -> None:
    """Copy every intact row of a damaged file into `opened`, then rename the damaged file."""
    heaps = [*row_format.find(_read(path)), *row_format.find(_read(_wal(path)))]
    listed = list(_read_through_sqlite(path))
    found = [row for row in (*listed, *heaps) if isinstance(row, Row)]
    lost = {seq for seq in (*listed, *heaps) if isinstance(seq, int)} - {row.seq for row in found}
    opened.damaged = True
    salvaged = _add(opened, found)
    opened.salvaged += salvaged
    opened.lost += len(lost)
    aside = path.with_suffix(".damaged")
    _move_aside(path, aside)
    log.error("salvaged %d records; %d that are damaged are in %s", salvaged, len(lost), aside)


def _add(opened: Opened, found: Iterable[Row]) -> int:
    """Add the found rows to the file. Returns the number of records among them."""
    found = list(found)
    accepted = sorted((row for row in found if row.lane.startswith(ACCEPTED)), key=lambda row: row.seq)
    # of two rows with the same number, the marker is the newer one
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


def _read_through_sqlite(path: Path) -> Iterator[Row | int]:
    """The rows that SQLite can still read: also those longer than a page, which are not in one piece.

    Of a record that is damaged only its number (seq).
    """
    with suppress(*_SQLITE_ERRORS), _reading(path) as db:
        accepted = [(None, ACCEPTED, body) for _, body in _accepted(db)]
        for seq, lane, body in (*accepted, *db.execute("SELECT seq, lane, body FROM row ORDER BY seq")):
            row = row_format.unpack(body) if isinstance(body, bytes) else None
            if row:
                yield row
            elif isinstance(seq, int) and lane != MARKER:
                yield seq


def _read(path: Path) -> bytes:
    """The bytes of a file; empty if it is missing or cannot be read."""
    try:
        return regular_file.read(path, _LARGEST)
    except OSError:
        return b""


def _move_aside(path: Path, aside: Path) -> None:
    """Rename the damaged file. Only the latest one is kept: the disk is bounded."""
    for old in path.parent.glob("outbox-*.damaged*"):
        with suppress(OSError):
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    path.replace(aside)
    for there, then in zip(_beside(path), _beside(aside), strict=True):
        if os.path.lexists(there):
            there.replace(then)


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _beside(path: Path) -> list[Path]:
    """The files that SQLite opens beside it."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")]


def _epoch(path: Path) -> int:
    return int(path.stem.removeprefix("outbox-"), 16)

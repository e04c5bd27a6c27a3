"""Rows into PostgreSQL, in the schema `edge_daemon`. Several collectors may write into one database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PGconn, Ping
from psycopg.types.json import Jsonb

from scripts.collecting.collector import DatabaseAwayError, DatabaseError, Stored
from scripts.collecting.migrate import Connection, migrate
from scripts.collecting.rows import DeadLetter, Event, Reading, Received, Row, State, parse

TOPICS = tuple(f"edge_daemon/+/{kind}" for kind in ("reading/+", "history", "event", "health", "problem"))
"""`reading` has what is so now, `history` what had to wait; together they are complete."""

_OPTIONS: dict[str, Any] = {
    "application_name": "edge_daemon collector",
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 15,  # seconds, and with the next line: a server that has vanished is noticed in half a minute
    "tcp_user_timeout": 30_000,  # milliseconds
}

_READING = """
INSERT INTO edge_daemon.reading (id, device, epoch, seq, field, captured_at, status, value, text, unit, value_at,
    confidence, candidates, time_quality, model)
VALUES (%(id)s, %(device)s, %(epoch)s, %(seq)s, %(field)s, %(captured_at)s, %(status)s, %(value)s, %(text)s, %(unit)s,
    %(value_at)s, %(confidence)s, %(candidates)s, %(time_quality)s, %(model)s)
ON CONFLICT (id) DO NOTHING
"""
_EVENT = """
INSERT INTO edge_daemon.event (id, device, epoch, seq, at, event_type, field, payload)
VALUES (%(id)s, %(device)s, %(epoch)s, %(seq)s, %(at)s, %(event_type)s, %(field)s, %(payload)s)
ON CONFLICT (id) DO NOTHING
"""
_STATE = """
INSERT INTO edge_daemon.state (device, kind, received_at, payload) VALUES (%s, %s, now(), %s)
ON CONFLICT (device, kind) DO UPDATE SET received_at = excluded.received_at, payload = excluded.payload
"""
_DEAD_LETTER = """
INSERT INTO edge_daemon.dead_letter (digest, topic, payload, reason) VALUES (%s, %s, %s, %s)
ON CONFLICT (digest) DO NOTHING
"""


class PostgreSQL:
    """One connection, which is made anew after it was lost."""

    def __init__(self, url: str) -> None:
        """`url`: postgresql://USER@HOST:PORT/DATABASE, or any other connection string of libpq. Raises DatabaseError if
        it is none; does not connect."""
        self._url = url
        self._connection: Connection | None = None
        try:
            parts = conninfo_to_dict(url)
            ports = str(parts.get("port", "")).split(",")  # one for each host; libpq does not look at them yet
            if not all(0 < int(port) < 2**16 for port in ports if port):
                raise ValueError("port")
        except (psycopg.Error, ValueError):  # their texts may repeat the password
            raise DatabaseError("the address of the database: write postgresql://USER@HOST:PORT/DATABASE") from None
        self._name = f"database {parts.get('dbname', '')} on {parts.get('host', 'localhost')}:{parts.get('port', 5432)}"

    def open(self) -> Connection:
        """The connection, with an up-to-date schema. Raises DatabaseError; DatabaseAwayError if it may work later."""
        if self._connection is None:
            connection = self._connect()
            try:
                migrate(connection)
            except BaseException as error:
                connection.close()
                if isinstance(error, psycopg.Error):
                    raise self._failure(error) from None
                raise
            self._connection = connection
        return self._connection

    def store(self, batch: Sequence[Received]) -> Stored:
        try:
            return self._write(parse(batch))
        except (psycopg.DataError, psycopg.IntegrityError):  # it looked right, and PostgreSQL refuses one of them
            return self._store_each(batch)

    def _store_each(self, batch: Sequence[Received]) -> Stored:
        new = 0
        dead: list[DeadLetter] = []
        for message in batch:
            try:
                stored = self._write(parse([message]))
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                stored = self._write([DeadLetter(message.topic, message.payload, _first_line(error))])
            new += stored.new
            dead += stored.dead
        return Stored(new, dead)

    def query(self, query: LiteralString, values: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises DatabaseError."""
        try:
            return self.open().execute(query, values).fetchall()
        except psycopg.Error as error:
            self.close()
            raise self._failure(error) from None

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _connect(self) -> Connection:
        try:
            return psycopg.connect(self._url, autocommit=True, **_OPTIONS)
        except psycopg.Error as error:
            # a server that answers will refuse the same user, password or database again
            kind = DatabaseError if PGconn.ping(self._url.encode()) == Ping.OK else DatabaseAwayError
            raise kind(f"{self._name}: {_first_line(error)}") from None

    def _failure(self, error: psycopg.Error) -> DatabaseError:
        lasting = isinstance(error, psycopg.ProgrammingError)  # a missing right, tables of somebody else
        return (DatabaseError if lasting else DatabaseAwayError)(f"{self._name}: {_first_line(error)}")

    def _write(self, rows: Sequence[Row]) -> Stored:
        """In one transaction. Raises what psycopg says about the data, DatabaseError for all else."""
        connection = self.open()
        try:
            with connection.transaction(), connection.cursor() as cursor:
                return _insert(cursor, rows)
        except (psycopg.DataError, psycopg.IntegrityError):
            raise
        except psycopg.Error as error:
            self.close()
            raise DatabaseAwayError(f"{self._name}: {_first_line(error)}") from None


def _insert(cursor: psycopg.Cursor[Any], rows: Sequence[Row]) -> Stored:
    """Sorted, because two collectors that insert the same rows in two orders would deadlock."""
    readings = sorted((row for row in rows if isinstance(row, Reading)), key=lambda row: row.id)
    events = sorted((row for row in rows if isinstance(row, Event)), key=lambda row: row.id)
    states = {(row.device, row.kind): row.payload for row in rows if isinstance(row, State)}
    dead = sorted((row for row in rows if isinstance(row, DeadLetter)), key=lambda row: row.digest)
    cursor.executemany(_EVENT, [_columns(row, payload=_json(bytes(row.payload))) for row in events])
    cursor.executemany(_STATE, [(*key, _json(payload)) for key, payload in sorted(states.items())])
    cursor.executemany(_DEAD_LETTER, [(row.digest, row.topic, row.payload, row.reason) for row in dead])
    cursor.executemany(_READING, [_columns(row, candidates=_jsonb(row.candidates)) for row in readings])
    return Stored(cursor.rowcount if readings else 0, dead)


def _columns(row: Reading | Event, **changed: Any) -> dict[str, Any]:
    return msgspec.structs.asdict(row) | changed


def _jsonb(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value, dumps=msgspec.json.encode)


def _json(payload: bytes) -> Jsonb:
    """JSON as it arrived."""
    return Jsonb(payload, dumps=lambda given: given)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

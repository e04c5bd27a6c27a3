"""The tables and views in PostgreSQL: migrations/N_name.sql are applied in their order, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from scripts.collecting.collector import DatabaseError

FILES = sorted((Path(__file__).parent / "migrations").glob("*.sql"), key=lambda path: int(path.name.split("_")[0]))
"""A published file is never changed: a change of the schema is a new file."""
_LOCK = 0x65646765
"""Number of the lock under which collectors that start together migrate one after the other: "edge"."""

Connection = psycopg.Connection[Any]


def migrate(connection: Connection) -> None:
    """Brings the schema up to date, all or nothing. Writes nothing if it is.

    Raises DatabaseError for a schema that is newer than this program, psycopg.Error for all else.
    """
    if _version(connection) == len(FILES):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        version = _version(connection)
        if version > len(FILES):
            raise DatabaseError(
                f"the schema edge_daemon has version {version}, and this program knows up to {len(FILES)}: update it"
            )
        for path in FILES[version:]:
            connection.execute(path.read_bytes())
        connection.execute("UPDATE edge_daemon.schema_version SET version = %s", [len(FILES)])


def _version(connection: Connection) -> int:
    """0: there is no schema yet."""
    # not to_regclass: after waiting for the lock it may still answer from the session's cache
    there = "SELECT 1 FROM pg_tables WHERE schemaname = 'edge_daemon' AND tablename = 'schema_version'"
    if connection.execute(there).fetchone() is None:
        return 0
    row = connection.execute("SELECT version FROM edge_daemon.schema_version").fetchone()
    return int(row[0]) if row else 0

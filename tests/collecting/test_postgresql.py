"""Rows in a real PostgreSQL: each once, views over them, and what happens when the database does not take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from edge_daemon.domain import Entry, Status
from edge_daemon.mqtt.messages import encode_record
from scripts.collecting.collector import DatabaseAwayError, DatabaseError
from scripts.collecting.migrate import FILES
from scripts.collecting.postgresql import PostgreSQL
from scripts.collecting.rows import Received
from tests.support.databases.collecting import received, said
from tests.support.databases.postgres import PASSWORD, Postgres, postgres, server
from tests.support.records import event

__all__ = ["postgres", "server"]

AT = 1_795_485_000.12


@pytest.fixture
def database(postgres: Postgres) -> Iterator[PostgreSQL]:
    with closing(PostgreSQL(postgres.url)) as opened:
        yield opened


def happened(seq: int) -> Received:
    return received(encode_record("dock3", "value", Entry(seq, f"dock3/00000001/{seq}", True, event(seq)), False))


def test_each_reading_once(database: PostgreSQL, postgres: Postgres) -> None:
    """Live, late and again: one row, with all its columns."""
    batch = [received(said(7)), received(said(7, replayed=True)), received(said(8))]
    assert [database.store(batch).new, database.store(batch).new] == [2, 0]
    (row,) = postgres.query("SELECT row_to_json(r) FROM edge_daemon.reading r WHERE seq = 7")
    assert (row["id"], row["field"], row["value"], row["unit"]) == ("dock3/00000001/7", "units", 7, "pcs")
    assert (row["captured_at"][:19], row["candidates"][1]) == ("2026-11-24T01:50:00", ["01284", 0.04])


def test_dead_letters(database: PostgreSQL, postgres: Postgres) -> None:
    """What is no reading, or what only PostgreSQL refuses, is kept once with its bytes, and stops nothing beside it."""
    problem = json.dumps({"state": "ON", "codes": [], "text": "\0"}).encode()
    bad = [
        Received("edge_daemon/dock3/history", b"\xff\0{"),
        Received("edge_daemon/dock3/reading/units", b'"' + b"x" * 10_000_000 + b'"'),
        Received("edge_daemon/dock3/problem", problem),  # jsonb cannot hold a NUL
    ]
    for _ in range(2):
        assert len(database.store([received(said(7)), *bad, received(said(8))]).dead) == 3
    kept = postgres.query("SELECT payload, reason FROM edge_daemon.dead_letter")
    assert {bytes(payload) for payload, _ in kept} == {message.payload for message in bad}
    assert any("unsupported Unicode escape" in reason for _, reason in kept)
    assert postgres.query("SELECT seq FROM edge_daemon.reading ORDER BY seq") == [7, 8]


def test_newest_and_hourly(database: PostgreSQL, postgres: Postgres) -> None:
    """`newest` goes by the device's own numbers, whatever arrives last; `hourly` counts only accepted values."""
    batch = [
        said(9, captured_at=AT + 3600),
        said(7, captured_at=AT),
        said(8, captured_at=AT + 60, status=Status.LOW_CONFIDENCE),
    ]
    database.store([received(message) for message in batch])
    assert postgres.query("SELECT seq FROM edge_daemon.newest") == [9]
    hours = postgres.query("SELECT readings, accepted, lowest, highest, last FROM edge_daemon.hourly ORDER BY hour")
    assert hours == [(2, 1, 7, 7, 7), (1, 1, 9, 9, 9)]


def test_withheld_says_why(database: PostgreSQL, postgres: Postgres) -> None:
    """What was seen, why it does not count, and the value that still does."""
    database.store([received(said(7)), received(said(8, status=Status.NOT_MONOTONE, text="00007"))])
    found = postgres.query(
        "SELECT seq, reason, seen, accepted FROM edge_daemon.withheld JOIN edge_daemon.reading USING (id)"
    )
    assert found == [(8, "not_monotone", "01234", "00007")]


def test_gaps(database: PostgreSQL, postgres: Postgres) -> None:
    """Readings and events of a device are numbered together: only what is in neither table is a gap."""
    database.store(
        [received(said(1)), happened(2), received(said(3)), received(said(7)), received(said(1, device="a"))]
    )
    assert postgres.query("SELECT device, first_seq, last_seq, missing FROM edge_daemon.gap") == [("dock3", 4, 6, 3)]
    database.store([received(said(seq, replayed=True)) for seq in (6, 4, 5)])
    assert postgres.query("SELECT * FROM edge_daemon.gap") == []


def test_device_health(database: PostgreSQL, postgres: Postgres) -> None:
    """The newest health and problem of each device; `alive` while they come."""
    queue = {"waiting": 0, "dropped": 0, "refused": 0, "salvaged": 0, "lost": 0}
    health: dict[str, Any] = {"frames": 1, "accepted": 1, "rejected": {}, "queue": queue, "connects": 1, "threads": 4}
    for uptime in (60, 120):
        payload = json.dumps(health | {"uptime_s": uptime}).encode()
        database.store([Received("edge_daemon/dock3/health", payload)])
    query = "SELECT device, alive, uptime_s, problem FROM edge_daemon.device_health"
    assert postgres.query(query) == [("dock3", True, 120, None)]
    database.store([Received("edge_daemon/dock3/problem", b'{"state": "ON", "codes": ["x"], "text": "too dark"}')])
    (at,) = postgres.query("SELECT received_at FROM edge_daemon.state WHERE kind = 'health'")
    postgres.query("UPDATE edge_daemon.state SET received_at = %s", at - timedelta(minutes=4))
    assert postgres.query(query) == [("dock3", False, 120, "too dark")]


def test_collectors_that_start_together(postgres: Postgres) -> None:
    """One of them makes the schema; all can store."""

    def start(number: int) -> int:
        with closing(PostgreSQL(postgres.url)) as database:
            return database.store([received(said(number))]).new

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(8))) == [1] * 8
    assert postgres.query("SELECT version FROM edge_daemon.schema_version") == [len(FILES)]


def test_migration_from_each_version(postgres: Postgres) -> None:
    """A schema of any earlier version is brought up to date, and keeps its rows."""
    for version in range(1, len(FILES)):
        postgres.query("DROP SCHEMA IF EXISTS edge_daemon CASCADE")
        for path in FILES[:version]:
            postgres.query(path.read_text())
        postgres.query("UPDATE edge_daemon.schema_version SET version = %s", version)
        with closing(PostgreSQL(postgres.url)) as database:
            assert database.store([received(said(7))]).new == 1
        assert postgres.query("SELECT seq FROM edge_daemon.newest") == [7]


def test_a_newer_schema_is_refused(database: PostgreSQL, postgres: Postgres) -> None:
    """Nothing is written into tables that this program does not know."""
    database.open()
    postgres.query("UPDATE edge_daemon.schema_version SET version = 99")
    with closing(PostgreSQL(postgres.url)) as later, pytest.raises(DatabaseError, match="has version 99") as refusal:
        later.store([received(said(7))])
    assert not isinstance(refusal.value, DatabaseAwayError)
    assert postgres.query("SELECT * FROM edge_daemon.reading") == []


def test_wrong_addresses(postgres: Postgres) -> None:
    """A wrong password or database: one line, at once. No server: it may come. No address: how to write one; the
    password is never shown."""
    postgres.query(f"CREATE ROLE collector LOGIN PASSWORD '{PASSWORD}'")
    good = f"postgresql://collector:{quote(PASSWORD)}@127.0.0.1:{postgres.port}/postgres"
    cases = {
        good.replace("secret", "wrong"): (DatabaseError, "password authentication failed"),
        good.replace("/postgres", "/nothing"): (DatabaseError, '"nothing" does not exist'),
        good: (DatabaseError, "permission denied"),  # it may log in, and not make a schema
        good.replace(str(postgres.port), "1"): (DatabaseAwayError, "refused"),
        "postgresql://collector:a%secret@127.0.0.1/x": (DatabaseError, "write postgresql://"),
        "postgresql://127.0.0.1:secret/x": (DatabaseError, "write postgresql://"),
        "postgresql://127.0.0.1:65536/x": (DatabaseError, "write postgresql://"),
        "postgresql://127.0.0.1,127.0.0.1:1/x?connect_timeout=1": (DatabaseAwayError, "refused"),
    }
    for url, (kind, words) in cases.items():
        with pytest.raises(DatabaseError) as failure:
            PostgreSQL(url).open()
        text = str(failure.value)
        assert (type(failure.value), words in text, "secret" in text, "\n" in text) == (kind, True, False, False), text
    postgres.query("DROP ROLE collector")


def test_a_read_only_database(database: PostgreSQL, postgres: Postgres) -> None:
    """It may become writable again: then the same batch is stored."""
    database.open()
    postgres.query("ALTER ROLE postgres SET default_transaction_read_only = on")
    database.close()
    with pytest.raises(DatabaseAwayError, match="read-only"):
        database.store([received(said(7))])
    postgres.query("BEGIN READ WRITE; ALTER ROLE postgres RESET default_transaction_read_only; COMMIT")
    assert database.store([received(said(7))]).new == 1


def test_a_server_that_was_killed(database: PostgreSQL, postgres: Postgres) -> None:
    """The connection is made anew."""
    database.store([received(said(7))])
    postgres.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'edge_daemon%'")
    with pytest.raises(DatabaseAwayError):
        database.store([received(said(8))])
    assert database.store([received(said(8))]).new == 1

"""The collector with SQLite: whatever happens to it and to the broker, its file holds each reading once."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scripts.collecting.collector import DatabaseAwayError, DatabaseError
from scripts.collecting.rows import Received
from scripts.collecting.sqlite import SQLite
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.databases.collecting import collecting, received, said


def column(file: Path, query: str) -> list[object]:
    with closing(sqlite3.connect(file)) as db:
        return [value for (value,) in db.execute(query)]


def seqs(file: Path) -> list[object]:
    return column(file, "SELECT seq FROM reading ORDER BY seq")


@pytest.mark.slow
def test_each_reading_once(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Twice, late, while the collector is killed, while the broker restarts: all are there, none is there twice."""
    file = tmp_path / "readings.db"
    with collecting(str(file), "--broker", broker.url):
        until(lambda: any("edge_daemon/+/history" in line for line in broker.log))
        for message in (said(3), said(3), said(1, replayed=True), said(2, replayed=True), said(2, replayed=True)):
            recorder.say(message)
        until(lambda: file.exists() and seqs(file) == [1, 2, 3])
    for seq in (4, 5):
        recorder.say(said(seq))  # nobody is there
    recorder.wait_for(lambda _: recorder.count("/units") == 4)
    broker.restart()
    with collecting(str(file), "--broker", broker.url) as running:
        until(lambda: seqs(file) == [1, 2, 3, 4, 5])
        broker.restart()
        recorder.say(said(6))
        until(lambda: seqs(file) == [1, 2, 3, 4, 5, 6])
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0


def test_columns(tmp_path: Path) -> None:
    """Times are stored as they are in the message, and what is no reading beside the readings."""
    file = tmp_path / "readings.db"
    with closing(SQLite(file)) as database:
        batch = [received(said(7)), Received("edge_daemon/dock3/history", b"{")]
        stored = [database.store(batch) for _ in range(2)]
    assert [(one.new, len(one.dead)) for one in stored] == [(1, 1), (0, 1)]
    assert column(file, "SELECT captured_at FROM reading") == ["2026-11-24T01:50:00.120Z"]
    assert column(file, "SELECT payload FROM dead_letter") == [b"{"]


def test_a_locked_file(tmp_path: Path) -> None:
    """Another program holds the file: the collector can try again, and then nothing is missing."""
    file = tmp_path / "readings.db"
    with closing(SQLite(file)) as database, closing(sqlite3.connect(file)) as other:
        database._db.execute("PRAGMA busy_timeout = 10")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseAwayError, match="locked"):
            database.store([received(said(7))])
        other.rollback()
        assert database.store([received(said(7))]).new == 1


def test_no_database(tmp_path: Path) -> None:
    """A file that is something else is refused at once, by its name."""
    (tmp_path / "notes.txt").write_text("no database " * 100)
    with pytest.raises(DatabaseError, match=r"notes\.txt: file is not a database"):
        SQLite(tmp_path / "notes.txt")

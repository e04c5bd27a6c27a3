"""The plain consumer: whatever happens to it and to the broker, its file holds each reading once."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge_daemon.domain import Entry, Message
from edge_daemon.mqtt.messages import encode_record
from scripts import collect
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.records import reading

ROOT = Path(__file__).parents[2]


def said(seq: int, replayed: bool = False, **changes: object) -> Message:
    entry = Entry(seq, f"dock3/00000001/{seq}", True, reading(seq, **changes))
    return encode_record("dock3", "candidates", entry, replayed)


@contextmanager
def collecting(file: Path, broker: Mosquitto) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(ROOT / "scripts/collect.py"), str(file), "--broker", broker.url]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def seqs(file: Path) -> list[int]:
    with closing(sqlite3.connect(file)) as db:
        return [seq for (seq,) in db.execute("SELECT seq FROM reading ORDER BY seq")]


@pytest.mark.slow
def test_each_reading_once(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Twice, late, while the consumer is killed, while the broker restarts: all are there, none is there twice."""
    file = tmp_path / "readings.db"
    with collecting(file, broker) as process:
        until(lambda: any("edge_daemon/+/history" in line for line in broker.log))
        for message in (said(3), said(3), said(1, replayed=True), said(2, replayed=True), said(2, replayed=True)):
            recorder.say(message)
        until(lambda: file.exists() and seqs(file) == [1, 2, 3])
        process.send_signal(signal.SIGKILL)
    for seq in (4, 5):
        recorder.say(said(seq))  # nobody is there
    recorder.wait_for(lambda _: recorder.count("/units") == 4)
    broker.restart()
    with collecting(file, broker) as process:
        until(lambda: seqs(file) == [1, 2, 3, 4, 5])
        broker.restart()
        recorder.say(said(6))
        until(lambda: seqs(file) == [1, 2, 3, 4, 5, 6])
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_columns() -> None:
    """Of a live reading the field is in the topic, of a late one in the payload; an identifier has no value."""
    for message in (said(7), said(7, replayed=True)):
        columns = dict(zip(collect.COLUMNS, collect.row(message.topic, message.payload) or (), strict=True))
        assert (columns["device"], columns["field"], columns["value"], columns["unit"]) == ("dock3", "units", 7, "pcs")
    identifier = replace(reading(8), value=None, unit=None)
    serial = encode_record("dock3", "value", Entry(8, "dock3/00000001/8", True, identifier), False)
    columns = dict(zip(collect.COLUMNS, collect.row(serial.topic, serial.payload) or (), strict=True))
    assert (columns["value"], columns["unit"], columns["text"]) == (None, None, "00008")


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"7", b'{"id": "x"}', b"\xff"])
def test_what_is_no_reading(payload: bytes) -> None:
    """A cleared topic, and what others say there, is passed over."""
    assert collect.row("edge_daemon/dock3/reading/units", payload) is None

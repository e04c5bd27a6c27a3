"""A plain consumer: the readings of all devices on a broker, each once, into an SQLite file.

It shows all that a consumer has to do, for any other database:

\b
- a session that persists, so that the broker keeps what comes while we are away;
- both topics: `reading` has what is so now, `history` what had to wait, and together they are complete;
- what has been seen is ignored, by its id: delivery is at least once;
- a message is acknowledged when it is on disk, not before.

Until Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_daemon.config import schema
from edge_daemon.errors import EdgeDaemonError
from edge_daemon.mqtt.address import BrokerAddress, resolve

TOPICS = [("edge_daemon/+/reading/+", 1), ("edge_daemon/+/history", 1)]
TABLE = """
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
) WITHOUT ROWID
"""
COLUMNS = (
    "id", "device", "field", "seq", "captured_at", "status", "value", "text", "unit", "value_at", "confidence",
    "time_quality",
)  # fmt: skip
MAY_BE_ABSENT = {"value", "text", "unit", "value_at"}
AWAY = 2.0
"""Seconds between tries to reach a broker that is away."""


def row(topic: str, payload: bytes | bytearray) -> tuple[Any, ...] | None:
    """The columns of a message; None if it is not a reading: a cleared topic, or another program's message."""
    _, device, _, *field = topic.split("/")
    try:
        values = {"device": device, "field": "".join(field)} | json.loads(payload)
        return tuple(values.get(name) if name in MAY_BE_ABSENT else values[name] for name in COLUMNS)
    except (ValueError, TypeError, KeyError):
        return None


def store(db: sqlite3.Connection, messages: Sequence[paho.MQTTMessage]) -> int:
    """Stores rows on the disk; returns how many were new."""
    rows = [columns for message in messages if (columns := row(message.topic, message.payload))]
    with db:
        marks = ", ".join("?" * len(COLUMNS))
        return db.executemany(f"INSERT OR IGNORE INTO reading VALUES ({marks})", rows).rowcount if rows else 0


def client(to: BrokerAddress, name: str) -> tuple[paho.Client, list[paho.MQTTMessage]]:
    """A client with this name, and the queue of its messages."""
    heard: list[paho.MQTTMessage] = []
    found = paho.Client(CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True)
    if to.username:
        found.username_pw_set(to.username, to.password)
    if to.tls:
        found.tls_set_context(to.tls)
    found.on_connect = lambda client, *_: client.subscribe(TOPICS)
    found.on_message = lambda _client, _data, message: heard.append(message)
    return found, heard


def collect(to: BrokerAddress, name: str, db: sqlite3.Connection) -> None:
    """Collects without end; waits for a broker that cannot be reached."""
    there, heard = client(to, name)
    connected = False
    while True:
        try:
            if not connected:
                heard.clear()  # was not acknowledged: it comes again
                there.connect(to.host, to.port)
                connected = True
            connected = there.loop(0.2) == paho.MQTT_ERR_SUCCESS
        except OSError as error:
            click.echo(f"broker {to}: {error}", err=True)
        if not connected:
            time.sleep(AWAY)
        elif heard:
            new = store(db, heard)
            for message in heard:
                there.ack(message.mid, message.qos)
            click.echo(f"{len(heard)} received, {new} of them new", err=True)
            heard.clear()


@click.command(help=__doc__)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Default: from --config, or localhost.")
@click.option("--config", "path", type=click.Path(path_type=Path), metavar="FILE", help="Its [mqtt] has the login.")
@click.option("--name", default="collector", show_default=True, help="Name of the session at the broker.")
def main(file: Path, broker: str | None, path: Path | None, name: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        given = schema.load(path).mqtt
        with closing(sqlite3.connect(file)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(TABLE)
            collect(resolve(replace(given, url=broker) if broker else given), name, db)
    except (EdgeDaemonError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

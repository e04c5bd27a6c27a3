"""Writes the readings of all devices on a broker into a database, each once.

TARGET is a file for SQLite, or postgresql://USER@HOST:PORT/DATABASE. Tables are made if they are missing. A password
belongs into ~/.pgpass or PGPASSWORD, not into the address: other users can see commands.

A message is acknowledged when it is on disk, not before, and what is there already is ignored: nothing is lost or
there twice, whenever this program, the broker or the database is ended. A message that is no reading goes into the
table dead_letter. Until Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import click

from edge_daemon.config import schema
from edge_daemon.errors import EdgeDaemonError
from edge_daemon.mqtt.address import BrokerAddress, resolve
from edge_daemon.system import units
from scripts.collecting import sqlite
from scripts.collecting.collector import Collector, Database, DatabaseAwayError
from scripts.collecting.mqtt_source import MqttSource

QUIET = 5.0
"""Seconds without a message after which the session that is left has none."""


def tell(line: str) -> None:
    click.echo(line, err=True)


def open_database(target: str, broker: BrokerAddress, since: str | None) -> tuple[Database, Sequence[str]]:
    """The database, and the topics that it has tables for. Raises DatabaseError, UsageError."""
    if "://" not in target:
        if since:
            raise click.UsageError("--since: only with PostgreSQL")
        return sqlite.SQLite(Path(target)), sqlite.TOPICS
    from scripts.collecting import missing, postgresql

    database = postgresql.PostgreSQL(target)
    try:
        database.open()
    except DatabaseAwayError as error:
        tell(f"{error}; waiting")
    if since:
        start = datetime.now(UTC) - timedelta(seconds=_seconds(since))
        missing.Missing(broker, postgresql.PostgreSQL(target), start, tell).start()
    return database, postgresql.TOPICS


def run(collector: Collector) -> NoReturn:
    """Until the process is ended."""
    while True:
        collector.step()


def leave(source: MqttSource, collector: Collector) -> None:
    """Stores what the broker holds for this session, then ends it."""
    source.leave()
    quiet_at = time.monotonic() + QUIET
    while time.monotonic() < quiet_at:
        if collector.step() or not source.connected:
            quiet_at = time.monotonic() + QUIET
    source.end()


def _seconds(text: str) -> float:
    try:
        return units.seconds(text)
    except ValueError as error:
        raise click.UsageError(f"--since: {error}") from None


@click.command(help=__doc__)
@click.argument("target")
@click.option(
    "--broker",
    "brokers",
    metavar="URL",
    multiple=True,
    help="mqtt://HOST:PORT, or amqp://HOST:PORT for RabbitMQ; once for each node of a cluster. "
    "Default: from --config, or localhost.",
)
@click.option("--config", "path", type=click.Path(path_type=Path), metavar="FILE", help="Its [mqtt] has the login.")
@click.option("--name", default="collector", show_default=True, help="Name of the session at the broker.")
@click.option(
    "--share", default="", metavar="GROUP", help="Collectors of one GROUP, each with a --name, share the work."
)
@click.option("--leave", "leaving", is_flag=True, help="Store what the broker holds for this --name, and remove it.")
@click.option("--since", metavar="TIME", help="Ask devices for what is missing since then, such as 12h or 30d.")
def main(
    target: str,
    brokers: tuple[str, ...],
    path: Path | None,
    name: str,
    share: str,
    leaving: bool,
    since: str | None,
) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        given = schema.load(path).mqtt
        by_amqp = any(url.startswith("amqp") for url in brokers)
        if by_amqp and (share or leaving):
            raise click.UsageError("--share, --leave: not with amqp://, where all collectors share one queue")
        to = resolve(replace(given, url=brokers) if brokers and not by_amqp else given)
        database, topics = open_database(target, to, since)
        if by_amqp:
            from scripts.collecting.amqp_source import AmqpSource

            run(Collector(AmqpSource(brokers, to, topics, tell), database, tell))
        source = MqttSource(to, name, topics, tell, share)
        collector = Collector(source, database, tell)
        if leaving:
            leave(source, collector)
        else:
            run(collector)
    except EdgeDaemonError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(prog_name="scripts/collect")

"""A RabbitMQ cluster of three nodes that loses nodes, with devices, collectors and PostgreSQL.

Devices (real outboxes and connections, invented readings) know all three nodes. Two collectors share a quorum queue by
AMQP and write into a PostgreSQL. While readings come, each node in turn is killed (kill -9) and started again, one is
separated from the others for a while, and at last all restart at once. Each kill is timed: how long until a device that
was connected to the killed node has delivered its next reading?

All of it runs on this machine, on loopback ports. Exit code 0 only if each stored reading is in the database once, and
the readings of each field came in order.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.sink import MqttOptions
from scripts.collecting.amqp_source import AmqpSource
from scripts.collecting.postgresql import TOPICS
from tests.campaigns.fleet.devices import LEDGER, Device, Ledger, Plan, run
from tests.campaigns.fleet.listener import Heard
from tests.campaigns.fleet.verdict import Verdict, as_lines, verdict
from tests.support.brokers.cluster import Cluster
from tests.support.brokers.mosquitto import until
from tests.support.brokers.rabbitmq import RabbitMQ
from tests.support.databases.collecting import collecting
from tests.support.databases.postgres import Postgres

IN_ONE_PROCESS = 50
"""Most devices; each has about eight open files."""
STANDS = 12.0
"""Seconds after which a connection counts as stable: its device then tries the next node at once."""
CUT_OFF = 20.0
"""Seconds for which a node is separated from the others."""
PATIENCE = 180.0
"""Seconds for a node to come back, and for the last readings to arrive, at most."""


class Observer:
    """Receives all readings from a quorum queue of its own, in their order."""

    def __init__(self, cluster: Cluster) -> None:
        self.heard: list[Heard] = []
        self._source = AmqpSource(cluster.amqp_urls, BrokerAddress("", 0), TOPICS, lambda line: None, "observer")
        self._ended = threading.Event()
        self._source.receive(0.0)  # makes the queue
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            found = self._source.receive(0.2)
            self.heard += [Heard(message.topic, message.payload, time.monotonic()) for message in found]
            self._source.acknowledge()


class Site:
    """What runs beside the cluster."""

    def __init__(self, folder: Path, cluster: Cluster, devices: int, every: float) -> None:
        self._folder = folder
        self._cluster = cluster
        self._stop = multiprocessing.get_context("spawn").Event()
        names = [f"cluster-{number:04d}" for number in range(devices)]
        self._plans = [
            Plan(names[first : first + IN_ONE_PROCESS], self._options(first), folder, every, 86_400, PATIENCE)
            for first in range(0, devices, IN_ONE_PROCESS)
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Devices that put readings, until the end of the block; then until all is delivered."""
        context = multiprocessing.get_context("spawn")
        all_there = context.Barrier(len(self._plans) + 1)
        processes = [context.Process(target=run, args=(plan, all_there, self._stop)) for plan in self._plans]
        try:
            for process in processes:
                process.start()
            all_there.wait(PATIENCE)
            yield
            self._stop.set()
            for process in processes:
                process.join()
        finally:
            for process in processes:
                process.kill()

    def probe(self, node: RabbitMQ, number: int) -> Device:
        """A device that is connected to this node."""
        place = self._cluster.nodes.index(node)
        plan = Plan([f"probe-{number}"], self._options(place), self._folder, 0, 0, 0)
        device = Device(plan.devices[0], plan)
        until(lambda: device.courier.connects, PATIENCE)
        return device

    def ledgers(self) -> list[Ledger]:
        files = sorted(self._folder.glob(f"*{LEDGER}"))
        return [ledger for path in files for ledger in msgspec.json.decode(path.read_bytes(), type=list[Ledger])]

    def _options(self, turn: int) -> MqttOptions:
        """All nodes, beginning with another one each time."""
        urls, turn = self._cluster.urls, turn % len(self._cluster.urls)
        return MqttOptions((*urls[turn:], *urls[:turn]))


def kill(site: Site, node: RabbitMQ, number: int) -> tuple[float, Ledger]:
    """Seconds until a device of the killed node delivers again, and that device's readings. The node is back then."""
    device = site.probe(node, number)
    time.sleep(STANDS)
    node.stop(signal.SIGKILL)
    killed = time.monotonic()
    device.put(1)
    until(lambda: not device.outbox.waiting, PATIENCE)
    seconds = time.monotonic() - killed
    node.start()
    device.courier.stop()
    return seconds, device.ledger()


def attack(site: Site, cluster: Cluster) -> tuple[list[float], list[Ledger]]:
    """All attacks in turn."""
    times, ledgers = [], []
    for number, node in enumerate(cluster.nodes):
        tell(f"kill -9 of {node.name}")
        seconds, ledger = kill(site, node, number)
        tell(f"its devices deliver again after {seconds:.1f} s; the node is back")
        times.append(seconds)
        ledgers.append(ledger)
    tell(f"{cluster.nodes[-1].name} is separated from the others for {CUT_OFF:.0f} s")
    cluster.separate(cluster.nodes[-1])
    time.sleep(CUT_OFF)
    cluster.join(cluster.nodes[-1])
    until(lambda: cluster.running() == len(cluster.nodes), PATIENCE)
    tell("all restart at once")
    cluster.restart()
    return times, ledgers


def tell(line: str) -> None:
    click.echo(line, err=True)


def measure(folder: Path, devices: int, every: float, collectors: int) -> tuple[Verdict, list[float], int]:
    """What was received, the seconds after each kill, and the rows in the database."""
    with ExitStack() as stack:
        cluster, postgres = Cluster(folder / "cluster"), Postgres()
        stack.callback(postgres.close)
        stack.callback(cluster.stop)
        postgres.start()
        tell("starting three nodes")
        cluster.start()
        observer = stack.enter_context(closing(Observer(cluster)))
        brokers = [word for url in cluster.amqp_urls for word in ("--broker", url)]
        for _ in range(collectors):
            stack.enter_context(collecting(postgres.url, *brokers))
        site = Site(folder, cluster, devices, every)
        with site.running():
            tell(f"{devices} devices, a reading every {every:g} s each; {collectors} collectors")
            times, ledgers = attack(site, cluster)
        ledgers += site.ledgers()
        stored = sum(len(ledger.stored) for ledger in ledgers)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            (rows,) = postgres.query("SELECT count(*) FROM edge_daemon.reading")
            if rows >= stored and verdict(ledgers, list(observer.heard)).delivered >= stored:
                break
            time.sleep(1)
        return verdict(ledgers, list(observer.heard)), times, rows


@click.command(help=__doc__)
@click.option("--devices", default=200, show_default=True, type=click.IntRange(1, 1000))
@click.option("--every", default=1.0, show_default=True, help="Seconds between two readings of a device.")
@click.option("--collectors", default=2, show_default=True, type=click.IntRange(1, 8))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, for programs.")
def main(devices: int, every: float, collectors: int, as_json: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="cluster-") as name:
        found, times, rows = measure(Path(name), devices, every, collectors)
    good = found.good and rows == found.stored and not found.lost_by_broker
    if as_json:
        seconds = [round(time, 1) for time in times]
        click.echo(json.dumps({**asdict(found), "rows": rows, "seconds_after_kill": seconds, "good": good}))
    else:
        *lines, _ = as_lines(found, "a RabbitMQ cluster")
        lines.append(f"  rows             {rows}")
        lines.append(f"  after a kill     {', '.join(f'{time:.1f} s' for time in times)} until delivery")
        click.echo("\n".join([*lines, "all good" if good else "NOT good"]))
    sys.exit(not good)


if __name__ == "__main__":
    main(prog_name="scripts/campaign cluster")

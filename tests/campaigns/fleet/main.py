"""Many light devices against one broker that restarts.

Each device has its own client id and a real outbox, courier and connection; only its readings are invented. One
subscriber with a persistent session receives all of them. The broker is started here, with persistence, on a free
loopback port, and restarted (SIGTERM) while readings come. Or it is yours (--broker): then you restart it.

Counts stored, delivered, lost, late, duplicate and out-of-order readings, and their latency. Readings that the broker
lost after it had acknowledged them are counted separately. Exit code 0 only if no other stored reading is missing.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import BrokenBarrierError

import click
import msgspec

from edge_daemon.config import schema
from edge_daemon.errors import BrokerError, EdgeDaemonError
from edge_daemon.mqtt.address import resolve
from edge_daemon.mqtt.sink import MqttOptions
from tests.campaigns.fleet import brokers
from tests.campaigns.fleet.brokers import Site
from tests.campaigns.fleet.devices import LEDGER, Ledger, Plan, run
from tests.campaigns.fleet.listener import Listener
from tests.campaigns.fleet.verdict import Verdict, as_lines, verdict

IN_ONE_PROCESS = 50
"""Most devices; each has about eight open files."""
START = 120.0
"""Seconds in which all devices must have connected."""
QUIET = 3.0
"""Seconds without a new message after which the subscriber has received everything."""
DRAINED = 60.0
"""Seconds at most until everything must have been delivered."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The parameters of a run."""

    devices: int
    minutes: float
    every: float
    """Seconds from one reading of a device to its next."""
    restarts: int
    """Spread evenly over the time."""
    down: float
    """Seconds for which each broker is away."""


class Fleet:
    """Processes of devices, and the subscriber."""

    def __init__(self, folder: Path, mqtt: MqttOptions, far: str, terms: Terms) -> None:
        """`far` is the URL where the subscriber listens. Raises BrokerError."""
        self._folder = folder
        self._mqtt = mqtt
        self._terms = terms
        self._run = os.urandom(3).hex()  # so that another run on the same broker is not mistaken for this one
        self._listener = Listener(resolve(replace(mqtt, url=far)), f"fleet-{self._run}")
        self._processes: list[BaseProcess] = []
        self._started = 0.0

    def start(self) -> None:
        """Returns when all devices are there; the first reading of each comes within `every` seconds from then on."""
        context = multiprocessing.get_context("spawn")
        names = [f"fleet-{self._run}-{number:04d}" for number in range(self._terms.devices)]
        groups = [names[first : first + IN_ONE_PROCESS] for first in range(0, len(names), IN_ONE_PROCESS)]
        all_there = context.Barrier(len(groups) + 1)
        for some in groups:
            plan = Plan(some, self._mqtt, self._folder, self._terms.every, 60 * self._terms.minutes, DRAINED)
            self._processes.append(context.Process(target=run, args=(plan, all_there)))
            self._processes[-1].start()
        try:
            all_there.wait(START)
        except BrokenBarrierError:
            raise BrokerError(f"not all devices could connect within {START:.0f} s") from None
        self._started = time.monotonic()

    def restart(self, site: Site) -> None:
        """Restarts each broker in turn."""
        for restart in range(1, self._terms.restarts + 1):
            self._wait_until(60 * self._terms.minutes * restart / (self._terms.restarts + 1))
            for broker in site.brokers:
                self._tell(f"the broker on port {broker.port} restarts")
                broker.stop()
                time.sleep(self._terms.down)
                broker.start()
                self._tell("it is back")

    def finish(self) -> Verdict:
        """Wait for all to be delivered; then compare. Raises click.ClickException if devices have failed."""
        for process in self._processes:
            process.join()
        if any(process.exitcode for process in self._processes):
            raise click.ClickException("devices have failed; the lines above say why")
        self._hear_out()
        heard = [message for message in self._listener.heard if f"/fleet-{self._run}-" in message.topic]
        return verdict(self._ledgers(), heard)

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()
        states = {message.topic for message in self._listener.heard if "/reading/" in message.topic}
        self._listener.close({*states, *(topic.split("/reading/")[0] + "/availability" for topic in states)})

    def _wait_until(self, seconds: float) -> None:
        time.sleep(max(0.0, self._started + seconds - time.monotonic()))

    def _tell(self, what: str) -> None:
        tell(f"{time.monotonic() - self._started:5.0f} s: {what}")

    def _hear_out(self) -> None:
        deadline = time.monotonic() + DRAINED
        before, quiet_at = -1, time.monotonic() + QUIET
        while time.monotonic() < min(quiet_at, deadline):
            if (count := len(self._listener.heard)) != before:
                before, quiet_at = count, time.monotonic() + QUIET
            time.sleep(0.05)

    def _ledgers(self) -> list[Ledger]:
        files = sorted(self._folder.glob(f"*{LEDGER}"))
        return [ledger for path in files for ledger in msgspec.json.decode(path.read_bytes(), type=list[Ledger])]


def measure(folder: Path, mqtt: MqttOptions, site: Site, terms: Terms) -> Verdict:
    """One run. Raises BrokerError or ConfigError."""
    with closing(Fleet(folder, replace(mqtt, url=site.near), site.far, terms)) as fleet:
        fleet.start()
        tell(f"{terms.devices} devices for {terms.minutes:g} minutes, a reading every {terms.every:g} s each")
        fleet.restart(site)
        return fleet.finish()


@contextmanager
def place(kind: str, url: str | None, folder: Path) -> Iterator[Site]:
    """The given broker, or one that is started here."""
    if url:
        yield Site(url, url)
        return
    tell(f"starting {kind}")
    with brokers.start(kind, folder) as site:
        yield site


def tell(line: str) -> None:
    click.echo(line, err=True)


@click.command(help=__doc__)
@click.option("--devices", default=20, show_default=True, type=click.IntRange(1, 5000))
@click.option("--minutes", default=1.0, show_default=True, type=click.FloatRange(0.05))
@click.option("--every", default=1.0, show_default=True, help="Seconds between two readings of a device.")
@click.option("--start", "kind", type=click.Choice(brokers.KINDS), help="Start a broker.  [default: mosquitto]")
@click.option("--restarts", default=1, show_default=True, help="Restarts of the broker that was started here.")
@click.option("--down", default=5.0, show_default=True, help="Seconds for which it is down each time.")
@click.option("--broker", "url", metavar="URL", help="A running broker, mqtt://HOST:PORT, instead of --start.")
@click.option(
    "--config", "path", type=click.Path(path_type=Path), metavar="FILE", help="Its [mqtt] has the login for --broker."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, for programs.")
def main(kind: str | None, url: str | None, path: Path | None, as_json: bool, **asked: float) -> None:
    if kind and url:
        raise click.UsageError("--start and --broker: one of the two, please")
    kind = kind or "mosquitto"
    try:
        with tempfile.TemporaryDirectory(prefix="fleet-") as name, place(kind, url, Path(name, "broker")) as site:
            found = measure(Path(name), schema.load(path).mqtt, site, Terms(**asked))  # type: ignore[arg-type]
    except EdgeDaemonError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps({"broker": url or kind, **asked, **asdict(found), "good": found.good}))
    else:
        click.echo("\n".join(as_lines(found, url or kind)))
    sys.exit(not found.good)


if __name__ == "__main__":
    main(prog_name="scripts/campaign fleet")

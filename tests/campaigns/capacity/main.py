"""What a reading costs the site: CPU time of the broker, the collectors and PostgreSQL, memory, bytes on wire and disk.

Devices (connections, without outboxes) publish readings as fast as the broker acknowledges them; collectors write them
into PostgreSQL. All of it runs on this machine, and the devices take their share of it: readings a second are those of
this arrangement. CPU time for a reading depends less on what else the machine has to do, and is what can be multiplied.
Exit code 0 only if each reading is in the database once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from tests.campaigns.capacity.publishers import publish
from tests.support.brokers.cluster import Cluster
from tests.support.brokers.mosquitto import started, until
from tests.support.databases.collecting import collecting
from tests.support.databases.postgres import Postgres

PROCESSES = 2
"""Of publishing devices."""
PATIENCE = 600.0
"""Seconds for all readings to be in the database, at most."""
TICKS = os.sysconf("SC_CLK_TCK")
"""Of /proc/PID/stat, each second."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the site: a name, and its processes."""

    name: str
    processes: Sequence[int]

    def seconds(self) -> float:
        """CPU time so far, with that of ended children."""
        return sum(sum(map(int, _stat(pid)[11:15])) for pid in self._all()) / TICKS

    def megabytes(self) -> float:
        """Memory that is not shared with others (Pss)."""
        return sum(_pss(pid) for pid in self._all()) / 1000

    def _all(self) -> list[int]:
        """The processes and all below them."""
        parents = {int(path.name): int(_stat(int(path.name))[1]) for path in Path("/proc").glob("[0-9]*")}
        found = list(self.processes)
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; zeros for a process that has ended."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ["0"] * 50


def _pss(pid: int) -> int:
    """Kilobytes."""
    try:
        lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


@contextmanager
def site(kind: str, collectors: int, folder: Path) -> Iterator[tuple[Sequence[str], Postgres, list[Part]]]:
    """The URLs for devices, the database, and the parts whose CPU time counts."""
    with ExitStack() as stack:
        postgres = Postgres()
        stack.callback(postgres.close)
        postgres.start()
        if kind == "cluster":
            cluster = Cluster(folder / "cluster")
            stack.callback(cluster.stop)
            cluster.start()
            urls, broker = cluster.urls, Part("three nodes", [pid for node in cluster.nodes for pid in node.pids])
            words = [[word for url in cluster.amqp_urls for word in ("--broker", url)]] * collectors
        else:
            mosquitto = stack.enter_context(started(folder / "mosquitto", "max_inflight_messages 200"))
            urls, broker = (mosquitto.url,), Part("mosquitto", mosquitto.pids)
            words = [["--broker", mosquitto.url, "--share", "site", "--name", f"c{i}"] for i in range(collectors)]
        running = [stack.enter_context(collecting(postgres.url, *more)) for more in words]
        # the bindings and subscriptions are there when the schema is, and then what it waits for is the broker
        until(lambda: ready(postgres, collectors), PATIENCE)
        time.sleep(2)
        pids = [one.process.pid for one in running]
        yield urls, postgres, [broker, Part("collectors", pids), Part("PostgreSQL", postgres.pids)]


def ready(postgres: Postgres, collectors: int) -> bool:
    """Whether all collectors are connected to the database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'edge_daemon collector'"
    return postgres.query(query) == [collectors]


def count(postgres: Postgres) -> int:
    """The rows in the database."""
    (rows,) = postgres.query("SELECT count(*) FROM edge_daemon.reading")
    return int(rows)


def measure(kind: str, devices: int, each: int, collectors: int, folder: Path) -> dict[str, object]:
    """All figures, by name."""
    names = [f"dev{number:05d}" for number in range(devices)]
    with site(kind, collectors, folder) as (urls, postgres, parts), ProcessPoolExecutor(PROCESSES) as pool:
        before = [part.seconds() for part in parts]
        began = time.monotonic()
        running = [pool.submit(publish, urls, names[i::PROCESSES], each) for i in range(PROCESSES)]
        publishing = max(one.result() for one in running)
        while (rows := count(postgres)) < devices * each and time.monotonic() < began + PATIENCE:
            time.sleep(0.5)  # each look costs the database something, too
        seconds = time.monotonic() - began
        (size,) = postgres.query("SELECT pg_total_relation_size('edge_daemon.reading')")
        used = {part.name: part.seconds() - first for part, first in zip(parts, before, strict=True)}
        megabytes = {part.name: round(part.megabytes(), 1) for part in parts}
    return {
        "readings": devices * each,
        "rows": rows,
        "readings_per_second": round(devices * each / publishing),
        "stored_per_second": round(rows / seconds),
        "cpu_ms_per_reading": {name: round(1000 * time / rows, 3) for name, time in used.items()},
        "megabytes": megabytes,
        "bytes_on_disk_per_reading": round(size / rows),
    }


@click.command(help=__doc__)
@click.option("--devices", default=1000, show_default=True, type=click.IntRange(1, 5000))
@click.option("--each", default=20, show_default=True, help="Readings of each device.")
@click.option("--collectors", default=1, show_default=True, type=click.IntRange(1, 8))
@click.option("--start", "kind", default="mosquitto", show_default=True, type=click.Choice(["mosquitto", "cluster"]))
def main(devices: int, each: int, collectors: int, kind: str) -> None:
    with tempfile.TemporaryDirectory(prefix="capacity-") as name:
        found = measure(kind, devices, each, collectors, Path(name))
    asked = {"broker": kind, "devices": devices, "collectors": collectors, "cores": os.cpu_count()}
    load = round(os.getloadavg()[0], 1)  # what else the machine had to do
    click.echo(json.dumps({**asked, "load": load, **found}, indent=2))
    sys.exit(found["rows"] != found["readings"])


if __name__ == "__main__":
    main(prog_name="scripts/campaign capacity")

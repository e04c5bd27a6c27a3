"""The crash campaign: SIGKILL at random moments, broker restarts, disks that fill up, damaged files.

The worker (worker.py) is the delivering part of the daemon: outbox, courier, connection. It is killed many times,
during its start or up to 0.4 s later, while a mosquitto restarts now and then; a subscriber records what it receives.
At the end everything that was stored must have been received. Exit code 0 only if kills and full disks lost nothing,
damage sent no wrong payload and kept every intact row, and every start worked.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import click

from edge_daemon.delivery import row_format
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.delivery.outbox_file import ACCEPTED
from edge_daemon.errors import EdgeDaemonError
from tests.campaigns.crash.verdict import Verdict, judge
from tests.campaigns.crash.worker import DEVICE, live
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.records import numbered_reading

LONGEST_LIFE = 0.4
"""Seconds from start to kill, at most, besides those that a start takes on this machine as busy as it is."""
BROKER_EVERY = 20
"""Kills from one restart of the broker to the next."""
ROWS = 40
"""Rows in each file that is damaged."""


@dataclass
class Damage:
    """Results for damaged files."""

    files: int = 0
    failed_starts: int = 0
    wrong: int = 0
    """Rows that were read and differ from what was stored."""
    salvaged: int = 0
    lost: int = 0
    """Damaged rows."""
    lost_intact: int = 0
    """Intact rows of damaged files that were not read."""

    @property
    def good(self) -> bool:
        return not (self.failed_starts or self.wrong or self.lost_intact)


class Campaign:
    """One folder, one broker, one subscriber, and one worker at a time."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.failed_starts = 0
        self._folder = folder
        self._dice = dice
        self._ledger = folder / "ledger"
        self._broker = Mosquitto(folder / "mosquitto")
        self._broker.start()
        self._recorder = Recorder(self._broker.port, f"edge_daemon/{DEVICE}/#")
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["tests.campaigns.crash.worker"])
        self._next = 1
        self._worker: BaseProcess | None = None
        self._start_takes = self._time_a_start()

    def _time_a_start(self) -> float:
        """Seconds until the first reading is stored; nowhere to be delivered."""
        started, ledger = time.monotonic(), self._folder / "trial-ledger"
        arguments = (self._folder / "trial", "mqtt://127.0.0.1:1", ledger, 1, False)
        trial = self._processes.Process(target=live, args=arguments)
        trial.start()
        try:
            until(lambda: ledger.exists() and ledger.stat().st_size > 0, timeout=60.0)
        finally:
            trial.kill()
            trial.join()
        return time.monotonic() - started

    def kills(self, count: int, state: Path, between: Callable[[int], None] = lambda _: None) -> None:
        """Starts and kills `count` workers; `between` may change the disk while one runs."""
        for kill in range(count):
            worker = self._start(state)
            first, second = sorted(self._dice.uniform(0, self._start_takes + LONGEST_LIFE) for _ in range(2))
            time.sleep(first)
            between(kill)
            if kill % BROKER_EVERY == BROKER_EVERY - 1:
                self._broker.restart(signal.SIGTERM)
            time.sleep(second - first)
            self._end(worker)
            self._next += 10_000  # more than one life puts: no number is put twice

    def drain(self, state: Path) -> Verdict:
        """A last worker delivers what waits; then compares."""
        worker = self._start(state, drain=True)
        worker.join(120)
        self.failed_starts += worker.exitcode != 0
        stored = [int(line) for line in self._ledger.read_text().split()]
        # the worker's last word comes after all its readings
        self._recorder.wait_for(lambda heard: heard[-1] == (f"edge_daemon/{DEVICE}/availability", b"offline"))
        return judge(stored, self._recorder.heard)

    def close(self) -> None:
        if self._worker is not None:
            self._worker.kill()
        self._recorder.close()
        self._broker.stop()

    def _start(self, state: Path, drain: bool = False) -> BaseProcess:
        arguments = (state, self._broker.url, self._ledger, self._next, drain)
        worker = self._processes.Process(target=live, args=arguments)
        worker.start()
        self._worker = worker
        return worker

    def _end(self, worker: BaseProcess) -> None:
        """A worker that has ended by itself has failed."""
        if worker.exitcode is not None:
            self.failed_starts += 1
        worker.kill()
        worker.join()


class SmallDisk:
    """A disk of 2 MB that is filled, cleared and made read-only; in a mount namespace of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._filler = folder / "filler"
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)

    def change(self, kill: int) -> None:
        """Fills and empties the disk in turn."""
        self.clear() if kill % 2 else self.fill()

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def clear(self) -> None:
        self._filler.unlink(missing_ok=True)

    def read_only(self, on: bool) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.folder)], check=True)

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


def damage_files(count: int, folder: Path, dice: random.Random) -> Damage:
    """Damages files in various ways, and starts with each of them."""
    found = Damage()
    pristine = folder / "pristine"
    outbox = Outbox(pristine, DEVICE)
    for number in range(ROWS):
        outbox.put(numbered_reading(number))
    stored = {entry.id: entry.record for entry in outbox.readings(0, limit=ROWS)}
    killed = folder / "killed"
    shutil.copytree(pristine, killed)  # as a killed process leaves it, with its log
    outbox.close()
    for _ in range(count):
        state = folder / "damaged"
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(dice.choice([pristine, killed]), state)
        hurt(dice.choice([p for p in state.glob("outbox-*.db*") if not p.name.endswith("-shm")]), dice)
        heaps = [row for path in state.glob("outbox-*") for row in row_format.find(path.read_bytes())]
        queued = [row for row in heaps if isinstance(row, row_format.Row) and not row.lane.startswith(ACCEPTED)]
        intact = {row.seq for row in queued}
        found.files += 1
        try:
            outbox = Outbox(state, DEVICE)
            handed_out = outbox.readings(0, limit=10 * ROWS)
            outbox.put(numbered_reading(ROWS))
            outbox.close()
        except (EdgeDaemonError, OSError, ValueError) as error:
            click.echo(f"failed start: {error}", err=True)
            found.failed_starts += 1
            continue
        found.wrong += sum(stored.get(entry.id) != entry.record for entry in handed_out)
        seqs = {entry.seq for entry in handed_out}
        found.salvaged += outbox.salvaged
        found.lost += ROWS - len(seqs)
        found.lost_intact += len(intact - seqs)
    return found


def hurt(path: Path, dice: random.Random) -> None:
    """Flip bytes, cut, blank a sector, or put garbage in place of a file."""
    data = bytearray(path.read_bytes())
    match dice.choice(["flip", "flips", "cut", "sector", "garbage"]):
        case "flip":
            data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        case "flips":
            for _ in range(50):
                data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        case "cut":
            del data[dice.randrange(len(data)) :]
        case "sector":
            start = dice.randrange(len(data)) // 512 * 512
            data[start : start + 512] = bytes(512)
        case "garbage":
            data = bytearray(os.urandom(len(data)))
    path.write_bytes(data)


def campaign(kills: int, damage: int, seed: int) -> tuple[bool, dict[str, Any]]:
    """Whether everything passed, and the counts."""
    with tempfile.TemporaryDirectory(prefix="crash-test-") as name:
        folder, dice = Path(name), random.Random(seed)
        started = time.monotonic()
        hurt_files = damage_files(damage, folder, dice)
        with closing(Campaign(folder, dice)) as plain:
            plain.kills(kills, folder / "state")
            verdict = plain.drain(folder / "state")
        (folder / "full").mkdir()
        with closing(SmallDisk(folder / "disk")) as disk, closing(Campaign(folder / "full", dice)) as full:
            for _ in range(max(1, kills // 20)):
                full.kills(4, disk.folder / "state", disk.change)
                disk.read_only(True)
                full.kills(1, disk.folder / "state")
                disk.read_only(False)
            disk.clear()
            full_verdict = full.drain(disk.folder / "state")
    failed = plain.failed_starts + full.failed_starts
    report = {
        "kills": {"kills": kills, **asdict(verdict), "failed_starts": plain.failed_starts},
        "disks": {"kills": 5 * max(1, kills // 20), **asdict(full_verdict), "failed_starts": full.failed_starts},
        "damage": asdict(hurt_files),
        "seconds": round(time.monotonic() - started),
    }
    happened = verdict.stored > 0 and full_verdict.stored > 0  # of nothing, nothing can be lost
    disks = verdict.good and full_verdict.good_on_a_full_disk
    return happened and disks and hurt_files.good and not failed, report


@click.command(help=__doc__)
@click.option("--kills", default=200, show_default=True, help="On an ordinary disk; a quarter as many on a full one.")
@click.option("--damage", type=int, help="Damaged files.  [default: half as many as kills]")
@click.option("--seed", default=0, help="Seed of all random choices.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, for programs.")
def main(kills: int, damage: int | None, seed: int, as_json: bool) -> None:
    logging.disable()  # that it complains of damage is what is wanted
    good, report = campaign(kills, kills // 2 if damage is None else damage, seed)
    if as_json:
        click.echo(json.dumps(report | {"good": good}))
    else:
        for name, counts in report.items():
            said = ", ".join(f"{key} {value}" for key, value in counts.items()) if isinstance(counts, dict) else counts
            click.echo(f"{name:8} {said}")
        click.echo("all good" if good else "NOT good")
    sys.exit(not good)


if __name__ == "__main__":
    main(prog_name="scripts/campaign crash")

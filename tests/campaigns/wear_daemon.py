"""Runs the whole daemon for some minutes and measures what it writes to the disk, for each reading and each day.

Counted is the kernel's `write_bytes` of the process, as in the daemon's `health`: dirty pages of 4 KiB, so that a small
write counts as a whole page, as on a card. The file system's journal and systemd's journal are not included.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from edge_daemon.delivery.outbox import Outbox
from edge_daemon.delivery.outbox_file import WAL_PAGES
from tests.support.brokers.mosquitto import Mosquitto, until
from tests.support.records import numbered_reading

WARM = 4
"""Readings before the measurement begins: the first ones create the files and fill the space for samples."""


def measure(folder: Path, minutes: float, every: float) -> Mapping[str, float]:
    """Runs the daemon on a simulated number that changes every `every` seconds. Raises RuntimeError if it ends itself,
    or if the folder is in memory."""
    _as_after_hours(folder / "state")
    broker = Mosquitto(folder / "mosquitto")
    broker.start()
    log = _memory() / "log"
    log.parent.mkdir()
    with log.open("wb") as told, subprocess.Popen(_command(folder, broker.url, every), stderr=told) as daemon:
        try:
            until(lambda: _readings(log) >= WARM, timeout=60 + 2 * WARM * every)
            before, lines, started = _written(daemon.pid), _readings(log), time.monotonic()
            while time.monotonic() < started + 60 * minutes:
                if daemon.poll() is not None:
                    raise RuntimeError(f"the daemon ended by itself: {log.read_text()[-2000:]}")
                time.sleep(0.5)
            took = time.monotonic() - started
            written, readings = _written(daemon.pid) - before, _readings(log) - lines
        finally:
            daemon.terminate()
            daemon.wait(20)
            broker.stop()
            shutil.rmtree(_memory(), ignore_errors=True)
    if not written:
        raise RuntimeError(f"nothing was written: {folder} lies in memory. Name a --folder on a disk")
    a_reading = written / max(1, readings)
    return {
        "minutes": round(took / 60, 1),
        "readings": readings,
        "bytes_a_reading": round(a_reading),
        "megabytes_a_day": round(written / took * 86_400 / 1e6, 1),
        "megabytes_a_day_at_one_reading_a_minute": round(a_reading * 1440 / 1e6, 1),
    }


def _as_after_hours(state: Path) -> None:
    """Makes an outbox like that of a daemon that has run for hours: SQLite's log has its full size and is reused."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    outbox = Outbox(state, "wear")
    for number in range(WAL_PAGES):
        outbox.put(numbered_reading(number))
        outbox.done(outbox.readings(0))
    os._exit(0)


def _command(folder: Path, url: str, every: float) -> list[str]:
    config = folder / "wear.toml"
    config.write_text(
        f'[device]\nid = "wear"\n[camera]\nsource = "simulated"\nhold = {every}\nnumbers = 1\nsurface = "paper"\n'
        f'[mqtt]\nurl = "{url}"\n[[field]]\nname = "all"\nregion = [0.0, 0.0, 1.0, 1.0]\n'
        "[samples]\nmax_count = 1\n"  # as after some hours: there is room for no more
    )
    places = [f"STATE_DIRECTORY={folder}/state", f"RUNTIME_DIRECTORY={_memory()}"]
    return ["env", *places, sys.executable, "-m", "edge_daemon", "run", "--config", str(config)]


def _memory() -> Path:
    """A folder in memory for runtime files and the log, like the one that systemd makes."""
    return Path("/dev/shm") / f"wear-{os.getpid()}"


def _readings(log: Path) -> int:
    return sum(" all: " in line for line in log.read_text(errors="replace").splitlines())


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])

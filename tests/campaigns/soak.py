"""Runs the whole daemon for a long time: frames as fast as possible, broker restarts, reloads.

The daemon is a process of its own, measured from outside. Exit code 0 only if its memory grows by less than 1 MB in
100,000 frames, and it has as many open files and threads at the end as in the middle.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.support.brokers.mosquitto import Mosquitto, until

SLOPE = 1.0
"""Megabytes in 100,000 frames; more counts as a leak."""
WARM = 0.2
"""Share of the first samples that are left out, because caches are still filling."""
APART = 0.25
"""Seconds between two measurements, and at least between two restarts of the broker."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of the daemon."""

    frames: int
    rss: float
    """Megabytes."""
    fds: int
    threads: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result."""

    frames: int
    reconnects: int
    reloads: int
    seconds: int
    rss_mb: tuple[float, ...]
    """The median of each tenth of the time."""
    rss_mb_per_100k_frames: float
    fds: tuple[int, int]
    """The maximum in the second and in the last quarter."""
    threads: tuple[int, int]
    good: bool


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/campaign soak", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--reconnects", type=int, default=1_000)
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="only the verdict, for programs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verdict = soak(Path(folder), given.frames, given.reconnects, given.reloads, quiet=given.json)
    print(json.dumps(asdict(verdict), indent=None if given.json else 2))
    sys.exit(0 if verdict.good else 1)


def soak(folder: Path, frames: int, reconnects: int, reloads: int, quiet: bool = True) -> Verdict:
    """Runs until all three numbers are reached. Raises RuntimeError if the daemon ends by itself."""
    broker = Mosquitto(folder / "mosquitto")
    broker.start()
    progress, log = folder / "progress", folder / "log"
    start, samples, done_reloads, done_reconnects = time.monotonic(), list[Sample](), 0, 0
    with log.open("wb") as stderr, subprocess.Popen(_command(folder, broker.url, progress), stderr=stderr) as daemon:
        try:
            _connected(broker, 0)
            while (seen := _seen(progress)) < frames or done_reconnects < reconnects:
                if daemon.poll() is not None:
                    raise RuntimeError(f"the daemon ended by itself: {log.read_text()[-2000:]}")
                if done_reconnects < reconnects and done_reconnects / reconnects <= seen / frames:
                    lines = len(broker.log)
                    broker.restart()
                    _connected(broker, lines)
                    done_reconnects += 1
                if done_reloads < reloads and seen > frames * (done_reloads + 0.5) / reloads:
                    daemon.send_signal(signal.SIGHUP)
                    done_reloads += 1
                time.sleep(APART)
                if seen:
                    samples.append(_sample(daemon.pid, seen))
                if not quiet and len(samples) % 100 == 1:
                    print(f"{samples[-1]}  reconnects {done_reconnects}", file=sys.stderr, flush=True)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(20)
        finally:
            daemon.kill()
            broker.stop()
    counts = (_seen(progress), done_reconnects, done_reloads, round(time.monotonic() - start))
    return judge(samples, *counts, ended_well=daemon.returncode == 0)


def judge(
    samples: list[Sample], frames: int, reconnects: int, reloads: int, seconds: int, ended_well: bool = True
) -> Verdict:
    """The verdict from the samples."""
    steady = samples[round(WARM * len(samples)) :]
    slope = 1e5 * float(np.polyfit([s.frames for s in steady], [s.rss for s in steady], 1)[0])
    tenths = tuple(round(float(np.median(part)), 1) for part in np.array_split([s.rss for s in samples], 10))
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    fds = (max(s.fds for s in second), max(s.fds for s in last))
    threads = (max(s.threads for s in second), max(s.threads for s in last))
    good = ended_well and slope < SLOPE and fds[1] <= fds[0] and threads[1] <= threads[0]
    return Verdict(frames, reconnects, reloads, seconds, tenths, round(slope, 3), fds, threads, good)


def _command(folder: Path, url: str, progress: Path) -> list[str]:
    config = folder / "soak.toml"
    config.write_text(
        f'[device]\nid = "soak"\n[camera]\nsource = "prerendered"\nprogress = "{progress}"\n[mqtt]\nurl = "{url}"\n'
        '[[field]]\nname = "all"\nregion = [0.0, 0.0, 1.0, 1.0]\nsettle = "1s"\n'
    )
    places = [f"STATE_DIRECTORY={folder}/state", f"RUNTIME_DIRECTORY={folder}/runtime"]
    return ["env", *places, sys.executable, "-m", "tests.campaigns.soak_worker", "run", "--config", str(config)]


def _connected(broker: Mosquitto, after: int) -> None:
    until(lambda: any("as edge_daemon-soak" in line for line in broker.log[after:]), timeout=60.0)


def _seen(progress: Path) -> int:
    """Frames so far."""
    with suppress(OSError, ValueError):  # not yet, or just being written
        return int(progress.read_text())
    return 0


def _sample(pid: int, frames: int) -> Sample:
    proc = Path(f"/proc/{pid}")
    pages = int((proc / "statm").read_text().split()[1])
    threads = len(list((proc / "task").iterdir()))
    return Sample(frames, pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list((proc / "fd").iterdir())), threads)


if __name__ == "__main__":
    main()

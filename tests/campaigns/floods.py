"""Frames a second of the whole daemon before, during and after floods of requests and messages.

Every flood stays within what the daemon permits, or comes from somebody with the broker's password.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_daemon.delivery.delivered_log import DeliveredLog
from edge_daemon.domain import Entry, Message
from tests.support.brokers.flood import flooding
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.records import reading

_COUNTING = """
import sys, time
from edge_daemon import app
inner = app.process
def process(*arguments):
    inner(*arguments)
    print(f"frame {time.monotonic()}", flush=True)
app.process = process
from edge_daemon.cli.main import main
sys.argv = ["edge-daemon", *sys.argv[1:]]
main()
"""
_CONFIG = """
[device]
id = "bench"
[camera]
source = "simulated"
numbers = 1
active_fps = 10.0
idle_fps = 10.0
[mqtt]
url = "{url}"
longest_wait = "1s"
"""
REQUESTS = ("history", "reload", "restart", "read_now", "health_check")


class Counted:
    """A daemon whose frames are counted from outside."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "c.toml").write_text(_CONFIG.format(url=url))
        folders = {"STATE_DIRECTORY": str(folder / "state"), "RUNTIME_DIRECTORY": str(folder / "run")}
        command = [sys.executable, "-c", _COUNTING, "run", "--config", str(folder / "c.toml")]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | folders
        )
        self.frames: list[float] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("frame "):
                self.frames.append(float(line.split()[1]))

    def watch(self, seconds: float) -> tuple[float, float]:
        """Frames a second from now on, and the longest time without one."""
        begin = time.monotonic()
        time.sleep(seconds)
        end = time.monotonic()
        times = [begin, *(at for at in self.frames if begin <= at <= end), end]
        return (len(times) - 2) / seconds, max(b - a for a, b in itertools.pairwise(times))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def fill(state: Path, size: int) -> None:
    """A log of delivered readings of this size."""
    state.mkdir(parents=True, exist_ok=True)
    log = DeliveredLog(state, "bench", 10**9, 1e9)
    seq = 0
    while sum(path.stat().st_size for path in state.glob("past-*")) < size:
        seq += 100
        log.add(Entry(n, f"bench/00000001/{n}", True, reading(n % 100000)) for n in range(seq - 100, seq))
    log.flush()


@contextmanager
def requests(client: Recorder, command: str, a_second: float) -> Iterator[None]:
    """A request, each with a transaction, so many times a second."""
    stop = threading.Event()

    def run() -> None:
        number = 0
        while not stop.wait(1 / a_second):
            number += 1
            arguments = f'"from_seq": {number % 7 * 1000}, ' if command == "history" else ""
            payload = f'{{{arguments}"transaction": "{command}-{number}"}}'.encode()
            client.say(Message(f"edge_daemon/bench/request/{command}", payload))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


def measure(name: str, daemon: Counted, flood: Callable[[], object], seconds: float) -> None:
    before = daemon.watch(seconds)
    with flood():  # type: ignore[attr-defined]
        during = daemon.watch(2 * seconds)
    after = daemon.watch(seconds)
    columns = "".join(f"{rate:8.1f} ({gap:4.1f} s)" for rate, gap in (before, during, after))
    print(f"{name:34}{columns}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/campaign floods", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="before and after each flood; twice that during it")
    parser.add_argument("--only", help="one flood")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "state", 15_000_000)
        broker = Mosquitto(folder / "mosquitto")
        broker.start()
        client = Recorder(broker.port, "edge_daemon/bench/response/+", persist=False)
        daemon = Counted(folder, broker.url)
        try:
            until(lambda: len(daemon.frames) > 20, 120)
            print(f"{'frames a second (longest gap)':34}{'before':>15}{'during':>15}{'after':>15}")
            for command in REQUESTS:
                if chosen.only in (None, command):
                    label = f"{command}, two a second"
                    measure(label, daemon, lambda c=command: requests(client, c, 2.0), chosen.seconds)  # type: ignore[misc]
            for topic in ("edge_daemon/bench/request/read_now", "homeassistant/status"):
                if chosen.only in (None, topic):
                    measure(f"{topic.split('/')[0]}/..., as fast as it goes", daemon,
                            lambda t=topic: flooding(broker.port, t), chosen.seconds)  # type: ignore[misc]  # fmt: skip
        finally:
            daemon.close()
            client.close()
            broker.stop()


if __name__ == "__main__":
    main()

"""The whole daemon for some minutes: what does it write to the disk, to which file, and how much would that be a day?

Bytes are the kernel's `write_bytes`: pages of 4 KiB that became dirty, so a small write counts as the page it lies in, as a
card sees it. That is also what the daemon's `health` publishes. What the file system adds for its own journal, and what
systemd's journal keeps of the log, is not in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.broker import Mosquitto, until

STATEMENT = "/reading/"
WARM = 2
"""So many readings come before the count begins: the first writes make the files."""


def written(pid: int) -> int:
    """Bytes that a process has sent to disks."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def measure(folder: Path, minutes: float, hold: float) -> Mapping[str, float]:
    """Run it with a number that changes each `hold` seconds. Raises RuntimeError when it ends by itself."""
    broker = Mosquitto(folder / "mosquitto")
    broker.start()
    config = folder / "wear.toml"
    config.write_text(
        f'[device]\nid = "wear"\n[camera]\nsource = "simulated"\nhold = {hold}\nnumbers = 1\nsurface = "paper"\n'
        f'[mqtt]\nurl = "{broker.url}"\n[[field]]\nname = "all"\nregion = [0.0, 0.0, 1.0, 1.0]\n'
    )
    state, runtime = folder / "state", Path("/dev/shm") / folder.name
    command = ["env", f"STATE_DIRECTORY={state}", f"RUNTIME_DIRECTORY={runtime}", sys.executable, "-m", "edge_daemon"]
    with (folder / "log").open("wb") as log, subprocess.Popen([*command, "run", "--config", config], stderr=log) as daemon:
        try:
            try:
                until(lambda: said(folder / "log") >= WARM, timeout=60 + 3 * hold)
            except AssertionError:
                print((folder/"log").read_text()); raise
            before, lines, started = written(daemon.pid), said(folder / "log"), time.monotonic()
            while time.monotonic() < started + 60 * minutes and daemon.poll() is None:
                time.sleep(1.0)
            if daemon.poll() is not None:
                raise RuntimeError(f"the daemon ended by itself: {(folder / 'log').read_text()[-2000:]}")
            took = time.monotonic() - started
            bytes_, readings = written(daemon.pid) - before, said(folder / "log") - lines
        finally:
            daemon.terminate()
            daemon.wait(20)
            broker.stop()
    return {"minutes": round(took / 60, 1), "readings": readings, "bytes": bytes_, "bytes_a_reading": round(bytes_ / max(1, readings)),
            "megabytes_a_day": round(bytes_ / took * 86400 / 1e6, 1)}


def said(log: Path) -> int:
    """Lines of the log that tell a reading."""
    return sum(" all: " in line or line.startswith("all: ") for line in log.read_text(errors="replace").splitlines())
if __name__=="__main__":
    import tempfile
    with tempfile.TemporaryDirectory(dir="/work/tmp/s5/pi") as name:
        print(measure(Path(name), float(sys.argv[1]), float(sys.argv[2])))

"""Helpers of the rigs' scenarios: systemd, processes, a broker and its messages."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

FOLDER = Path("/run/rig")


class Failed(Exception):
    """An expectation is not met."""


def carry_out(steps: Sequence[Callable[[], None]]) -> None:
    """Runs all steps; prints the docstring of each one that passes. Raises Failed at the first that does not."""
    for step in steps:
        started = time.monotonic()
        step()
        named = step.func if isinstance(step, partial) else step
        print(f"ok {time.monotonic() - started:6.1f} s  {named.__doc__}", flush=True)
    print(f"all {len(steps)} hold", flush=True)


def told(main: Callable[[], None]) -> None:
    """Runs a scenario as a program; prints what failed, and always the journal."""
    try:
        main()
    except Failed as failure:
        print(f"NOT OK: {failure}", flush=True)
        sys.exit(1)
    finally:
        print("\n$ journalctl -u 'edge-daemon*'", flush=True)
        print(output("journalctl", "-u", "edge-daemon*", "--no-pager"), flush=True)


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Failed(f"expected: {what}")


def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits until it is true. Raises Failed after the time is over."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"expected within {seconds:.0f} s: {what}")
        time.sleep(0.2)


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done


def output(*command: str) -> str:
    return run(*command, check=False).stdout.strip()


def active(unit: str) -> bool:
    return output("systemctl", "is-active", unit) == "active"


def main_pid(unit: str) -> int:
    return int(output("systemctl", "show", "-P", "MainPID", unit))


def restarts(unit: str) -> int:
    return int(output("systemctl", "show", "-P", "NRestarts", unit))


class Broker:
    """mosquitto with a login, and a subscriber with a persistent session that records all messages."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def start(self) -> None:
        if not FOLDER.exists():
            FOLDER.mkdir()
            (FOLDER / "config").write_text(
                f"listener {self.port} 127.0.0.1\npassword_file {FOLDER}/users\nuser root\n"
                f"persistence true\npersistence_location {FOLDER}/\n"
            )
            run("mosquitto_passwd", "-b", "-c", f"{FOLDER}/users", "cam", "secret")
            to = f"-h 127.0.0.1 -p {self.port} -u cam -P secret"
            listen = f"mosquitto_sub {to} -i rig -c -q 1 -t edge_daemon/# -F '%t %p'"
            self._run("rig-ears", "sh", "-c", f"while :; do {listen} >> {FOLDER}/heard; sleep 0.2; done")
        self._run("rig-broker", "mosquitto", "-c", f"{FOLDER}/config")

    def stop(self) -> None:
        run("systemctl", "stop", "rig-broker")

    def publish(self, topic: str, payload: str) -> None:
        to = f"-h 127.0.0.1 -p {self.port} -u cam -P secret"
        run("mosquitto_pub", *to.split(), "-t", topic, "-m", payload)

    def heard(self) -> list[tuple[str, str]]:
        path = FOLDER / "heard"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(topic, payload) for topic, _, payload in (line.partition(" ") for line in lines)]

    def last(self, topic: str) -> str:
        return next((payload for heard, payload in reversed(self.heard()) if heard == topic), "")

    def delivered(self) -> list[str]:
        """The readings of the device `rig`, in order, each once; late ones too."""
        found = {}
        for topic, payload in self.heard():
            if topic.startswith(("edge_daemon/rig/reading/", "edge_daemon/rig/history")) and payload.startswith("{"):
                reading = json.loads(payload)
                if reading["status"] == "ok":
                    found[int(reading["seq"])] = str(reading["text"])
        return [found[number] for number in sorted(found)]

    def readings(self) -> list[str]:
        return [payload for topic, payload in self.heard() if topic.startswith("edge_daemon/rig/reading/") and payload]

    def _run(self, unit: str, *command: str) -> None:
        run("systemd-run", "--collect", f"--unit={unit}", "--setenv=PATH=/usr/sbin:/usr/bin:/sbin:/bin", *command)

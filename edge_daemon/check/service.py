"""Checks the service: does it run, since when, and what was its last error?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress

from edge_daemon.check import camera, running
from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config

UNIT = "edge-daemon.service"
MANY_RESTARTS = 3
"""Restarts by systemd from which there is a warning."""
PROPERTIES = "LoadState,ActiveState,SubState,NRestarts,Result,ActiveEnterTimestamp"


def check(_: Config) -> Iterator[Found]:
    unit = dict(line.split("=", 1) for line in _run("systemctl", "show", UNIT, "-p", PROPERTIES) if "=" in line)
    if unit.get("LoadState") != "loaded":
        yield Level.OK, "it is not installed as a service here"
    else:
        yield from _unit(unit)
    daemon = running.health()
    if daemon is not None:
        problems = [text for code, text in daemon.problems.items() if code != camera.PROBLEM]
        yield from ((Level.WARN, f"the running daemon reports: {text}", running.LOG_REMEDY) for text in problems)


def is_installed() -> bool:
    """Whether the service is installed here, and systemd runs."""
    return "LoadState=loaded" in _run("systemctl", "show", UNIT, "-p", "LoadState")


def _unit(unit: dict[str, str]) -> Iterator[Found]:
    state, since = unit.get("ActiveState", ""), unit.get("ActiveEnterTimestamp", "")
    restarts = int(unit.get("NRestarts", "0") or 0)
    if state == "active":
        yield Level.OK, f"{UNIT} runs since {since}"
    elif state in ("activating", "reloading", "deactivating"):
        yield Level.WARN, f"{UNIT} is {state}", f"Follow it: journalctl -fu {UNIT}"
    elif unit.get("Result") == "success":  # not started yet, or stopped by somebody
        yield Level.WARN, f"{UNIT} does not run", f"sudo systemctl enable --now {UNIT}"
    else:
        yield Level.FAIL, f"{UNIT} is {state} ({unit.get('Result', '')})", f"sudo systemctl start {UNIT}"
    if restarts >= MANY_RESTARTS:
        yield (
            Level.WARN,
            f"systemd has restarted it {restarts} times",
            f"Why: journalctl -u {UNIT} -p warning -n 20",
        )
    if last := "".join(_run("journalctl", "-u", UNIT, "-p", "err", "-n", "1", "-o", "short-iso", "--no-pager", "-q")):
        yield Level.WARN, f"the last error in its log: {last}", f"The lines before it: journalctl -u {UNIT} -n 50"


def _run(*command: str) -> list[str]:
    """The lines that a command prints; [] where there is no such command, or no systemd."""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=10.0).stdout.splitlines()
    return []

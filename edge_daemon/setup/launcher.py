"""Starts the daemon: the systemd service, or a child of the setup where there is no service."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from edge_daemon.check.service import UNIT
from edge_daemon.errors import SetupError
from edge_daemon.system.child_process import child_environment
from edge_daemon.system.privileges import Action

PAUSE = 2.0
"""Seconds from one question to systemd, for which a process is started, to the next."""


class Launcher(Protocol):
    """Starts the daemon with the written configuration."""

    def start(self) -> str:
        """Start it, or start it again; returns what was done. Raises SetupError."""

    def failure(self) -> str:
        """Why the daemon has ended; empty: it has not. Called several times a second."""

    def close(self) -> None:
        """End what only the setup has started."""


class ServiceLauncher:
    """The systemd service. A Launcher."""

    def __init__(self, systemctl: Action) -> None:
        """`systemctl` runs start_service with the rights for it."""
        self._systemctl = systemctl
        self._failure, self._asked_at = "", 0.0

    def start(self) -> str:
        try:
            self._systemctl(b"")
        except OSError as error:
            raise SetupError(f"{UNIT} does not start ({error.strerror}): sudo systemctl restart {UNIT}") from None
        self._asked_at = 0.0  # what was known is of the service before
        return f"{UNIT} is started, now and at every boot"

    def failure(self) -> str:
        if time.monotonic() > self._asked_at + PAUSE:
            done = subprocess.run(["systemctl", "is-failed", "-q", UNIT], check=False)
            has_failed = done.returncode == 0
            self._failure = f"{UNIT} has failed; its log says why: journalctl -u {UNIT} -n 20" if has_failed else ""
            self._asked_at = time.monotonic()
        return self._failure

    def close(self) -> None:
        pass


def start_service(_: bytes) -> None:
    """Start the service again, and at every boot. Raises OSError."""
    for words in (["enable", "-q", UNIT], ["restart", "--no-block", UNIT]):
        if subprocess.run(["systemctl", *words], capture_output=True, check=False).returncode:
            raise OSError(errno.EIO, "systemctl refused")


class ChildLauncher:
    """A daemon that runs as long as the setup does, where there is no service. A Launcher."""

    def __init__(self, config: Path, log: Path) -> None:
        """`config` is the configuration; `log` a file for what the daemon logs."""
        self._config, self._log = config, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        self.close()
        command = [sys.executable, "-m", "edge_daemon", "run", "--config", str(self._config)]
        try:
            with self._log.open("wb") as log:
                # Ctrl-C is for the setup, which then ends the daemon
                self._process = subprocess.Popen(command, stderr=log, env=child_environment(), start_new_session=True)
        except OSError as error:
            raise SetupError(f"the daemon cannot be started: {error.strerror}") from None
        return f"a daemon runs while this setup does; for good: edge-daemon run --config {self._config}"

    def failure(self) -> str:
        if self._process is None or self._process.poll() is None:
            return ""
        lines = self._log.read_text(errors="replace").splitlines()
        return f"the daemon has ended: {lines[-1] if lines else 'it logged nothing'}"

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

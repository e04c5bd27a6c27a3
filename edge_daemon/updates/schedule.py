"""Updates in the running daemon: when to check, the process that does it, and the topic `update`.

`edge-daemon model update` does the work in a process of its own: a download must not hold up the camera, and the memory
it needs is free again afterwards.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Listener, Request
from edge_daemon.errors import CommandError
from edge_daemon.model_store.store import Store
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.payloads import UpdatePayload
from edge_daemon.system.child_process import child_environment, kill_first
from edge_daemon.updates.client import UpdateOptions
from edge_daemon.updates.install import load_state

log = logging.getLogger(__name__)

FIRST = (60.0, 3600.0)
"""Seconds from the start to the first check, drawn between these: devices that were switched on together must not all
ask the server together."""
RETRY = 3600.0
"""Seconds to the next check after one that failed, where the configured interval is longer."""
TIME_LIMIT = 3 * 3600.0
"""Seconds after which the process is killed: it has a time limit of its own, and should have ended long before."""
NICE = 10
"""Priority of the process: reading comes first."""
LONGEST_SUMMARY = 255
"""Characters that Home Assistant accepts as release summary."""


@dataclass(slots=True)
class _UpdateProcess:
    """A running `edge-daemon model update --json`."""

    process: subprocess.Popen[bytes]
    installs: bool
    """False: it only checks."""
    deadline: float
    received: bytearray = field(default_factory=bytearray)
    """Output that is not a complete line yet."""
    percent: int | None = None
    changed: bool = False
    error: str = ""

    def poll(self) -> bool:
        """Read its output without waiting. Returns whether it has ended."""
        ended = self.process.poll() is not None  # before reading: its last output is then in the pipe
        assert self.process.stdout
        while some := self.process.stdout.read(65536):
            self.received += some
        *lines, rest = bytes(self.received).split(b"\n")
        self.received = bytearray(rest)
        for line in lines:
            try:
                facts = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError:  # printed by a library
                continue
            self.percent = facts.get("percent", self.percent)
            self.changed = facts.get("changed", self.changed)
            self.error = facts.get("error", self.error)
        return ended

    def end(self) -> int:
        """Kill it if it has not ended by itself; complete files stay. Returns its exit code."""
        self.process.kill()
        assert self.process.stdout
        self.process.stdout.close()
        return self.process.wait()


class UpdateScheduler(Listener):
    """Checks for newer models at intervals and on request. Called from the path's thread."""

    def __init__(
        self,
        device: str,
        last_values: LastValueCache,
        options: UpdateOptions,
        folder: Path,
        store: Store,
        request: Callable[[Request], None],
        now: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`folder` is the update client's; `request` makes the daemon reload, to run with another model."""
        self._device, self._last_values, self._options, self._request = device, last_values, options, request
        self._folder, self._store = folder, store
        self._now, self._draw = now, draw
        self._running: _UpdateProcess | None = None
        self._state, self._failure = load_state(folder), ""
        self._every = options.every if options.url else 0.0
        self._next_check = now() + min(self._every, draw(*FIRST))
        self._publish()

    def on_tick(self) -> None:
        """Start a check when it is due; follow the one that runs."""
        if self._running:
            self._follow(self._running)
        elif self._every and self._now() >= self._next_check:
            self._start(installs=self._options.automatic)

    def check(self) -> dict[str, Any]:
        """Check now. Returns the payload of the topic `update`. Raises CommandError where that is not possible."""
        return self._start_on_request(installs=False)

    def install(self) -> dict[str, Any]:
        """Check now, and install a newer model, also one that could not be used before.

        Returns the payload of the topic `update`. Raises CommandError where that is not possible.
        """
        return self._start_on_request(installs=True)

    def rollback(self) -> dict[str, Any]:
        """Return to the model before the active one. Raises ModelError where there is none."""
        version = self._store.rollback()
        self._request(Request.RELOAD)
        return {"installed_version": version}

    def problems(self) -> dict[str, str]:
        """Code -> text where what is served is not accepted. A server that is out of reach is not a problem."""
        return {"updates": self._state.error} if self._state.distrusted and self._options.url else {}

    def close(self) -> None:
        """Kill a running update; the next one continues."""
        if self._running:
            self._running.end()

    def payload(self) -> UpdatePayload:
        """The payload of the topic `update`, with the keys of a Home Assistant update entity."""
        state, installed = self._state, self._store.active().name
        not_offered = state.why or state.latest in self._store.refusals() or self._store.is_behind(state.latest)
        summary = self._failure or state.error or (f"{state.latest} is not used: {state.why}" if state.why else "")
        return UpdatePayload(
            installed_version=installed,
            latest_version=state.latest if state.latest and not not_offered else installed,
            in_progress=bool(self._running and self._running.installs),
            update_percentage=self._running.percent if self._running else None,
            release_summary=summary[:LONGEST_SUMMARY],
        )

    def _start_on_request(self, installs: bool) -> dict[str, Any]:
        if not self._options.url:
            raise CommandError("no url is configured in [updates]")
        if self._running:
            raise CommandError("an update is running already; the topic `update` shows its progress")
        self._start(installs, "--again")
        return dict(msgspec.to_builtins(self.payload()))

    def _start(self, installs: bool, *more: str) -> None:
        where = ["--url", self._options.url, "--root", self._options.root]
        command = [sys.executable, "-m", "edge_daemon", "model", "update", "--json", *where, *more]
        command += [] if installs else ["--check"]
        try:
            process = subprocess.Popen(
                command, env=child_environment(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, bufsize=0
            )
        except OSError as error:  # no memory, no more processes: reading matters more
            self._finish(f"the update process cannot be started: {error.strerror}", failed=True)
            return
        kill_first(process.pid)
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        self._running, self._failure = _UpdateProcess(process, installs, self._now() + TIME_LIMIT), ""
        self._publish()

    def _follow(self, running: _UpdateProcess) -> None:
        percent = running.percent
        if not running.poll():
            if self._now() > running.deadline:
                running.process.kill()
            if running.percent != percent:
                self._publish()
            return
        code = running.end()
        failure = f"the update process was killed by {signal.Signals(-code).name}" if code < 0 else running.error
        self._finish(failure, code != 0)
        if running.changed:
            log.info("a newer model is installed: %s", self._store.active().name)
            self._request(Request.RELOAD)

    def _finish(self, failure: str, failed: bool) -> None:
        every = min(self._every, RETRY) if failed else self._every
        self._next_check = self._now() + self._draw(0.9, 1.1) * every
        self._running, self._failure, self._state = None, failure, load_state(self._folder)
        if failed:
            log.warning("no update: %s", failure or self._state.error)
        self._publish()

    def _publish(self) -> None:
        if self._options.url:
            self._last_values.set(messages.update(self._device, self.payload()))

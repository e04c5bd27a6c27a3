"""Updates in the running daemon: when to look, the process that does it, and what is told of it.

The work is done by `edge-daemon model update` in a process of its own: a download must not hold up the camera, and what
it needs in memory goes with it.
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
from edge_daemon.updates.client import Options
from edge_daemon.updates.install import known

log = logging.getLogger(__name__)

FIRST = (60.0, 3600.0)
"""Seconds from the start to the first look, at random: devices that got power together must not ask together."""
SOON = 3600.0
"""Seconds to the next try after one that failed, where that is sooner than the next look."""
LONGEST = 3 * 3600.0
"""Seconds after which the process is ended: it keeps time itself, and would be long done."""
NICE = 10
LONGEST_SUMMARY = 255
"""Characters that Home Assistant takes of it."""


@dataclass(slots=True)
class _Run:
    """One process at work."""

    child: subprocess.Popen[bytes]
    installs: bool
    deadline: float
    heard: bytearray = field(default_factory=bytearray)
    percent: int | None = None
    changed: bool = False
    error: str = ""

    def listen(self) -> bool:
        """Take in what it has said; whether it has ended."""
        ended = self.child.poll() is not None  # asked first: what it said at last is then in the pipe
        assert self.child.stdout
        while some := self.child.stdout.read(65536):
            self.heard += some
        *lines, rest = bytes(self.heard).split(b"\n")
        self.heard = bytearray(rest)
        for line in lines:
            try:
                said = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError:  # a library that prints
                continue
            self.percent = said.get("percent", self.percent)
            self.changed = said.get("changed", self.changed)
            self.error = said.get("error", self.error)
        return ended

    def end(self) -> int:
        """At once, where it has not ended by itself; what it has loaded stays. Returns its exit code."""
        self.child.kill()
        assert self.child.stdout
        self.child.stdout.close()
        return self.child.wait()


class Updating(Listener):
    """Looks for newer models now and then, and when asked. Called from the path's thread."""

    def __init__(
        self,
        device: str,
        last_values: LastValueCache,
        options: Options,
        folder: Path,
        store: Store,
        ask: Callable[[Request], None],
        now: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`folder` is the update client's; `ask` has the path left, to begin anew with another model."""
        self._device, self._last_values, self._options, self._ask = device, last_values, options, ask
        self._folder, self._store = folder, store
        self._now, self._draw = now, draw
        self._run: _Run | None = None
        self._known, self._died = known(folder), ""
        every = options.every if options.url else 0.0
        self._every = every or None
        self._next = now() + min(every, draw(*FIRST))
        self._tell()

    def on_tick(self) -> None:
        """Begin what is due, and see how what was begun is doing."""
        if self._run:
            self._follow(self._run)
        elif self._every and self._now() >= self._next:
            self._begin(installs=self._options.automatic)

    def check(self) -> dict[str, Any]:
        """Look now. Raises CommandError where that cannot be done."""
        return self._asked(installs=False)

    def install(self) -> dict[str, Any]:
        """Look now, and install what is newer, also what could not be used before. Raises CommandError."""
        return self._asked(installs=True)

    def rollback(self) -> dict[str, Any]:
        """Back to the model before this one. Raises ModelError where there is none."""
        back = self._store.rollback()
        self._ask(Request.RELOAD)
        return {"installed_version": back}

    def problems(self) -> dict[str, str]:
        """Code -> text, where somebody has to look after what is served. That nobody answers is none."""
        return {"updates": self._known.error} if self._known.distrusted and self._options.url else {}

    def close(self) -> None:
        """What is at work is ended; the next run goes on with it."""
        if self._run:
            self._run.end()

    def _asked(self, installs: bool) -> dict[str, Any]:
        if not self._options.url:
            raise CommandError("no url is configured in [updates]")
        if self._run:
            raise CommandError("an update is at work; see the topic `update` for how it does")
        self._begin(installs, "--again")
        return dict(msgspec.to_builtins(self.facts()))

    def _begin(self, installs: bool, *more: str) -> None:
        where = ["--url", self._options.url, "--root", self._options.root]
        command = [sys.executable, "-m", "edge_daemon", "model", "update", "--json", *where, *more]
        command += [] if installs else ["--check"]
        try:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, bufsize=0)
        except OSError as error:  # no memory, no more processes: readings matter more
            self._ended(f"the process that updates cannot be started: {error.strerror}", failed=True)
            return
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
        assert child.stdout
        os.set_blocking(child.stdout.fileno(), False)
        self._run, self._died = _Run(child, installs, self._now() + LONGEST), ""
        self._tell()

    def _follow(self, run: _Run) -> None:
        before = run.percent
        if not run.listen():
            if self._now() > run.deadline:
                run.child.kill()
            if run.percent != before:
                self._tell()
            return
        code = run.end()
        died = f"the process that updates was ended by {signal.Signals(-code).name}" if code < 0 else run.error
        self._ended(died, code != 0)
        if run.changed:
            log.info("a newer model is installed: %s", self._store.active().name)
            self._ask(Request.RELOAD)

    def _ended(self, died: str, failed: bool) -> None:
        every = self._every or 0.0
        self._next = self._now() + self._draw(0.9, 1.1) * (min(every, SOON) if failed else every)
        self._run, self._died, self._known = None, died, known(self._folder)
        if failed:
            log.warning("no update: %s", died or self._known.error)
        self._tell()

    def facts(self) -> UpdatePayload:
        """The payload of the topic `update`."""
        last, installed = self._known, self._store.active().name
        left = last.why or last.latest in self._store.refused() or self._store.is_behind(last.latest)
        summary = self._died or last.error or (f"{last.latest} is not used: {last.why}" if last.why else "")
        return UpdatePayload(
            installed_version=installed,
            latest_version=last.latest if last.latest and not left else installed,
            in_progress=bool(self._run and self._run.installs),
            update_percentage=self._run.percent if self._run else None,
            release_summary=summary[:LONGEST_SUMMARY],
        )

    def _tell(self) -> None:
        if self._options.url:
            self._last_values.set(messages.update(self._device, self.facts()))

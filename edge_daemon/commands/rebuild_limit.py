"""Limits `reload` and `restart` to once a minute: the daemon reads nothing while it is built again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from edge_daemon.errors import CommandError

INTERVAL = 60.0
"""Seconds between two reloads, and between two restarts, by command."""
_PASSED_ON = "EDGE_DAEMON_RESTARTED_AT"
"""The environment variable through which the next process learns when this one was told to restart."""


class RebuildLimit:
    """Remembers when each command was last carried out, across reloads and, in the environment, across a restart."""

    def __init__(self, now: Callable[[], float] = time.monotonic, environment: Mapping[str, str] = os.environ) -> None:
        """`now`: a clock that goes on over a restart of the process."""
        self._now = now
        self._last: dict[str, float] = {}
        text = environment.get(_PASSED_ON, "")
        if text.replace(".", "", 1).isdecimal() and float(text) <= now():
            self._last["restart"] = float(text)

    def check(self, command: str) -> None:
        """Raises CommandError if the last one was less than a minute ago."""
        left = self._last.get(command, -INTERVAL) + INTERVAL - self._now()
        if left > 0:
            raise CommandError(f"{command} is carried out at most once a minute; again in {left:.0f} s")

    def note(self, command: str) -> None:
        """It is carried out now."""
        self._last[command] = self._now()

    def environment(self) -> dict[str, str]:
        """The environment of the next process."""
        passed_on = {_PASSED_ON: str(self._last["restart"])} if "restart" in self._last else {}
        return {**os.environ, **passed_on}

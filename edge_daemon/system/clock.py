"""Whether the wall clock is set. A Pi has no battery-backed clock."""

from __future__ import annotations

import ctypes
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from edge_daemon.system.backoff import Backoff

_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_UNSYNCHRONISED = 5  # TIME_ERROR in adjtimex(2)
_QUESTION = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
PATIENCE = 5.0
"""Seconds within which systemd-timedated must answer; a slow Pi takes one to start it."""


def is_synced() -> bool:
    """Whether systemd-timesyncd, or the kernel (set by chrony, ntpd, ptp4l), reports a synchronised clock."""
    if _TIMESYNCD.exists():
        return True
    synced = _kernel_synced()
    return _timedated.is_synced() if synced is None else synced


def _kernel_synced() -> bool | None:
    """What the kernel says; None: the sandbox of the service forbids the question."""
    # a zeroed struct timex (at most 208 bytes) only reads
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    except AttributeError:  # not Linux: a laptop
        return True
    return None if state < 0 else state < _UNSYNCHRONISED


def _ask_timedated() -> bool:
    try:
        done = subprocess.run(_QUESTION, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == "yes"


class Timedated:
    """Asks systemd-timedated, which may ask the kernel.

    systemd starts it for each question. So it is asked at growing intervals, up to an hour, and not again once the
    clock is set.
    """

    def __init__(self, ask: Callable[[], bool] = _ask_timedated, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is in seconds."""
        self._ask, self._now = ask, now
        self._pauses = Backoff(first=60.0, longest=3600.0)
        self._next = now()
        self._synced = False

    def is_synced(self) -> bool:
        if not self._synced and self._now() >= self._next:
            self._synced = self._ask()
            self._next = self._now() + self._pauses.after()
        return self._synced


_timedated = Timedated()

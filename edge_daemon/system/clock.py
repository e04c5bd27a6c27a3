"""Whether the wall clock is set. A Pi has no battery-backed clock."""

from __future__ import annotations

import ctypes
from pathlib import Path

_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_UNSYNCHRONISED = 5  # TIME_ERROR in adjtimex(2)


def is_synced() -> bool:
    """Whether systemd-timesyncd, or the kernel (set by chrony, ntpd, ptp4l), reports a synchronised clock."""
    return _TIMESYNCD.exists() or _kernel_synced()


def _kernel_synced() -> bool:
    # A zeroed struct timex (at most 208 bytes) only reads. A sandbox without @clock returns -1: unknown.
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    except AttributeError:  # not Linux: a laptop
        return True
    return 0 <= state < _UNSYNCHRONISED

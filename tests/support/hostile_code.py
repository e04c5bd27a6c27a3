"""What a hostile model can do to its process. Called by name in a child process."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path


def segfault() -> None:
    ctypes.string_at(0)


def hang() -> None:
    time.sleep(60)


def oom_score() -> str:
    """How willingly the kernel kills this process: -1000 to 1000."""
    return Path("/proc/self/oom_score_adj").read_text().strip()


def eat() -> None:
    bytearray(4 * 1024**3)

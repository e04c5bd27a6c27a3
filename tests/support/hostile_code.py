"""What a hostile model can do to its process. Called by name in a child process."""

from __future__ import annotations

import ctypes
import time


def segfault() -> None:
    ctypes.string_at(0)


def hang() -> None:
    time.sleep(60)


def eat() -> None:
    bytearray(4 * 1024**3)

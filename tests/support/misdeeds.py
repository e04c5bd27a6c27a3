"""What hostile models do to the process that runs them. Called in a child by name."""

from __future__ import annotations

import ctypes
import time


def segfault() -> None:
    ctypes.string_at(0)


def hang() -> None:
    time.sleep(60)


def eat() -> None:
    bytearray(4 * 1024**3)

"""Locks a file for one process at a time (flock); the kernel frees it when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODE = 0o640
"""Of a lock file that is made; it stays empty."""


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock on the file `path`, which is made where it is missing; its folder must exist.

    While another process has it this waits, or with `wait` False raises BlockingIOError. Raises OSError where the file
    cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)

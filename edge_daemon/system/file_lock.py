"""Locks a file for one process at a time (flock). The kernel releases the lock when the process ends in any way."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MODE = 0o640
"""Permissions of a new lock file."""


def acquire(path: Path, wait: bool = False) -> int:
    """Lock the file, which is made where it is missing; its folder must exist. Returns its descriptor.

    The lock holds until the descriptor is closed or the process ends. The file then contains the process id. While
    another process has it, this raises BlockingIOError, or waits. A link, a socket or an empty folder in its place is
    replaced: no process can have locked it. Raises OSError where the file cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, MODE)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise
        path.rmdir() if error.errno == errno.EISDIR else path.unlink()
        handle = os.open(path, flags, MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(handle)
        raise
    with suppress(OSError):  # the disk is full: then the file does not say who has the lock
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
    return handle


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock within a block. Raises as `acquire`."""
    handle = acquire(path, wait)
    try:
        yield
    finally:
        os.close(handle)


def holder(path: Path) -> int | None:
    """The id of the process that has the lock, 0 if unknown; None: no process has it.

    The file's owner can write any number into it: only a process of the same user is believed. Raises OSError where the
    file cannot be read, or is a link.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = os.read(handle, 20).strip()
        pid = int(text) if text.isdigit() else 0
        return pid if _owner(pid) == os.fstat(handle).st_uid else 0
    else:
        return None
    finally:
        os.close(handle)


def _owner(pid: int) -> int | None:
    """The id of the user whose process this is; None: there is no such process."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None

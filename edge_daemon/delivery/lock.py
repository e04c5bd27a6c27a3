"""A folder that one process at a time may use."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from edge_daemon.delivery.outbox_file import as_outbox_error
from edge_daemon.errors import OutboxInUseError


def hold(path: Path) -> int:
    """Hold the lock for as long as this process lives, or until the descriptor returned is closed.

    Raises OutboxInUseError naming who holds it, OutboxError if the file cannot be opened.
    """
    with as_outbox_error(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise OutboxInUseError(
            f"{path.parent}: in use by another daemon (pid {holder}); stop it, or give each its own folder"
        ) from None
    with suppress(OSError):  # the disk is full: then nobody is told who holds it
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
    return handle

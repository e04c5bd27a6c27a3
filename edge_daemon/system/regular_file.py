"""Reads and extends the program's own files, whatever became of them.

Opening a FIFO waits for its other end, a device has no end, and a damaged size may be larger than the memory. So
anything but a regular file of a plausible size is an OSError, like every other fault of the disk.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from stat import S_ISDIR, S_ISREG

LARGEST = 100_000_000
"""Bytes of a file that is read at once; the program's own are far smaller."""


def read(path: Path, most: int = LARGEST) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises OSError."""
    with os.fdopen(open_descriptor(path, os.O_RDONLY), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return file.read(most)


def append(path: Path, content: bytes, sync: bool = False) -> None:
    """Add to the end of a regular file, which is made where it is missing. `sync`: it is then on the disk.

    Raises OSError.
    """
    with os.fdopen(open_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as file:
        file.write(content)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def open_descriptor(path: Path, flags: int, mode: int = 0o666) -> int:
    """A descriptor of a regular file, as os.open gives it. Raises OSError."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    kind = os.fstat(handle).st_mode
    if S_ISREG(kind):
        return handle
    os.close(handle)
    if S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))

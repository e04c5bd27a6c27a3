"""Files that are whole after a power cut: what was there before, or all of what is written."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Put `content` in the place of the file, at once and for good. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    put(fresh, content)
    fresh.replace(path)
    sync(path.parent)


def put(path: Path, content: bytes) -> None:
    """A new file, on the disk when this returns; its name is only after `sync` of the folder. Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """The names in a folder, on the disk when this returns. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Files that are whole after a power cut: what was there before, or all of what is written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes, mode: int = 0o666, like: os.stat_result | None = None) -> None:
    """Put `content` in the place of the file, at once and for good. Raises OSError, and leaves what was there.

    The file gets `mode`, as far as the umask allows; or else mode and owner of a file that is `like` it.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_synced(fresh, content, mode, like)
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
    sync_folder(path.parent)


def replace_unsynced(path: Path, content: bytes, mode: int | None = None) -> None:
    """Put `content` in the place of the file: who reads it sees the old or the new, never half of one. Nothing is
    synced: what a power cut takes can be spared. With `mode`, whatever the umask. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    if mode is not None:
        fresh.chmod(mode)
    fresh.replace(path)


def rewrite(path: Path, content: bytes) -> None:
    """As `write`, for a file that is a person's: mode and owner stay, and a link stays one. Raises OSError."""
    path = path.resolve()
    write(path, content, like=path.stat())


def write_synced(path: Path, content: bytes, mode: int = 0o666, like: os.stat_result | None = None) -> None:
    """A new file, on the disk when this returns; its name is only after `sync` of the folder. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    handle = os.open(path, flags, 0o600 if like else mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        if like:
            os.fchmod(handle, like.st_mode & 0o7777)
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, like.st_uid, like.st_gid)
        os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """The names in a folder, on the disk when this returns. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

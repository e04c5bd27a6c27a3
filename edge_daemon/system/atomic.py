"""Replaces files as a whole: after a power cut there is the old content or the new one, never a part."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes, mode: int = 0o666, like: os.stat_result | None = None) -> None:
    """Replace the file durably: it is on the disk when this returns. Raises OSError, and leaves the old file.

    The new file gets `mode`, as far as the umask allows, or mode and owner of a file whose status is `like`.
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
    """Replace the file; readers see the old content or the new one. Raises OSError.

    Nothing is synced: a power cut may lose it. `mode` applies whatever the umask is.
    """
    fresh = path.with_name(f".{path.name}.new")
    handle = _create(fresh)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        if mode is not None:
            os.fchmod(handle, mode)
    fresh.replace(path)


def rewrite(path: Path, content: bytes) -> None:
    """Replace a person's file durably: mode and owner stay, and a link stays a link. Raises OSError."""
    path = Path(os.path.realpath(path))  # resolve() raises RuntimeError for a link to itself
    write(path, content, like=path.stat())


def write_synced(path: Path, content: bytes, mode: int = 0o666, like: os.stat_result | None = None) -> None:
    """Write a file and sync it. Its name is on the disk only after `sync_folder`. Raises OSError."""
    handle = _create(path, 0o600 if like else mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        if like:
            os.fchmod(handle, like.st_mode & 0o7777)
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, like.st_uid, like.st_gid)
        os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _create(path: Path, mode: int = 0o666) -> int:
    """Open a new file for writing; returns its descriptor. Raises OSError.

    What has its name is removed first: a file that a crash left, or a link that another user of the folder has made to
    a file that is not theirs.
    """
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)

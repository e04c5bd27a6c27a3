"""The daemon's folders: state, which is kept over restarts, and runtime files, which are not."""

from __future__ import annotations

import os
from pathlib import Path

SERVICE_STATE = Path("/var/lib/edge-daemon")
"""The service's state folder (StateDirectory= in its unit)."""
SERVICE_RUNTIME = Path("/run/edge-daemon")
"""The service's runtime folder (RuntimeDirectory= in its unit)."""


def state_folder() -> Path:
    """The folder for state: the one that systemd made for the service; run by hand, root's or the user's own."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    return SERVICE_STATE if os.geteuid() == 0 else Path.home() / ".local/state/edge-daemon"


def runtime_folder() -> Path:
    """The folder for runtime files: the one that systemd made; by hand, the user's own, or in the state folder."""
    if given := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    if given := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(given) / "edge-daemon"
    return state_folder() / "runtime"


def make_shared(folder: Path, mode: int) -> None:
    """Make a folder with this mode, whatever the umask is. Raises OSError, also for a link in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def keep_private() -> None:
    """Make files that are written from now on readable for this user only.

    Not where systemd has made the state folder: the unit's UMask= lets the service's group read.
    """
    if not os.environ.get("STATE_DIRECTORY"):
        os.umask(0o077)


def state_folders() -> list[Path]:
    """The folders in which a daemon may keep its state: STATE_DIRECTORY alone, or the usual place and the service's.

    For root both are one.
    """
    usual = state_folder()
    return [usual] if os.environ.get("STATE_DIRECTORY") or usual == SERVICE_STATE else [usual, SERVICE_STATE]


def runtime_folders() -> list[Path]:
    """The folders in which a daemon may keep runtime files: RUNTIME_DIRECTORY alone, or the usual place and the
    service's."""
    return [runtime_folder()] if os.environ.get("RUNTIME_DIRECTORY") else [runtime_folder(), SERVICE_RUNTIME]

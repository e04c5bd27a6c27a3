"""The daemon's folders: state, which outlives it, and runtime files, which need not."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Where the outbox lives: what systemd made for the service; by hand, root's place or the person's own."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    return Path("/var/lib/edge-daemon") if os.geteuid() == 0 else Path.home() / ".local/state/edge-daemon"


RUNTIME = "/run/edge-daemon"
"""What systemd makes for the service; RuntimeDirectory= there, RUNTIME_DIRECTORY in its environment."""


def runtime_folder() -> Path:
    """Where lies what need not outlive the daemon: what systemd made; by hand, the person's own, or with the state."""
    if given := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    if given := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(given) / "edge-daemon"
    return state_folder() / "runtime"


def runtime_folders() -> list[Path]:
    """Where a daemon may have kept it, also one that systemd started and not this shell."""
    return [runtime_folder(), Path(RUNTIME)]

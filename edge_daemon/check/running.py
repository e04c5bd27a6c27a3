"""The daemon that runs on this machine, and what it last said of itself."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from edge_daemon.errors import CheckError
from edge_daemon.system.folders import runtime_folders
from edge_daemon.telemetry import exporters as files

FRESH = 150.0
"""Seconds: a daemon that runs has written its health since."""


SINCE_WHEN = "Since when, and what came before it: journalctl -u edge-daemon -p warning -n 20"
"""What to do about what a running daemon says of itself."""


@dataclass(frozen=True, slots=True)
class Health:
    """What counts here of a running daemon's health."""

    frames: int
    frame_age: float
    """Seconds, when it was written."""
    problems: dict[str, str]


def health() -> Health | None:
    """Of a daemon that runs, as a service or of one's own; None: none does. Raises CheckError where it may not be
    looked at."""
    for folder in runtime_folders():
        try:
            told = files.read(folder)
            if told is None or time.time() - (folder / files.FILE).stat().st_mtime > FRESH:
                continue
            with suppress(KeyError, TypeError, ValueError):  # another version's
                return Health(int(told["frames"]), float(told["frame_age_s"]), dict(told["problems"]))
        except PermissionError:
            raise CheckError(f"{folder} cannot be read: be root, or the daemon's user (sudo)") from None
        except OSError:
            continue
    return None

"""The health of the daemon that runs on this machine, from the file that it writes."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from edge_daemon.errors import CheckError
from edge_daemon.system.folders import runtime_folders
from edge_daemon.telemetry import exporters as files

FRESH = 150.0
"""Seconds: an older health file is of a daemon that no longer runs; it is written every minute."""


LOG_REMEDY = "To see since when: journalctl -u edge-daemon -p warning -n 20"
"""The remedy for a problem that the running daemon reports."""


@dataclass(frozen=True, slots=True)
class Health:
    """The part of the health that the checks need."""

    frames: int
    frame_age: float
    """Seconds since the newest frame, when the file was written."""
    problems: dict[str, str]


def health() -> Health | None:
    """The health of the running daemon; None: none runs. Raises CheckError where its file may not be read."""
    for folder in runtime_folders():
        try:
            facts = files.read(folder)
            if facts is None or time.time() - (folder / files.FILE).stat().st_mtime > FRESH:
                continue
            with suppress(KeyError, TypeError, ValueError):  # of another version of the program
                return Health(int(facts["frames"]), float(facts["frame_age_s"]), dict(facts["problems"]))
        except PermissionError:
            raise CheckError(f"{folder} cannot be read: run this as root, or as the daemon's user (sudo)") from None
        except OSError:
            continue
    return None

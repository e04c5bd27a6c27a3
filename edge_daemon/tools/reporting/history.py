"""What the daemon has published since some time, from its own outbox: the engine of `edge-daemon report`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from edge_daemon.delivery import stored
from edge_daemon.domain import Reading
from edge_daemon.errors import OutboxError, ReportError
from edge_daemon.system.units import seconds
from edge_daemon.tools.reporting.page import Report
from edge_daemon.tools.reporting.timeline import timelines


def beginning(since: str, now: float) -> float:
    """ "today", "yesterday", "12h" or a local time such as "2026-11-24 22:00" -> seconds since 1970.

    Raises ValueError.
    """
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": midnight, "yesterday": midnight - timedelta(days=1)}
    if since in days:
        return days[since].timestamp()
    if since[-1:] in "smhd" and since[:1].isdecimal():
        return now - seconds(since)
    return datetime.fromisoformat(since).timestamp()


def report(folders: Sequence[Path], begin: float, end: float, device: str) -> Report:
    """What was published from `begin` to `end` (seconds since 1970), from the first of `folders` that holds readings.

    Raises ReportError, which says what to do.
    """
    for folder in folders:
        if found := _readings(folder):
            title = f"{device}: what was published"
            return Report(title, begin, end, timelines(found, begin, end))
    places = " or ".join(str(folder) for folder in folders)
    raise ReportError(f"no readings are kept in {places}. Has the daemon run here, and read anything yet?")


def _readings(folder: Path) -> list[Reading]:
    try:
        return stored.readings(folder)
    except OutboxError as error:
        is_closed = isinstance(error.__cause__, PermissionError)
        remedy = ". Run this as the daemon's user, or as root: sudo edge-daemon report" if is_closed else ""
        raise ReportError(f"{error}{remedy}") from None

"""A folder into which somebody else lays pictures: a doorbell camera by FTP, a scanner, a cron job."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, PictureError
from edge_daemon.sources.frame_rate import Pace, wait_until

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
WHOLE = 5.0
"""Seconds after which a picture that cannot be read is no longer one that is still being written."""

Stamp = tuple[int, str]
"""When a file was last changed, in nanoseconds since 1970, and its path."""


def watched(
    folder: str,
    load: Callable[[str], Grey],
    pace: Pace,
    tick: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame | None]:
    """The newest picture of `folder`, again and again until there is a newer one; it was taken when its file was last
    changed. `load` reads one, and raises PictureError. Raises CameraError when there is no such folder."""
    seq, shown, pixels, refused = 0, None, None, None
    while True:
        due = now() + pace.interval
        stamp = newest(folder)
        if stamp is not None and stamp not in (shown, refused):
            try:
                pixels, shown = load(stamp[1]), stamp
            except PictureError as error:
                if time.time() - stamp[0] / 1e9 > WHOLE:  # younger ones may still be on their way
                    log.warning("%s; waiting for the next", error)
                    refused = stamp
        if pixels is None or shown is None:
            yield None
        else:
            yield Frame(seq, shown[0] / 1e9, now(), pixels.copy())
            seq += 1
        yield from wait_until(due, tick, now, sleep)


def newest(folder: str) -> Stamp | None:
    """The picture that was changed last; None: there is none. Raises CameraError."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.name.lower().endswith(SUFFIXES) and entry.name[0] != "."]
            return max(((entry.stat().st_mtime_ns, entry.path) for entry in found), default=None)
    except FileNotFoundError as error:
        if Path(folder).is_dir():  # one of the pictures was taken away while we looked
            return None
        raise CameraError(f"{folder}: {error.strerror}") from None
    except OSError as error:
        raise CameraError(f"{folder}: {error.strerror}") from None

"""A watched folder: another program puts pictures into it (a doorbell camera by FTP, a scanner, a cron job)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, PictureError
from edge_daemon.sources.frame_rate import FrameRate, wait_until

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""Endings of the files that are read, in any case."""
COMPLETE_AFTER = 5.0
"""Seconds after the last change of a file from which it counts as completely written: then damage is an error."""

Stamp = tuple[int, str]
"""Time of a file's last change, in nanoseconds since 1970, and its path."""


def watch_folder(
    folder: str,
    load: Callable[[str], Grey],
    rate: FrameRate,
    tick: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame | None]:
    """The newest picture of `folder`, repeated until there is a newer one. It was taken when its file last changed.

    `load` reads one picture and raises PictureError. Raises CameraError when there is no such folder.
    """
    seq, shown, pixels, refused = 0, None, None, None
    while True:
        due = now() + rate.interval
        stamp = newest(folder)
        if stamp is not None and stamp not in (shown, refused):
            try:
                pixels, shown = load(stamp[1]), stamp
            except PictureError as error:
                if time.time() - stamp[0] / 1e9 > COMPLETE_AFTER:
                    log.warning("%s; waiting for the next picture", error)
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
        if Path(folder).is_dir():  # a picture was removed at this moment
            return None
        raise CameraError(f"{folder}: {error.strerror}") from None
    except OSError as error:
        raise CameraError(f"{folder}: {error.strerror}") from None

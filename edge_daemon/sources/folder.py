"""A watched folder: another program puts pictures into it (a doorbell camera by FTP, a scanner, a cron job)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from stat import S_ISREG

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, PictureError
from edge_daemon.sources.frame_rate import FrameRate, wait_until

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""Endings of the files that are read, in any case."""
COMPLETE_AFTER = 5.0
"""Seconds after the last change of a file from which it counts as completely written: then damage is an error."""
EARLIEST = 946_684_800.0
"""2000-01-01. A file with an earlier date was written with an unset clock, and its date says nothing."""

Stamp = tuple[int, int, int]
"""Inode, size and date of a file: it is another picture when one of them changes."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A picture that is new in the folder."""

    path: str
    taken_at: float
    """Seconds since 1970: the file's date, or the time of its arrival where that date is unset or in the future."""
    seen_at: float
    """Monotonic time at which it was seen first."""


def watch_folder(
    folder: str,
    load: Callable[[str], Grey],
    rate: FrameRate,
    tick: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame | None]:
    """The picture of `folder` that arrived last, repeated until another one arrives.

    `load` reads one picture and raises PictureError. Raises CameraError when there is no such folder.
    """
    seq, shown, pixels = 0, None, None
    arrivals = Arrivals(folder, now)
    while True:
        due = now() + rate.interval
        for arrival in arrivals.waiting():
            try:
                pixels, shown = load(arrival.path), arrival
            except PictureError as error:
                if now() - arrival.seen_at > COMPLETE_AFTER:
                    log.warning("%s; waiting for the next picture", error)
                    arrivals.drop(arrival)
            else:
                arrivals.drop_up_to(arrival)
                break
        if pixels is None or shown is None:
            yield None
        else:
            yield Frame(seq, shown.taken_at, now(), pixels.copy())
            seq += 1
        yield from wait_until(due, tick, now, sleep)


class Arrivals:
    """The pictures that were put into a folder and not shown yet.

    What counts is that a file is new or has changed, not its date: the clock of the program that writes it may be
    wrong. Only of the files that are there at the start, the order is that of their last change in this file system.
    """

    def __init__(self, folder: str, now: Callable[[], float]) -> None:
        self._folder, self._now = folder, now
        self._known: dict[str, Stamp] = {}
        self._waiting: list[Arrival] = []
        """The last one first."""

    def waiting(self) -> list[Arrival]:
        """All of them, the last one first. Raises CameraError when there is no such folder."""
        found = self._scan()
        fresh = [item for item in found.items() if self._known.get(item[0]) != _stamp(item[1])]
        self._known = {path: _stamp(info) for path, info in found.items()}
        renewed = {path for path, _ in fresh}
        still = [old for old in self._waiting if old.path in found and old.path not in renewed]
        fresh.sort(key=lambda item: (item[1].st_ctime_ns, item[0]), reverse=True)
        self._waiting = [Arrival(path, _taken_at(info), self._now()) for path, info in fresh] + still
        return list(self._waiting)

    def drop(self, arrival: Arrival) -> None:
        """Do not return this one again."""
        self._waiting.remove(arrival)

    def drop_up_to(self, arrival: Arrival) -> None:
        """Do not return this one again, nor those that arrived before it."""
        del self._waiting[self._waiting.index(arrival) :]

    def _scan(self) -> dict[str, os.stat_result]:
        """Path -> status of each picture. Only regular files: a link or FIFO could block or lead anywhere."""
        found = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.lower().endswith(SUFFIXES) and entry.name[0] != ".":
                        with suppress(OSError):  # this one was removed at this moment, or cannot be looked at
                            info = entry.stat(follow_symlinks=False)
                            if S_ISREG(info.st_mode):
                                found[entry.path] = info
        except OSError as error:
            raise CameraError(f"{self._folder}: {error.strerror}") from None
        return found


def _stamp(info: os.stat_result) -> Stamp:
    return info.st_ino, info.st_size, info.st_mtime_ns


def _taken_at(info: os.stat_result) -> float:
    """The file's date, where it can be true."""
    arrived = min(info.st_ctime, time.time())
    return min(info.st_mtime, arrived) if info.st_mtime >= EARLIEST else arrived

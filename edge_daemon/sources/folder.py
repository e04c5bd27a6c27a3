"""A watched folder, or one watched file: another program writes pictures there (a doorbell camera by FTP, a network
video recorder, a scanner, a cron job)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from stat import S_ISDIR, S_ISREG

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, PictureError
from edge_daemon.sources.frame_rate import FrameRate, wait_until
from edge_daemon.sources.image_file import IMAGES, NOT_READ

log = logging.getLogger(__name__)

COMPLETE_AFTER = 5.0
"""Seconds after the last change of a file from which it counts as completely written: then damage is an error."""
EARLIEST = 946_684_800.0
"""2000-01-01. A file with an earlier date was written with an unset clock, and its date says nothing."""
DEEPEST = 8
"""Folders within one another that are watched: recorders write year/month/day/hour/camera."""
QUICK = 0.02
"""Seconds that a search of the folder may take; a longer one is followed by a pause."""
PAUSE = 10
"""Seconds of pause for each further second: a folder with very many files is searched less often."""

Stamp = tuple[int, int, int]
"""Inode, size and date of a file: it is another picture when one of them changes."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A picture that is new in the folder."""

    path: str
    stamp: Stamp
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
    """The picture of `folder` that arrived last, repeated until another one arrives. `folder` may be a single file.

    There are no frames while the last arrival cannot be read: what the camera sees now is not known. `load` reads one
    picture and raises PictureError. Raises CameraError when there is no such folder or file.
    """
    seq, shown, pixels = 0, None, None
    arrivals = Arrivals(folder, now)
    while True:
        due = now() + rate.interval
        for arrival in arrivals.waiting():
            try:
                fresh = load(arrival.path)
            except PictureError as error:
                if now() - arrival.seen_at > COMPLETE_AFTER:
                    log.warning("%s; waiting for the next picture", error)
                    arrivals.drop(arrival)
                    if arrivals.is_last(arrival):
                        shown = None
            else:
                if arrivals.is_unchanged(arrival):  # else it was written meanwhile
                    pixels, shown = fresh, arrival
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
    wrong. A picture that is moved within the folder is not new. Only of the files that are there at the start, the
    order is that of their last change in this file system.
    """

    def __init__(self, folder: str, now: Callable[[], float]) -> None:
        """`folder` may also be a single file."""
        self._folder, self._now = folder, now
        self._known: set[Stamp] = set()
        self._waiting: list[Arrival] = []
        """The last one first."""
        self._last: tuple[str, int] = ("", 0)
        """Path and ctime (ns) of the last arrival: it may be overwritten without a change of its stamp."""
        self._next_search = 0.0
        self._gone_since: float | None = None

    def waiting(self) -> list[Arrival]:
        """All of them, the last one first. Raises CameraError when there is no such folder."""
        began = self._now()
        if began >= self._next_search:
            self._update(self._search())
            ended = self._now()
            self._next_search = ended + PAUSE * max(0.0, ended - began - QUICK)
        return list(self._waiting)

    def drop(self, arrival: Arrival) -> None:
        """Do not return this one again."""
        self._waiting.remove(arrival)

    def drop_up_to(self, arrival: Arrival) -> None:
        """Do not return this one again, nor those that arrived before it."""
        del self._waiting[self._waiting.index(arrival) :]

    def is_last(self, arrival: Arrival) -> bool:
        """Whether nothing arrived after it."""
        return arrival.path == self._last[0]

    def is_unchanged(self, arrival: Arrival) -> bool:
        """Whether the file was not overwritten since it arrived; to replace or remove it changes nothing in it."""
        with suppress(OSError):
            info = Path(arrival.path).stat()
            return info.st_ino != arrival.stamp[0] or _stamp(info) == arrival.stamp
        return True

    def _update(self, found: dict[str, os.stat_result]) -> None:
        """Add what has arrived since the last time, and follow what was moved."""
        places = {_stamp(info): path for path, info in found.items()}
        fresh = [
            (path, info)
            for path, info in found.items()
            if _stamp(info) not in self._known or (path == self._last[0] and info.st_ctime_ns != self._last[1])
        ]
        renewed = {path for path, _ in fresh}
        still = [
            replace(old, path=places[old.stamp])
            for old in self._waiting
            if old.stamp in places and places[old.stamp] not in renewed
        ]
        fresh.sort(key=lambda item: (item[1].st_ctime_ns, item[0]), reverse=True)
        now = self._now()
        self._waiting = [Arrival(path, _stamp(info), _taken_at(info), now) for path, info in fresh] + still
        self._known = set(places)
        if fresh:
            path, info = fresh[0]
            self._last = path, info.st_ctime_ns

    def _search(self) -> dict[str, os.stat_result]:
        """Path -> status of each picture. Raises CameraError where there is no such folder or file."""
        try:
            info = Path(self._folder).stat()
        except OSError as error:
            if self._is_replaced(error):
                return {}
            raise CameraError(f"{self._folder}: {error.strerror}") from None
        self._gone_since = None
        if S_ISREG(info.st_mode):
            return {self._folder: info}
        if not S_ISDIR(info.st_mode):
            raise CameraError(f"{self._folder}: neither a file nor a folder")
        try:
            return dict(_pictures(self._folder, DEEPEST))
        except OSError as error:
            raise CameraError(f"{self._folder}: {error.strerror}") from None

    def _is_replaced(self, error: OSError) -> bool:
        """Whether a single file is missing only because it is being replaced at this moment."""
        if not isinstance(error, FileNotFoundError) or self._last[0] != self._folder:
            return False
        self._gone_since = self._now() if self._gone_since is None else self._gone_since
        return self._now() - self._gone_since < COMPLETE_AFTER


def _pictures(folder: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of each picture in a folder and those in it. Raises OSError where the folder cannot be read.

    Only regular files and folders, and no links: those could block, or lead anywhere.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == ".":
                continue
            with suppress(OSError):  # this one was removed at this moment, or cannot be looked at
                if entry.is_dir(follow_symlinks=False):
                    if depth > 1:
                        yield from _pictures(entry.path, depth - 1)
                elif PurePath(entry.name).suffix.lower() in IMAGES | NOT_READ:
                    info = entry.stat(follow_symlinks=False)
                    if S_ISREG(info.st_mode):
                        yield entry.path, info


def _stamp(info: os.stat_result) -> Stamp:
    return info.st_ino, info.st_size, info.st_mtime_ns


def _taken_at(info: os.stat_result) -> float:
    """The file's date, where it can be true."""
    arrived = min(info.st_ctime, time.time())
    return min(info.st_mtime, arrived) if info.st_mtime >= EARLIEST else arrived

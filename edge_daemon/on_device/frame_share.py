"""A window through which a person on this machine sees what the camera sees: the daemon's frames for `preview`.

Only one process can have the camera. So the daemon puts its newest frame into its runtime folder, which systemd lays
in memory, while somebody asks for it there, and takes it away afterwards. Nothing of it goes over the network.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from edge_daemon.domain import Frame
from edge_daemon.system import atomic

log = logging.getLogger(__name__)

FRESH = 5.0
"""Seconds for which a request holds."""
INTERVAL = 0.2
"""Seconds between two frames at least."""
LATE = 0.05
"""Seconds by which a frame may come early: cameras tremble."""
FRAME, REQUEST, HELD = "frame", "request", "daemon"
MODE = 0o770
"""Of the folder: the daemon's group may look in, and ask."""


class _Shown(msgspec.Struct, frozen=True, array_like=True):
    """A frame as it lies in the folder."""

    seq: int
    at: float
    mono: float
    shape: tuple[int, int]
    pixels: bytes


class FrameShare:
    """The daemon's side. Called from the path's thread."""

    def __init__(self, folder: Path) -> None:
        """Makes `folder`, and holds the file in it by which others know that the daemon runs."""
        self._folder = folder
        self._lock = -1
        self._next = 0.0
        self._shows = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(MODE)
            (folder / FRAME).unlink(missing_ok=True)
            self._lock = os.open(folder / HELD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            with suppress(BlockingIOError):  # two daemons share a folder: the first is seen
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(self._lock, 0)
                os.write(self._lock, str(os.getpid()).encode())
        except OSError as error:
            self._give_up(error)

    @property
    def is_wanted(self) -> bool:
        """Whether somebody has asked a moment ago."""
        try:
            return self._lock >= 0 and abs(time.time() - (self._folder / REQUEST).stat().st_mtime) < FRESH
        except OSError:
            return False

    def show(self, frame: Frame) -> None:
        """To those who have asked, at most one frame each INTERVAL."""
        if not self.is_wanted:
            self._draw_curtain()
        elif frame.mono >= self._next:
            self._next = frame.mono + INTERVAL - LATE
            shape = frame.pixels.shape
            shown = _Shown(frame.seq, frame.at, frame.mono, (shape[0], shape[1]), frame.pixels.tobytes())
            try:
                atomic.replace_unsynced(self._folder / FRAME, msgspec.msgpack.encode(shown), mode=0o640)
                self._shows = True
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        self._draw_curtain()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _draw_curtain(self) -> None:
        if self._shows:
            (self._folder / FRAME).unlink(missing_ok=True)
            self._shows = False

    def _give_up(self, error: OSError) -> None:
        """The picture is for people; readings go on without it."""
        self.close()
        log.warning("%s: the picture cannot be shown there for `preview`: %s", self._folder, error.strerror)


def daemon_pid(folder: Path) -> int | None:
    """The process id of the daemon that runs with this folder; None: none does. Raises PermissionError."""
    try:
        handle = os.open(folder / HELD, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return int(os.read(handle, 20) or 0)
    else:
        return None
    finally:
        os.close(handle)


def request_frames(folder: Path) -> None:
    """For frames, during the next FRESH seconds. Raises OSError."""
    path = folder / REQUEST
    try:
        os.utime(path)
    except FileNotFoundError:
        path.touch(0o660)
    except PermissionError:  # another person's
        path.unlink()
        path.touch(0o660)


def newest_frame(folder: Path) -> Frame | None:
    """The frame that lies there; None where there is none. Raises PermissionError."""
    try:
        shown = msgspec.msgpack.decode((folder / FRAME).read_bytes(), type=_Shown)
        pixels = np.frombuffer(shown.pixels, np.uint8).reshape(shown.shape)
    except (FileNotFoundError, ValueError):
        return None
    return Frame(shown.seq, shown.at, shown.mono, pixels)

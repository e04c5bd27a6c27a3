"""Shares the daemon's newest frame with the preview page, which runs in another process.

Only one process can use the camera. So while a page requests frames, the daemon writes its newest one into its runtime
folder, which systemd keeps in memory, and removes it afterwards. Nothing of it goes over the network.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import msgspec
import numpy as np

from edge_daemon.domain import Frame
from edge_daemon.system import atomic, file_lock, folders, regular_file

log = logging.getLogger(__name__)

FRESH = 5.0
"""Seconds for which a request is valid."""
INTERVAL = 0.2
"""Seconds between two shared frames, at least."""
JITTER = 0.05
"""Seconds by which a frame may come before INTERVAL is over: cameras are not exact."""
FRAME = "frame"
"""File with the newest frame."""
REQUEST = "request"
"""File whose time says when frames were requested last."""
DAEMON = "daemon"
"""File that the running daemon has locked."""
MODE = 0o770
"""Permissions of the folder: the daemon's group may read frames and request them."""


class _SharedFrame(msgspec.Struct, frozen=True, array_like=True):
    """A frame as it is stored (MessagePack)."""

    seq: int
    at: float
    mono: float
    shape: tuple[int, int]
    pixels: bytes


class FrameShare:
    """The daemon's side. Called from the path's thread."""

    def __init__(self, folder: Path) -> None:
        """Makes `folder` and locks the file in it that shows that the daemon runs."""
        self._folder = folder
        self._lock = -1
        self._next = 0.0
        self._shares = False
        try:
            folders.make_shared(folder, MODE)
            self._lock = file_lock.acquire(folder / DAEMON)
            (folder / FRAME).unlink(missing_ok=True)
        except BlockingIOError:
            log.info("%s: another daemon shares its frames there", folder)
        except OSError as error:
            self._give_up(error)

    @property
    def is_wanted(self) -> bool:
        """Whether frames were requested within the last FRESH seconds."""
        try:
            return self._lock >= 0 and abs(time.time() - (self._folder / REQUEST).lstat().st_mtime) < FRESH
        except OSError:
            return False

    def show(self, frame: Frame) -> None:
        """Write the frame, if frames are requested, at most one each INTERVAL."""
        if not self.is_wanted:
            self._remove()
        elif frame.mono >= self._next:
            self._next = frame.mono + INTERVAL - JITTER
            shape = frame.pixels.shape
            shared = _SharedFrame(frame.seq, frame.at, frame.mono, (shape[0], shape[1]), frame.pixels.tobytes())
            try:
                atomic.replace_unsynced(self._folder / FRAME, msgspec.msgpack.encode(shared), mode=0o640)
                self._shares = True
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        self._remove()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _remove(self) -> None:
        if self._shares:
            (self._folder / FRAME).unlink(missing_ok=True)
            self._shares = False

    def _give_up(self, error: OSError) -> None:
        """Readings matter more than the page."""
        self.close()
        log.warning("%s: frames cannot be written there for `preview`: %s", self._folder, error.strerror)


def daemon_pid(folder: Path) -> int | None:
    """The process id of the daemon that uses this folder, 0 if unknown; None: no daemon. Raises OSError."""
    return file_lock.holder(folder / DAEMON)


def request_frames(folder: Path) -> None:
    """Request frames for the next FRESH seconds. Raises OSError."""
    path = folder / REQUEST
    try:
        os.utime(path, follow_symlinks=False)
    except FileNotFoundError:
        atomic.replace_unsynced(path, b"", mode=0o660)
    except PermissionError:  # another user's
        path.unlink()
        atomic.replace_unsynced(path, b"", mode=0o660)


def newest_frame(folder: Path) -> Frame | None:
    """The shared frame; None if there is none. Raises PermissionError."""
    try:
        shared = msgspec.msgpack.decode(regular_file.read(folder / FRAME), type=_SharedFrame)
        pixels = np.frombuffer(shared.pixels, np.uint8).reshape(shared.shape)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return None
    return Frame(shared.seq, shared.at, shared.mono, pixels)

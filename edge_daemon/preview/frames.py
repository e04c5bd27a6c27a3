"""Frames for the page: from the running daemon, otherwise from the camera itself."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

from edge_daemon.config.schema import CameraOptions
from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError
from edge_daemon.on_device import frame_share
from edge_daemon.sources.kinds import open_source

TIMEOUT = 5.0
"""Seconds to wait for a frame before it is an error."""
POLL = 0.02
"""Seconds between two checks whether the daemon has shared another frame."""


class LiveFrames:
    """Gives the newest frame, from the daemon or from the camera. Called from one thread at a time."""

    def __init__(self, camera: CameraOptions, folders: Sequence[Path]) -> None:
        """`folders` are the runtime folders in which a daemon may share frames; nothing is opened yet."""
        self._camera = camera
        self._folders = [folder / "preview" for folder in folders]
        self._frames: Generator[Frame | None, None, None] | None = None
        self._last: tuple[int, float] | None = None
        self.daemon: int | None = None
        """Process id of the daemon that shares its frames; None: this process has the camera."""

    def next(self) -> Frame:
        """The next frame. Raises CameraError, PictureError or ConfigError."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            folder = self.find_daemon()
            frame = self._shared_frame(folder) if folder else self._own_frame()
            if frame is not None:
                return frame
        what = "the daemon shows no frames" if self.daemon else "the camera gives no frames"
        raise CameraError(f"{what}. Is the camera there? `edge-daemon check camera` says more")

    def find_daemon(self) -> Path | None:
        """The folder of the running daemon, if there is one. Sets `daemon`, and releases the camera for it."""
        for folder in self._folders:
            try:
                self.daemon = frame_share.daemon_pid(folder)
            except OSError as error:
                raise CameraError(
                    f"{folder}: {error.strerror}. A daemon of another user shares its frames there. Run this as that"
                    " user, or as a member of its group (for the service: sudo edge-daemon preview ...)"
                ) from None
            if self.daemon is not None:
                self.close()
                return folder
        return None

    def close(self) -> None:
        """Release the camera, if this process has it."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _shared_frame(self, folder: Path) -> Frame | None:
        try:
            frame_share.request_frames(folder)
            frame = frame_share.newest_frame(folder)
        except OSError as error:
            raise CameraError(
                f"{folder}: {error.strerror}. Run this as the daemon's user, or as a member of its group"
            ) from None
        if frame is None or (frame.seq, frame.mono) == self._last:
            time.sleep(POLL)
            return None
        self._last = frame.seq, frame.mono
        return frame

    def _own_frame(self) -> Frame | None:
        if self._frames is None:
            source = open_source(self._camera.kind, self._camera.options)
            source.set_active(True)
            self._frames = source.frames(0.5)  # type: ignore[assignment]
        assert self._frames is not None
        with suppress(StopIteration):
            return next(self._frames)
        self.close()  # the end of a video: from the beginning
        return None

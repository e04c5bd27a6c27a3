"""Where the page's pictures come from: the daemon's window while it runs; otherwise the camera itself."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

from edge_daemon.config.schema import Camera
from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError
from edge_daemon.on_device import frame_share
from edge_daemon.sources.kinds import open_source

PATIENCE = 5.0
"""Seconds to wait for a frame."""
AGAIN = 0.02
"""Seconds between two looks whether the daemon has shown another frame."""


class Eye:
    """Gives frames, the newest there is. Called from one thread at a time."""

    def __init__(self, camera: Camera, folders: Sequence[Path]) -> None:
        """`folders` are the runtime folders in which a daemon may show frames; nothing is opened yet."""
        self._camera = camera
        self._folders = [folder / "preview" for folder in folders]
        self._frames: Generator[Frame | None, None, None] | None = None
        self._last: tuple[int, float] | None = None
        self.daemon: int | None = None
        """Process id of the daemon whose frames are seen; None: the camera is ours."""

    def look(self) -> Frame:
        """A frame that was not given before. Raises CameraError, PictureError or ConfigError."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            folder = self.find_daemon()
            frame = self._through(folder) if folder else self._own()
            if frame is not None:
                return frame
        whose = "the daemon shows no frames" if self.daemon else "the camera gives no frames"
        raise CameraError(f"{whose}. Is the camera there? `edge-daemon check camera` says more")

    def find_daemon(self) -> Path | None:
        """The folder of the daemon that runs; its process id is remembered in `daemon`."""
        for folder in self._folders:
            try:
                self.daemon = frame_share.daemon_pid(folder)
            except OSError as error:
                raise CameraError(
                    f"{folder}: {error.strerror}. A daemon of another user shows its picture there: be that user,"
                    " or one of its group (sudo -u edge-daemon edge-daemon preview ...)"
                ) from None
            if self.daemon is not None:
                self.close()
                return folder
        return None

    def close(self) -> None:
        """Give the camera back, if it is ours."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _through(self, folder: Path) -> Frame | None:
        try:
            frame_share.request_frames(folder)
            frame = frame_share.newest_frame(folder)
        except OSError as error:
            raise CameraError(f"{folder}: {error.strerror}. Be the daemon's user, or one of its group") from None
        if frame is None or (frame.seq, frame.mono) == self._last:
            time.sleep(AGAIN)
            return None
        self._last = frame.seq, frame.mono
        return frame

    def _own(self) -> Frame | None:
        if self._frames is None:
            source = open_source(self._camera.kind, self._camera.options)
            source.hurry(True)
            self._frames = source.frames(0.5)  # type: ignore[assignment]
        assert self._frames is not None
        with suppress(StopIteration):
            return next(self._frames)
        self.close()  # the end of a film: from the beginning
        return None

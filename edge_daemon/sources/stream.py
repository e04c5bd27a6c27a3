"""A network camera: RTSP or MJPEG over HTTP with OpenCV's FFmpeg, or single pictures over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Annotated
from urllib.parse import quote, urlsplit, urlunsplit

import cv2
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, ConfigError
from edge_daemon.images import Rotation, rotate_clockwise
from edge_daemon.sources.frame_rate import FrameRate
from edge_daemon.sources.grabber import Capture, grab_frames
from edge_daemon.sources.opencv import open_capture
from edge_daemon.sources.snapshots import Snapshots
from edge_daemon.system.credentials import read_password
from edge_daemon.system.urls import hide_path

SCHEMES = ("rtsp", "rtsps", "http", "https")
"""Schemes of the urls that are accepted."""
PLACEHOLDER = re.compile(r"\{(username|password)\}")
"""Stands in the path or query of a url for the login, of a camera that takes it only there."""
TIMEOUT = 10.0
"""Seconds without an answer or data after which the connection counts as lost."""
STALL = 3 * TIMEOUT
"""Seconds without a frame after which the library itself hangs: its own timeout is much shorter."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """[camera] with source = "stream"."""

    url: Annotated[str, Meta(min_length=1)]
    """rtsp://host/path, or http://host/path of an MJPEG stream or a picture; without a login. For a camera that wants
    them in the path or query: {username} and {password} there."""
    username: str = ""
    """Empty: no login."""
    password_file: str = ""
    """A file that contains the password; it is never written anywhere else."""
    active_fps: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """Frames per second that are read while something changes."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    """Frames per second while nothing changes."""
    rotation: Rotation = 0
    """Degrees by which frames are turned clockwise to be upright."""
    mirror: bool = False
    """Swap left and right, after the rotation."""


class StreamCamera:
    """A Source. A stream that ends raises CameraError: the daemon connects again."""

    def __init__(self, options: StreamOptions) -> None:
        """Raises ConfigError; the connection is made by `frames`."""
        check(options.url)
        self._options = options
        self._rate = FrameRate(options.active_fps, options.idle_fps)
        self.found = ""
        """What the camera gives, in words; empty: it was not opened yet."""

    def set_active(self, active: bool) -> None:
        """See domain.Source. The stream keeps its own rate; frames that are not read are not fully decoded."""
        self._rate.is_active = active

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source."""
        stall = max(STALL, 3 / min(self._options.active_fps, self._options.idle_fps))
        return grab_frames(self._open, self._grey, self._rate, stall, tick)

    def _open(self) -> Capture:
        if self._options.url.startswith("http") and (snapshots := self._snapshots()):
            self.found = "single pictures, each requested"
            return snapshots
        self.found = "a stream"
        milliseconds = int(1000 * TIMEOUT)
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
        capture = open_capture(_with_login(*self._address()), cv2.CAP_FFMPEG, timeouts)
        if not capture.isOpened():
            raise self._closed()
        return capture  # type: ignore[return-value]

    def _snapshots(self) -> Snapshots | None:
        """The camera, if it gives single pictures; None: it gives a stream. Raises CameraError."""
        url, username, password = self._address()
        snapshots = Snapshots(url, username, password)
        try:
            kind = snapshots.content_type()
        except (OSError, HTTPException, ValueError) as error:
            raise error if isinstance(error, CameraError) else self._closed() from None
        if kind == "text/html":
            raise CameraError(f"{hide_path(url)} gives a web page: the url must be that of a picture or a stream")
        return snapshots if kind.startswith("image/") else None

    def _closed(self) -> CameraError:
        host = hide_path(self._options.url)
        return CameraError(f"{host} cannot be opened: is the camera on? Are the path and the login right?")

    def _grey(self, frame: NDArray[np.uint8]) -> Grey:
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        return rotate_clockwise(np.asarray(grey, np.uint8), self._options.rotation)

    def _address(self) -> tuple[str, str, str]:
        """The url, and a login for it, only for the library; never log it. A login in the path is filled in."""
        url, username = self._options.url, self._options.username
        in_path = PLACEHOLDER.search(url)
        if not username and not in_path:
            return url, "", ""
        try:
            password = read_password(self._options.password_file) if self._options.password_file else ""
        except ConfigError as error:
            raise CameraError(str(error).replace("[mqtt]", "[camera]")) from None
        if not in_path:
            return url, username, password
        name, secret = quote(username, safe=""), quote(password, safe="")
        return PLACEHOLDER.sub(lambda found: name if found[0] == "{username}" else secret, url), "", ""


def _with_login(url: str, username: str, password: str) -> str:
    """The url with the login in it, as FFmpeg takes it."""
    if not username:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{quote(username, safe='')}:{quote(password, safe='')}@{parts.netloc}"))


def check(url: str) -> None:
    """Raises ConfigError unless `url` is that of a stream, without a login."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:
        right, parts = False, urlsplit("")
    if "@" in parts.netloc:
        raise ConfigError('expected a url without a login; use "username" and "password_file"')
    if not right:
        raise ConfigError('expected "rtsp://HOST/PATH", or "http://HOST/PATH" of MJPEG or a picture, without blanks')

"""A network camera that gives single pictures over HTTP: each frame is one request.

Many cameras offer nothing else, or only a video that needs too much processor time.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPSHandler,
    OpenerDirector,
    build_opener,
)

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import CameraError, PictureError
from edge_daemon.sources.image_file import decode_grey
from edge_daemon.system.urls import hide_path

TIMEOUT = 10.0
"""Seconds without an answer or data after which a request has failed."""
LONGEST = 20.0
"""Seconds for one picture at most: a camera that sends a few bytes now and then must not block for ever."""
LARGEST = 32_000_000
"""Bytes of one picture at most."""
PATIENCE = 0.05
"""Seconds between two looks at whether a frame is wanted."""
SAFE = "%/:=&?~#+!$,;'@()*[]"
"""Characters of a url that are sent as they are."""
REFUSALS = {
    401: "wants another login; check username and password_file",
    403: "does not allow it; check username and password_file",
    404: "knows no such path; check the url",
}
"""HTTP status -> what the camera says, and what to do."""


class Snapshots:
    """The pictures behind one url, as a grabber.Capture."""

    def __init__(self, url: str, username: str = "", password: str = "") -> None:
        """`url` is without a login, or has it in its path; neither is repeated in errors."""
        self._url = quote(url, safe=SAFE)
        self._host = hide_path(url)
        self._opener = _opener(self._url, username, password)

    def content_type(self) -> str:
        """The type of what the camera gives, such as "image/jpeg"; empty: it does not say.

        Raises CameraError if the camera refuses the request, and OSError or HTTPException if there is no answer.
        """
        with self._request() as answer:
            return answer.headers.get_content_type() if "Content-Type" in answer.headers else ""

    def grab(self) -> bool:
        """Nothing to do: pictures do not come by themselves."""
        time.sleep(PATIENCE)
        return True

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        """Request a picture: True and the grey picture (h, w). Raises CameraError."""
        try:
            with self._request() as answer:
                data = _read(answer)
            return True, decode_grey(data, self._host)
        except CameraError:
            raise
        except PictureError as error:
            raise CameraError(f"{error}; a camera that gives single pictures was expected") from None
        except (OSError, HTTPException, ValueError) as error:
            raise CameraError(f"{self._host} gives no picture: {_reason(error)}") from None

    def release(self) -> None:
        """Nothing to do: each request has a connection of its own."""

    def _request(self) -> HTTPResponse:
        try:
            return self._opener.open(self._url, timeout=TIMEOUT)  # type: ignore[no-any-return]
        except HTTPError as error:
            error.close()
            said = REFUSALS.get(error.code, "does not answer as a camera does")
            raise CameraError(f"{self._host} {said} (HTTP {error.code})") from None


class _DigestHandler(HTTPDigestAuthHandler):
    """urllib's, also with SHA-256 and a password beyond ASCII (RFC 7616)."""

    def get_algorithm_impls(self, algorithm: str) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        name = {"MD5": "md5", "SHA": "sha1", "SHA-256": "sha256"}.get(algorithm.upper())
        if name is None:
            raise ValueError("an unknown way to log in")

        def digest(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        return digest, lambda secret, data: digest(f"{secret}:{data}")


def _opener(url: str, username: str, password: str) -> OpenerDirector:
    """Makes requests, with the login where the camera asks for it (Basic or Digest).

    Certificates are not checked, as with video streams: those of cameras are made by the camera.
    """
    logins = HTTPPasswordMgrWithDefaultRealm()
    if username:
        logins.add_password(None, url, username, password)
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    handlers = _DigestHandler(logins), HTTPBasicAuthHandler(logins), HTTPSHandler(context=unchecked)
    return build_opener(*handlers)


def _read(answer: HTTPResponse) -> bytes:
    """The whole body. Raises OSError if it is too large or too slow."""
    data, until = bytearray(), time.monotonic() + LONGEST
    while piece := answer.read1(65536):
        data += piece
        if len(data) > LARGEST:
            raise OSError(f"more than {LARGEST // 10**6} MB")
        if time.monotonic() > until:
            raise OSError(f"not complete after {LONGEST:.0f} s")
    return bytes(data)


def _reason(error: Exception) -> str:
    """What went wrong, without the url."""
    cause = getattr(error, "reason", error)
    return (isinstance(cause, OSError) and cause.strerror) or (
        str(cause) if isinstance(cause, OSError) else type(cause).__name__
    )

"""Checks of a key's value beyond its type. Each raises ValueError("expected ...")."""

from __future__ import annotations

import os
import re
import ssl
import stat
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from edge_daemon.config.document import Check
from edge_daemon.decision import formats
from edge_daemon.errors import ConfigError
from edge_daemon.fields import extract
from edge_daemon.mqtt import address
from edge_daemon.sources import stream
from edge_daemon.sources.v4l2 import controls
from edge_daemon.system import regular_file
from edge_daemon.system.credentials import find_credential


def _region(region: Sequence[Any]) -> None:
    """The region has an inside, is given clockwise, and in one unit."""
    points = _corners(region)
    numbers = [number for point in points for number in point]
    if min(numbers) < 0:
        raise ValueError("expected nothing below 0")
    if max(numbers) > 1 and any(0 < number < 1 for number in numbers):
        raise ValueError("expected either all fractions of the frame, 0 to 1, or all pixels")
    if min(_turn(points[i - 2], points[i - 1], points[i]) for i in range(4)) <= 0:
        raise ValueError("expected [x, y, width, height], or four corners clockwise from the top left")


def _corners(region: Sequence[Any]) -> list[extract.Point]:
    """The four corners, clockwise from the top left."""
    if isinstance(region[0], tuple):
        return list(region)
    x, y, width, height = region
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def _turn(a: extract.Point, b: extract.Point, c: extract.Point) -> float:
    """Above 0 if the way from a over b to c turns clockwise, with y pointing down."""
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _urls(urls: str | tuple[str, ...]) -> None:
    """The URL of a broker, or several different ones."""
    every = (urls,) if isinstance(urls, str) else urls
    for url in every:
        _url(url)
    if len(set(every)) < len(every):
        raise ValueError("expected each url once")


def _url(url: str) -> None:
    """The URL of a broker, without a login."""
    if "@" in url:
        raise ValueError('expected a url without a login, which goes to "username" and "password_file"')
    try:
        address.parse_url(url)
    except ConfigError:
        raise ValueError('expected "mqtt://HOST:PORT", or "mqtts://HOST:PORT" for TLS, and no more') from None


def _folder_url(url: str) -> None:
    """The URL of a folder on a web server, without a login; empty: none."""
    try:
        parts = urlsplit(url)
        fits = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        fits = False
    if not fits or re.search(r"[@?#\s]", url):
        raise ValueError('expected "https://HOST/FOLDER" or "http://HOST/FOLDER", without a login and without blanks')


def _no_url(path: str) -> None:
    """A path. A URL may hold a login, and errors name the whole path."""
    if "://" in path:
        raise ValueError('expected a path; a URL is the "url" of source = "stream"')


def _ca_file(name: str) -> None:
    """A file of certificates that TLS can load."""
    try:
        address.load_ca(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), name)
    except ConfigError:
        raise ValueError("expected a readable file of certificates in PEM form") from None


def _pem(name: str) -> None:
    """A certificate file in PEM form, or the name of a credential of systemd; empty: none."""
    try:
        if name and b"-----BEGIN" not in regular_file.read(find_credential(name)):
            raise ValueError
    except (OSError, ValueError):
        raise ValueError("expected a readable file in PEM form") from None


def _prometheus_file(name: str) -> None:
    """A path that node_exporter reads; empty: none."""
    if name and not (name.startswith("/") and name.endswith(".prom")):
        raise ValueError('expected a path that begins with "/" and ends in ".prom", as node_exporter needs it')


LONGEST_SECRET = 100_000
"""Characters of a file with a password or key that are checked."""


def _secret(what: str) -> Check:
    """A check of a file with a secret: it is readable, but not for everybody."""

    def check(name: str) -> None:
        if not name:
            return
        try:
            handle = regular_file.open_descriptor(find_credential(name), os.O_RDONLY)
            with os.fdopen(handle, encoding="utf-8") as file:
                file.read(LONGEST_SECRET)
                everybody = os.fstat(file.fileno()).st_mode & stat.S_IROTH
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it has other bytes"
            raise ValueError(f"expected a readable file that holds {what}, in UTF-8 ({why})") from None
        if everybody:
            raise ValueError(f"expected a file that only the daemon can read (chmod 600 {name})")

    return check


CHECKS: Mapping[str, Mapping[str, Check]] = {
    "camera": {
        "url": stream.check,
        "path": _no_url,
        "device": _no_url,
        "controls": controls.parse,
        "password_file": _secret("the password"),
    },
    "field": {"region": _region, "format": formats.check},
    "mqtt": {
        "url": _urls,
        "ca_file": _ca_file,
        "cert_file": _pem,
        "key_file": _secret("the key"),
        "password_file": _secret("the password"),
    },
    "health": {"prometheus_file": _prometheus_file},
    "updates": {"url": _folder_url},
}
"""Section -> key -> its check."""

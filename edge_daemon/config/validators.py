"""What the value of a key must be, beyond its type: each check raises ValueError("expected ...")."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from edge_daemon.config.document import Check
from edge_daemon.decision import formats
from edge_daemon.errors import ConfigError
from edge_daemon.fields import extract
from edge_daemon.mqtt import address
from edge_daemon.sources import stream
from edge_daemon.sources.v4l2 import controls
from edge_daemon.system import units
from edge_daemon.system.credentials import find_credential


def _region(region: Sequence[Any]) -> None:
    """A number can be cut out there."""
    points = _corners(region)
    numbers = [number for point in points for number in point]
    if min(numbers) < 0:
        raise ValueError("expected nothing below 0")
    if max(numbers) > 1 and any(0 < number < 1 for number in numbers):
        raise ValueError("expected either all fractions of the frame, 0 to 1, or all pixels")
    if min(_turn(points[i - 2], points[i - 1], points[i]) for i in range(4)) <= 0:
        raise ValueError("expected [x, y, width, height], or four corners clockwise from the top left")


def _corners(region: Sequence[Any]) -> list[extract.Point]:
    if isinstance(region[0], tuple):
        return list(region)
    x, y, width, height = region
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def _turn(a: extract.Point, b: extract.Point, c: extract.Point) -> float:
    """Above 0 where the way from a over b to c turns clockwise, y pointing down."""
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _rate(text: str) -> None:
    try:
        if not text or 0 < units.rate(text) < 1e12:
            return
    except (ValueError, OverflowError):
        pass
    raise ValueError('expected a rate like "100/h", or "0.5/m" ("s", "m", "h", "d")')


def _url(url: str) -> None:
    if "@" in url:
        raise ValueError('expected a url without a login, which goes to "username" and "password_file"')
    try:
        address.parse_url(url)
    except ConfigError:
        raise ValueError('expected "mqtt://HOST:PORT", or "mqtts://HOST:PORT" for TLS') from None


def _folder_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fits = not url or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        fits = False
    if not fits or "@" in url or "?" in url or "#" in url:
        raise ValueError('expected "https://HOST/FOLDER" or "http://HOST/FOLDER", without a login')


def _ca_file(name: str) -> None:
    try:
        address.load_ca(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), name)
    except ConfigError:
        raise ValueError("expected a readable file of certificates in PEM form") from None


def _pem(name: str) -> None:
    try:
        if name and "-----BEGIN" not in find_credential(name).read_text():
            raise ValueError
    except (OSError, ValueError):
        raise ValueError("expected a readable file in PEM form") from None


def _prometheus_file(name: str) -> None:
    if name and not (name.startswith("/") and name.endswith(".prom")):
        raise ValueError('expected a whole path that ends in ".prom", as node_exporter wants it')


def _secret(what: str) -> Check:
    """A check that a file can be read, and not by everybody."""

    def check(name: str) -> None:
        if not name:
            return
        try:
            with find_credential(name).open() as file:
                file.read(1)
                everybody = os.fstat(file.fileno()).st_mode & stat.S_IROTH
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"expected a readable file that holds {what}, in UTF-8") from None
        if everybody:
            raise ValueError(f"expected a file that only the daemon can read (chmod 600 {name})")

    return check


def _between(read: Callable[[str], float], low: str, high: str, example: str) -> Check:
    """A check of what `read` understands: units.seconds or units.size."""

    def check(text: str) -> None:
        try:
            fits = read(low) <= read(text) <= read(high)
        except (ValueError, OverflowError):
            fits = False
        if not fits:
            raise ValueError(f'expected {example}, from "{low}" to "{high}"')

    return check


def _duration(low: str, high: str) -> Check:
    return _between(units.seconds, low, high, 'a duration like "2s", "10m", "12h" or "30d"')


def _every(text: str) -> None:
    if text != "0s":
        _duration("10m", "90d")(text)


CHECKS: Mapping[str, Mapping[str, Check]] = {
    "camera": {"url": stream.check, "controls": controls.parse, "password_file": _secret("the password")},
    "field": {
        "region": _region,
        "format": formats.check,
        "max_rate": _rate,
        "settle": _duration("0s", "1h"),
        "accept_after": _duration("1s", "365d"),
        "heartbeat": _duration("0s", "30d"),
    },
    "mqtt": {
        "url": _url,
        "ca_file": _ca_file,
        "cert_file": _pem,
        "key_file": _secret("the key"),
        "password_file": _secret("the password"),
        "longest_wait": _duration("1s", "1h"),
    },
    "outbox": {
        "max_size": _between(units.size, "1MB", "1000GB", 'a size like "64MB" or "1GB"'),
        "max_age": _duration("1m", "3650d"),
    },
    "health": {
        "max_memory": _between(units.size, "150MB", "1000GB", 'a size like "300MB" or "1GB"'),
        "prometheus_file": _prometheus_file,
    },
    "updates": {
        "url": _folder_url,
        "every": _every,
    },
    "samples": {
        "max_size": _between(units.size, "100KB", "1000GB", 'a size like "8MB" or "1GB"'),
    },
}
"""Section -> key -> its check."""

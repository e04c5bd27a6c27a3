"""Services that other machines of the network announce (mDNS, DNS-SD), found by avahi-browse where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import NamedTuple

PROGRAM = "avahi-browse"
"""Of Debian's package avahi-utils; the service that it asks, avahi-daemon, is part of Raspberry Pi OS."""
PATIENCE = 6.0
"""Seconds for a search; it ends by itself when the network has answered."""


class Service(NamedTuple):
    """One service of the network."""

    name: str
    host: str
    """Its name in the network, such as homeassistant.local."""
    port: int


def can_search() -> bool:
    """Whether the network can be searched."""
    return shutil.which(PROGRAM) is not None


def find(kind: str) -> list[Service]:
    """The services of a kind, such as _mqtt._tcp; none where they cannot be searched for."""
    if not can_search():
        return []
    command = [PROGRAM, "--resolve", "--parsable", "--terminate", kind]
    try:
        printed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return list(dict.fromkeys(service for line in printed.splitlines() if (service := _service(line))))


def _service(line: str) -> Service | None:
    """The service in a line `=;interface;protocol;name;kind;domain;host;address;port;text`; None: another line."""
    words = line.split(";")
    if len(words) < 9 or words[0] != "=" or not words[8].isdecimal():
        return None
    return Service(_unescaped(words[3]), words[6], int(words[8]))


def _unescaped(name: str) -> str:
    r"""The name without avahi's escapes: \032 is a blank, \. a point."""
    raw = re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1])]), name.encode())
    return re.sub(r"\\(.)", r"\1", raw.decode(errors="replace"))

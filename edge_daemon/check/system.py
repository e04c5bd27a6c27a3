"""The operating system and Python: is it one that the daemon is made for?"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config

MODEL = Path("/proc/device-tree/model")
MEMINFO = Path("/proc/meminfo")
LEAST = 350
"""Megabytes of memory below which there is not room enough beside the system; a Pi Zero 2 W has 430 for programs."""
FREE = 60
"""Megabytes that should be free, or could be made so."""


def check(_: Config) -> Iterator[Found]:
    yield Level.OK, ", ".join(filter(None, [_board(), _system(), platform.machine()]))
    yield Level.OK, f"Python {platform.python_version()} in {sys.prefix}"
    if sys.maxsize < 2**32:
        yield (
            Level.WARN,
            "this system is a 32-bit one",
            "Only 64-bit ones are tested: install Raspberry Pi OS (64-bit).",
        )
    yield from _memory()


def _system() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return platform.platform(terse=True)


def _board() -> str:
    with suppress(OSError):
        return MODEL.read_text().strip("\0\n ")
    return ""


def _memory() -> Iterator[Found]:
    try:
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        total, free = (int(lines[name].split()[0]) // 1000 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return
    if total < LEAST:
        yield Level.WARN, f"there are {total} MB of memory", "The daemon takes about 110 MB: end what else runs here."
    elif free < FREE:
        yield Level.WARN, f"of {total} MB of memory {free} are free", "See what takes it: ps aux --sort=-rss | head"
    else:
        yield Level.OK, f"{free} MB of {total} MB of memory are free"

"""Checks the operating system, Python and memory."""

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
MIN_MEMORY = 350
"""Megabytes that the machine should have; a Pi Zero 2 W has 430 for programs."""
MIN_FREE = 60
"""Megabytes that should be available to programs."""


def check(_: Config) -> Iterator[Found]:
    yield Level.OK, ", ".join(filter(None, [_board(), _system(), platform.machine()]))
    yield Level.OK, f"Python {platform.python_version()} in {sys.prefix}"
    if sys.maxsize < 2**32:
        yield (
            Level.WARN,
            "this is a 32-bit system",
            "Only 64-bit systems are tested: install Raspberry Pi OS (64-bit).",
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
    if total < MIN_MEMORY:
        yield Level.WARN, f"there are {total} MB of memory", "The daemon needs about 110 MB: stop other programs."
    elif free < MIN_FREE:
        yield Level.WARN, f"{free} MB of {total} MB of memory are free", "See what uses it: ps aux --sort=-rss | head"
    else:
        yield Level.OK, f"{free} MB of {total} MB of memory are free"

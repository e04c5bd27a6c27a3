"""Checks clock, temperature and power supply."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.system import clock
from edge_daemon.system import machine as sensors

WARM = 70.0
"""Degrees Celsius from which there is a warning."""
HOT = 80.0
"""Degrees Celsius from which a Raspberry Pi slows down."""
EARLIEST = 1735689600
"""2025-01-01 in Unix time: a clock that shows an earlier time has not been set."""


def check(_: Config) -> Iterator[Found]:
    yield _clock()
    if (heat := sensors.temperature()) is not None:
        yield _heat(heat)
    yield from _power()


def _clock() -> Found:
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < EARLIEST:
        return Level.FAIL, f"the clock shows {now}", "Set it: sudo timedatectl set-ntp true"
    if not clock.is_synced():
        remedy = "Readings carry time_quality = estimated. Is there a network? Look: timedatectl"
        return Level.WARN, f"the clock shows {now}, and is not synchronised", remedy
    return Level.OK, f"the clock is set: {now}"


def _heat(heat: float) -> Found:
    what = f"the processor is at {heat:.0f} degrees Celsius"
    if heat < WARM:
        return Level.OK, what
    return (
        Level.FAIL if heat >= HOT else Level.WARN,
        what,
        "It needs air, a heat sink or a fan; at 80 it slows down.",
    )


def _power() -> Iterator[Found]:
    weak = "Use the power supply made for this model, with a short cable."
    if sensors.is_low_on_voltage():
        yield Level.FAIL, "the voltage of the power supply is too low right now", weak
    word = sensors.throttled() or _vcgencmd()
    if word is None:
        return
    now = sensors.decode_throttled(word)
    before = [flag for flag in sensors.decode_throttled(hex(int(word, 16) >> 16)) if flag not in now]
    remedy = weak if "under-voltage" in now + before else "It needs air, a heat sink or a fan."
    if now:
        yield Level.WARN, f"right now: {', '.join(now)} ({word})", remedy
    if before:
        yield Level.WARN, f"since the machine started: {', '.join(before)} ({word})", remedy
    if not now and not before:
        yield Level.OK, "since the machine started it was never throttled, and the voltage was never too low"


def _vcgencmd() -> str | None:
    """The flags that the Pi's own program prints (throttled=0x50005), where the kernel has none, as on a Pi 5."""
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=5.0, check=True)
        return hex(int(done.stdout.strip().removeprefix("throttled="), 16))
    return None

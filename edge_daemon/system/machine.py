"""Figures of the machine: temperature, voltage, and what this process uses. None: the machine does not report it."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from pathlib import Path

SYS = Path("/sys")
_STATM = Path("/proc/self/statm")
_FDS = Path("/proc/self/fd")
_IO = Path("/proc/self/io")

NOW = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of get_throttled for the present; the same bits plus 16 are for any time since the machine started."""


def temperature() -> float | None:
    """Temperature of the processor in degrees Celsius."""
    number = _number(SYS / "class/thermal/thermal_zone0/temp")
    return None if number is None else number / 1000


def throttled() -> str | None:
    """Hexadecimal bits of a Raspberry Pi, 0x0: no throttling; see `vcgencmd get_throttled`.

    The kernel of a Pi 5 does not report it.
    """
    # soc:firmware; some models have another name
    found = _first(SYS.glob("devices/platform/soc*/*firmware/get_throttled"))
    number = None if found is None else _number(found, 16)
    return None if number is None else f"0x{number:x}"


def is_low_on_voltage() -> bool | None:
    """Whether the Pi's power supply is too weak now, as the firmware reports on every model."""
    for name in SYS.glob("class/hwmon/hwmon*/name"):
        if _text(name) == "rpi_volt":
            alarm = _number(name.with_name("in0_lcrit_alarm"))
            return None if alarm is None else alarm != 0
    word = throttled()
    return None if word is None else bool(int(word, 16) & 1)


def decode_throttled(word: str) -> list[str]:
    """The names of the present conditions in the bits of get_throttled."""
    return [name for bit, name in NOW.items() if int(word, 16) >> bit & 1]


def resident_bytes() -> int | None:
    """Bytes of resident memory of this process."""
    text = _text(_STATM)
    return None if text is None else int(text.split()[1]) * resource.getpagesize()


def bytes_written() -> int | None:
    """Bytes that this process has written to disks since its start; files in memory (tmpfs) do not count."""
    text = _text(_IO)
    lines = dict(line.split(": ", 1) for line in text.splitlines()) if text else {}
    return int(lines["write_bytes"]) if "write_bytes" in lines else None


def open_files() -> int | None:
    """Open file descriptors of this process."""
    try:
        return sum(1 for _ in _FDS.iterdir())
    except OSError:
        return None


def _first(paths: Iterable[Path]) -> Path | None:
    return next(iter(paths), None)


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(_text(path) or "", base)
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None

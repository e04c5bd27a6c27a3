"""How the machine is doing: heat, throttling, what this process takes. None where the machine does not tell."""

from __future__ import annotations

import resource
from pathlib import Path

_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_STATM = Path("/proc/self/statm")
_FDS = Path("/proc/self/fd")


def temperature() -> float | None:
    """Of the processor, in degrees Celsius."""
    text = _text(_THERMAL)
    return None if text is None else int(text) / 1000


def throttled() -> str | None:
    """The Raspberry Pi's own word: hexadecimal bits, 0 all well; see `vcgencmd get_throttled`."""
    text = _text(_THROTTLED)
    return None if text is None else f"0x{int(text, 16):x}"


def resident() -> int | None:
    """Bytes of memory that this process holds."""
    text = _text(_STATM)
    return None if text is None else int(text.split()[1]) * resource.getpagesize()


def open_files() -> int | None:
    """Open file descriptors of this process."""
    try:
        return sum(1 for _ in _FDS.iterdir())
    except OSError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None

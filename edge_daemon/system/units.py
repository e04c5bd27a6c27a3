"""Sizes, durations and rates as people write them in the configuration."""

from __future__ import annotations

import re

_SIZES = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def size(text: str) -> int:
    """Bytes: "64MB" is 64,000,000. Raises ValueError."""
    return int(_parse(text, _SIZES))


def seconds(text: str) -> float:
    """Seconds: "10m" is 600.0. Raises ValueError."""
    return _parse(text, _SECONDS)


def rate(text: str) -> float:
    """Per second: "100/h" is 0.0277.... Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?/ ?([smhd])", text.strip(), re.ASCII)
    if match is None:
        raise ValueError(f"{text!r}: write a number, a slash and one of {' '.join(_SECONDS)}")
    return float(match[1]) / _SECONDS[match[2]]


def _parse(text: str, units: dict[str, int]) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)", text.strip(), re.ASCII)
    if match is None or match[2] not in units:
        raise ValueError(f"{text!r}: write a number and one of {' '.join(units)}")
    return float(match[1]) * units[match[2]]

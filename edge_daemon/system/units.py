"""Sizes, durations and rates: text such as "64MB", "10m" or "100/h" in the configuration, numbers in the program.

An option that is such a number says so in its type: `max_age: Annotated[float, Duration("1m", "3650d")]`. The
configuration reads the text by that, once; all other code sees bytes, seconds, or per second.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

_SIZES = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_FASTEST = 1e12
"""Per second. Higher rates would be no limit."""


class Quantity(ABC):
    """The type annotation of an option that is a number in the program and text in the configuration."""

    @abstractmethod
    def parse(self, text: str) -> float | None:
        """The number that `text` stands for. Raises ValueError("expected ...")."""

    @abstractmethod
    def format(self, number: float | None) -> str:
        """The shortest text for `number`; what `parse` reads as that number."""


@dataclass(frozen=True, slots=True)
class Size(Quantity):
    """Bytes, from `low` to `high`."""

    low: str
    high: str

    def parse(self, text: str) -> int:
        _check_range(text, _SIZES, self.low, self.high, 'a size like "64MB" or "1GB"')
        return int(_parse(text, _SIZES))

    def format(self, number: float | None) -> str:
        return _format(number, _SIZES)


@dataclass(frozen=True, slots=True)
class Duration(Quantity):
    """Seconds, from `low` to `high`."""

    low: str
    high: str
    or_never: bool = False
    """Whether "0s", which stands for never, is allowed although it is below `low`."""

    def parse(self, text: str) -> float:
        if not (self.or_never and text == "0s"):
            _check_range(text, _SECONDS, self.low, self.high, 'a duration like "2s", "10m", "12h" or "30d"')
        return _parse(text, _SECONDS)

    def format(self, number: float | None) -> str:
        return _format(number, _SECONDS)


@dataclass(frozen=True, slots=True)
class Rate(Quantity):
    """Per second; None, written "", is no limit."""

    def parse(self, text: str) -> float | None:
        try:
            if not text or 0 < rate(text) < _FASTEST:
                return rate(text) if text else None
        except (ValueError, OverflowError):
            pass
        raise ValueError('expected a rate like "100/h", or "0.5/m" ("s", "m", "h", "d")')

    def format(self, number: float | None) -> str:
        return "" if number is None else f"{number:.15g}/s"


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


def _check_range(text: str, units: dict[str, int], low: str, high: str, example: str) -> None:
    try:
        fits = _parse(low, units) <= _parse(text, units) <= _parse(high, units)
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        raise ValueError(f'expected {example}, from "{low}" to "{high}"')


def _format(number: float | None, units: dict[str, int]) -> str:
    """In the largest unit of which `number` is a whole multiple, else in the smallest: 600 is 10m, 1.5 is 1.5s."""
    number = number or 0.0
    smallest = next(iter(units))
    largest = next((unit for unit in reversed(units) if number and number % units[unit] == 0), smallest)
    return f"{number / units[largest]:.15g}{largest}"

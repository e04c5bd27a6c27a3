"""Readings and events with default values, so that a test names only the values that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from edge_daemon.domain import Digit, Event, Message, Reading, Status

_READING = Reading(
    field="units",
    status=Status.OK,
    text="01234",
    value=1234,
    unit="pcs",
    confidence=0.93124,
    candidates=(("01234", 0.93124), ("01284", 0.04), ("07234", 0.01)),
    digits=(Digit((("0", 0.99), ("8", 0.01), ("6", 0.0)), (12, 40, 28, 51)),),
    votes=(5, 5),
    captured_at=1_795_485_000.12,
    value_at=1_795_485_000.12,
    model="digits@1.2.0",
    backend="cpu",
)


def reading(value: int = 1234, **changes: Any) -> Reading:
    """A good reading of the field `units`."""
    return replace(replace(_READING, value=value, text=f"{value:05d}"), **changes)


def event(number: int = 0, **changes: Any) -> Event:
    """A change of the field `units`."""
    return replace(Event("reading_changed", "units", 1_795_485_000.12, {"number": number}), **changes)


FIELDS = 3
"""Numbered readings belong to the fields f0, f1, f2 in turn."""


def numbered_reading(number: int) -> Reading:
    """A reading whose every part follows from its number."""
    text, at = f"{number:07d}", 1_795_000_000.0 + number
    return Reading(
        field=f"f{number % FIELDS}",
        status=Status.OK,
        text=text,
        value=number,
        unit="pcs",
        confidence=0.9,
        candidates=((text, 0.9),),
        digits=tuple(Digit(((digit, 0.9),), (0, 0, 8, 8)) for digit in text),
        votes=(5, 5),
        captured_at=at,
        value_at=at,
        model="none@0",
        backend="cpu",
    )


def info(device: str = "dock3", **facts: str) -> Message:
    """A retained message that any test can tell from the others by its facts."""
    return Message(f"edge_daemon/{device}/info", msgspec.json.encode(facts), retain=True)

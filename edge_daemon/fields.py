"""Frame -> [Patch]: cut out, upright, what each field looked like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

Point = tuple[float, float]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


@dataclass(frozen=True, slots=True)
class Options:
    """One [[field]] of the configuration."""

    name: Name
    """Names the topic: reading/<name>."""
    region: tuple[float, float, float, float] | tuple[Point, Point, Point, Point]
    """[x, y, width, height], or four corners clockwise from the number's top left. All within 0..1: fractions of the
    frame; otherwise pixels."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Degrees to turn the region clockwise until the number stands upright."""
    format: str = ""
    """What may be written there: '#' a digit, '?' a digit that may be missing. Empty: any number of digits."""
    text: bool = False
    """The number is an identifier: leading zeros matter, it is sent as text and has no value."""
    settle: str = "2s"
    """How long a new value must stand unchanged before it is published."""
    unit: str = ""
    """Goes along with the value as it is."""

"""Frame -> [Patch]: cut out, upright, what each field looked like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Frame, Patch

Point = tuple[float, float]
# \Z, not $: that would let a line break pass at the end, and names become topics
Name = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z", description="1 to 64 of A-Z a-z 0-9 _ -, in quotes")
]
SMALLEST = 8
"""Pixels on a side below which a region cannot hold a number."""


@dataclass(frozen=True, slots=True)
class Options:
    """One [[field]] of the configuration."""

    name: Name
    """Names the topic: reading/<name>."""
    region: Annotated[
        tuple[float, float, float, float] | tuple[Point, Point, Point, Point],
        msgspec.Meta(description="[x, y, width, height], or four corners like [[x, y], [x, y], [x, y], [x, y]]"),
    ]
    """[x, y, width, height], or four corners clockwise from the top left. All numbers within 0..1: fractions of the
    frame; otherwise pixels."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Degrees to turn the region clockwise until the number stands upright."""
    format: str = ""
    """What may be written there, see formats.py. Empty: any number of digits."""
    text: bool = False
    """The number is an identifier: leading zeros matter, it is sent as text and has no value."""
    settle: str = "2s"
    """How long a new value must stand unchanged before it is published."""
    unit: str = ""
    """Goes along with the value as it is."""
    min: float | None = None
    """A lower value is out_of_range."""
    max: float | None = None
    """A higher value is out_of_range."""
    monotone: bool = False
    """A value below the last one is not_monotone."""
    max_rate: str = ""
    """A quicker change is rate_too_high, such as "100/h". Empty: none is."""
    wrap: bool = False
    """After the highest value of the format comes 0 again."""
    accept_after: str = "10m"
    """A value that breaks a rule is believed when it has been read for so long."""
    heartbeat: str = "10m"
    """How often an unchanged reading is published again; "0s": never."""
    deadband: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """A change by less is not published before the next heartbeat."""


class Fields:
    """Cuts the configured regions out of each frame; without any, the whole frame is the one patch."""

    def __init__(self, options: Sequence[Options]) -> None:
        self.options = tuple(options)

    def cut(self, frame: Frame) -> list[Patch]:
        """One patch for each field, in the order of the configuration."""
        if not self.options:
            return [whole(frame)]
        return [cut(frame, field) for field in self.options]


def whole(frame: Frame) -> Patch:
    """The frame itself as a patch without a field."""
    return Patch(None, frame, frame.pixels, np.eye(3))


def cut(frame: Frame, field: Options) -> Patch:
    """The field's region, its perspective undone, turned upright. What lies outside the frame repeats the edge."""
    height, width = frame.pixels.shape
    points = corners(field, width, height)
    sides = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    across, down = (max(SMALLEST, round(float(max(sides[i], sides[i + 2])))) for i in (0, 1))
    upright = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32)
    to_frame = cv2.getPerspectiveTransform(upright, points).astype(np.float64)
    pixels = cv2.warpPerspective(
        frame.pixels,
        to_frame,
        (across, down),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)
    return Patch(field.name, frame, pixels, to_frame)


def corners(field: Options, width: int, height: int) -> NDArray[np.float32]:
    """(4, 2) frame pixels of what will be the upright patch's top left, top right, bottom right, bottom left."""
    region = np.array(field.region, np.float32)
    if region.ndim == 1:
        x, y, w, h = region
        region = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)
    if region.max() <= 1.0:
        region = region * np.array([width, height], np.float32)
    return np.roll(region, field.rotation // 90, axis=0).astype(np.float32)

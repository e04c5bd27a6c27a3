"""Frame -> [Patch]: cut out, upright, what each field looked like."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import msgspec
import numpy as np

from edge_daemon.domain import Box, Frame, Grey, Patch, Status
from edge_daemon.fields import perspective
from edge_daemon.fields.change import Glance
from edge_daemon.fields.monitor import Lookout
from edge_daemon.fields.perspective import Point as Point
from edge_daemon.fields.registration import Anchor
from edge_daemon.geometry import bounding_box
from edge_daemon.images import half_size
from edge_daemon.system.units import Duration, Rate

# \Z, not $: that would let a line break pass at the end, and names become topics
Name = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z", description="1 to 64 of A-Z a-z 0-9 _ -, in quotes")
]
BURST = 5.0
"""Seconds for which frames come fast after something has changed."""


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
    settle: Annotated[float, Duration("0s", "1h")] = 2.0
    """How long a new value must stand unchanged before it is published."""
    unit: str = ""
    """Goes along with the value as it is."""
    min: float | None = None
    """A lower value is out_of_range."""
    max: float | None = None
    """A higher value is out_of_range."""
    monotone: bool = False
    """A value below the last one is not_monotone."""
    max_rate: Annotated[float | None, Rate()] = None
    """A quicker change, per second, is rate_too_high."""
    wrap: bool = False
    """After the highest value of the format comes 0 again."""
    accept_after: Annotated[float, Duration("1s", "365d")] = 600.0
    """A value that breaks a rule is believed when it has been read for so long."""
    heartbeat: Annotated[float, Duration("0s", "30d")] = 600.0
    """How often an unchanged reading is published again; "0s": never."""
    deadband: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """A change by less is not published before the next heartbeat."""


class Fields:
    """Cuts the configured regions out of each frame, where they have something new to say; without any, the whole
    frame is the one patch."""

    def __init__(self, options: Sequence[Options]) -> None:
        self.options = tuple(options)
        self.stirred = -BURST
        """Monotonic time at which something changed last."""
        self._glance = Glance()
        self._window: Box = (0, 0, 1, 1)
        self._anchor = Anchor()
        self._lookouts = [Lookout(field.name, partial(place, field)) for field in options] or [Lookout()]

    def cut(self, frame: Frame, undecided: Collection[str]) -> list[Patch]:
        """A patch for each field that has changed, that is `undecided`, or that was not looked at for long.

        In the order of the configuration. A patch whose status is not OK must not be read.
        """
        due = [lookout for lookout in self._lookouts if lookout.is_due(frame)]
        wanted = [lookout for lookout in self._lookouts if lookout.is_in(undecided)]
        for lookout in self._lookouts:
            if lookout not in wanted:
                lookout.trust()
        if due:
            self._window = bounding_box(lookout.window for lookout in self._lookouts)
        strikes = self._strikes(frame.pixels)
        if strikes is None and not due and not wanted:
            return []
        small = half_size(frame.pixels)
        changed = [lookout for lookout in self._lookouts if lookout.has_changed(small, strikes, self._glance.noise)]
        if changed:
            self.stirred = frame.mono
        looking = [lookout for lookout in self._lookouts if lookout in (*changed, *wanted, *due)]
        if not self.options:
            return [lookout.look(frame, small, self._glance.noise, None) for lookout in looking]
        camera = self._anchor.measure(small, self._glance.noise) if looking else None
        patches = [lookout.look(frame, small, self._glance.noise, camera) for lookout in looking]
        if patches and {patch.status for patch in patches} <= {Status.OK, Status.CAMERA_MOVED}:
            self._anchor.rest(small, frame.mono)
        return patches

    def _strikes(self, pixels: Grey) -> Grey | None:
        """Where the frame, at half size, has moved at all; only there is looked where fields and their surroundings
        are."""
        x, y, w, h = self._window
        part = pixels[2 * y : 2 * (y + h), 2 * x : 2 * (x + w)]
        strikes = self._glance.strikes(half_size(part))
        if strikes is None:
            return None
        whole = np.zeros((pixels.shape[0] // 2, pixels.shape[1] // 2), np.uint8)
        whole[y : y + h, x : x + w] = strikes
        return whole

    def look_again(self) -> None:
        """The next frame is looked at whether it has changed or not."""
        for lookout in self._lookouts:
            lookout.look_again()

    def is_stirring(self, mono: float) -> bool:
        """Whether something has changed a moment ago, so that it is worth looking closely."""
        return mono - self.stirred < BURST


def place(field: Options, width: int, height: int) -> perspective.Corners:
    """The field's corners in a frame of this size."""
    return perspective.corners(field.region, field.rotation, (width, height))


def whole(frame: Frame) -> Patch:
    """The frame itself as a patch without a field."""
    return Patch(None, frame, frame.pixels, np.eye(3))


def patch_of_sample(pixels: Grey) -> Patch:
    """A kept cut-out (h, w) as the patch of a field."""
    return Patch("sample", Frame(0, 0.0, 0.0, pixels), pixels, np.eye(3))

"""Frame -> [Patch]: each field, cut out and upright."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import msgspec
import numpy as np

from edge_daemon.domain import Box, Frame, Grey, Patch, Status
from edge_daemon.fields import perspective
from edge_daemon.fields.change import ChangeDetector
from edge_daemon.fields.monitor import FieldMonitor
from edge_daemon.fields.perspective import Point as Point
from edge_daemon.fields.registration import ShiftTracker
from edge_daemon.geometry import bounding_box
from edge_daemon.images import MIN_HEIGHT, half_size

# \Z, not $: that would let a line break pass at the end, and names become topics
Name = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z", extra={"expected": "1 to 64 of A-Z a-z 0-9 _ -, in quotes"}),
]
ACTIVE = 5.0
"""Seconds after a change for which frames come at the active rate."""


@dataclass(frozen=True, slots=True)
class FieldRegion:
    """Where one field lies in the frame: the keys of a [[field]] that cutting it out needs."""

    name: Annotated[Name, msgspec.Meta(title="Name")]
    """Names the topic: reading/<name>."""
    region: Annotated[
        tuple[float, float, float, float] | tuple[Point, Point, Point, Point],
        msgspec.Meta(
            extra={"expected": "[x, y, width, height], or four corners like [[x, y], [x, y], [x, y], [x, y]]"}
        ),
    ]
    """[x, y, width, height], or four corners clockwise from the top left. All numbers within 0..1: fractions of the
    frame; otherwise pixels."""
    rotation: Annotated[
        Literal[0, 90, 180, 270], msgspec.Meta(title="Rotation", description="degrees clockwise until it is upright")
    ] = 0
    """Degrees to turn the region clockwise until the number stands upright."""


class FieldExtractor:
    """Cuts the configured fields out of each frame, where something has changed; without fields, the whole frame."""

    def __init__(self, options: Sequence[FieldRegion]) -> None:
        self.options = tuple(options)
        self.last_change = -ACTIVE
        """Monotonic time in seconds at which a field changed last."""
        self._detector = ChangeDetector()
        self._window: Box = (0, 0, 1, 1)  # around all fields and their surroundings, in pixels at half size
        self._camera = ShiftTracker()
        fields = [FieldMonitor(self._detector, field.name, partial(field_corners, field)) for field in options]
        self._monitors = fields or [FieldMonitor(self._detector)]

    def cut(self, frame: Frame, undecided: Collection[str]) -> list[Patch]:
        """A patch for each field that has changed, is `undecided`, or was not cut out for MAX_AGE seconds.

        In the order of the configuration. A patch whose status is not OK must not be read. A frame lower than any digit
        is passed on as it is: nothing in it is measured, and nothing will be read.
        """
        if min(frame.pixels.shape) < MIN_HEIGHT:
            return [Patch(monitor.name, frame, frame.pixels, np.eye(3)) for monitor in self._monitors]
        due = [monitor for monitor in self._monitors if monitor.is_due(frame)]
        wanted = [monitor for monitor in self._monitors if monitor.is_undecided(undecided)]
        for monitor in self._monitors:
            if monitor not in wanted:
                monitor.accept_reference()
        if due:
            self._window = bounding_box(monitor.window for monitor in self._monitors)
        mask = self._changed_mask(frame.pixels)
        if mask is None and not due and not wanted:
            return []
        small = half_size(frame.pixels)
        changed = [monitor for monitor in self._monitors if monitor.has_changed(small, mask)]
        if changed:
            self.last_change = frame.mono
        return self._cut(frame, small, [m for m in self._monitors if m in (*changed, *wanted, *due)])

    def _cut(self, frame: Frame, small: Grey, monitors: Sequence[FieldMonitor]) -> list[Patch]:
        if not self.options or not monitors:
            return [monitor.cut(frame, small, None) for monitor in monitors]
        shift = self._camera.measure(small, self._detector.noise)
        patches = [monitor.cut(frame, small, shift) for monitor in monitors]
        if {patch.status for patch in patches} <= {Status.OK, Status.CAMERA_MOVED}:
            self._camera.accept(small, frame.mono)
        return patches

    def unreadable(self, frame: Frame) -> list[Patch]:
        """A patch for each field that says that nothing in this frame can be read."""
        return [Patch(m.name, frame, frame.pixels, np.eye(3), Status.UNREADABLE) for m in self._monitors]

    def _changed_mask(self, pixels: Grey) -> Grey | None:
        """Where the frame, at half size, has changed; only fields and their surroundings are compared."""
        x, y, w, h = self._window
        part = pixels[2 * y : 2 * (y + h), 2 * x : 2 * (x + w)]
        changed = self._detector.changed_mask(half_size(part))
        if changed is None:
            return None
        mask = np.zeros((pixels.shape[0] // 2, pixels.shape[1] // 2), np.uint8)
        mask[y : y + h, x : x + w] = changed
        return mask

    def make_due(self) -> None:
        """Have all fields cut out of the next frame, changed or not."""
        for monitor in self._monitors:
            monitor.make_due()

    def is_active(self, mono: float) -> bool:
        """Whether a field changed within the last ACTIVE seconds: frames are then wanted at the active rate."""
        return mono - self.last_change < ACTIVE


def field_corners(field: FieldRegion, width: int, height: int) -> perspective.Corners:
    """The field's corners in a frame of this size, in pixels."""
    return perspective.corners(field.region, field.rotation, (width, height))


def whole_frame(frame: Frame) -> Patch:
    """The frame itself as a patch without a field."""
    return Patch(None, frame, frame.pixels, np.eye(3))


def patch_of_sample(pixels: Grey) -> Patch:
    """A kept cut-out (h, w) as the patch of a field."""
    return Patch("sample", Frame(0, 0.0, 0.0, pixels), pixels, np.eye(3))

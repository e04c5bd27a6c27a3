"""One field over time: its position now, whether it has changed, and whether it can be read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import cv2
import numpy as np

from edge_daemon.domain import Box, Frame, Grey, Patch, Status
from edge_daemon.fields import change, perspective, quality
from edge_daemon.fields.change import ChangeDetector
from edge_daemon.fields.registration import Shift, ShiftTracker, add, estimate_shift, translate

log = logging.getLogger(__name__)

MAX_AGE = 60.0
"""Seconds after which a field is cut out again although it has not changed."""
ACCEPT_AFTER = 300.0
"""Seconds after which a scene that cannot be read, because it differs from before, is accepted as the new normal: where
the camera has moved or the lens is soft; where paper is too bright or too dark only if nothing seems to be hidden."""
HIDDEN = (Status.OBSTRUCTED, Status.GLARE)
"""Statuses in which something may lie over the number."""
SCENES = 3
"""Appearances that are remembered: a scene that was accepted once is recognised when it is back."""
FOLLOW = 0.3
"""Share of a field's shorter side up to which the field follows a shift; beyond it the camera has moved."""
JITTER = 1.5
"""Pixels at half size by which any picture may shift without being read again."""
FIELD_CORRELATION = 0.8
"""Correlation a field must have with itself before its own shift is accepted: rewritten digits correlate by chance."""
MARGIN = 0.15
"""Share of the shorter side that is watched around a field: a hand appears there before it covers the field."""
NO_SHIFT: Shift = (0.0, 0.0)

CornersIn = Callable[[int, int], perspective.Corners]
"""Width and height of the frame -> the field's corners."""


class FieldMonitor:
    """Remembers what one field looked like, follows small shifts, and judges whether it can be read.

    `small` is always the frame at half size, and shifts are in its pixels. Without `corners` the field is the whole
    frame: it has no surroundings, and no earlier appearance is compared.
    """

    def __init__(self, detector: ChangeDetector, name: str | None = None, corners: CornersIn | None = None) -> None:
        """`detector` sees every frame, and so knows the noise."""
        self.name, self._corners_in, self._detector = name, corners, detector
        self.window: Box = (0, 0, 1, 1)
        """The field and its surroundings, in pixels of the frame at half size; valid once `is_due` was called."""
        self._size = (0, 0)
        self._due_at = 0.0

    def make_due(self) -> None:
        """Have the field cut out of the next frame, changed or not."""
        self._due_at = 0.0

    def is_due(self, frame: Frame) -> bool:
        """Whether the field must be cut out even if it has not changed. Call it first for each frame."""
        height, width = frame.pixels.shape
        if self._size != (width, height):
            self._begin(width, height)
        return self._last is None or frame.mono >= self._due_at

    def is_undecided(self, undecided: Collection[str]) -> bool:
        """Whether the field's name is in `undecided`; for the whole frame, whether anything is."""
        return self.name in undecided if self.name else bool(undecided)

    def _begin(self, width: int, height: int) -> None:
        """Forget everything; from now on frames have this size."""
        self._size = (width, height)
        even = (width // 2 * 2, height // 2 * 2)
        everything = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        self._corners = self._corners_in(width, height) if self._corners_in else everything
        if (self._corners < -1).any() or (self._corners > np.array(self._size) + 1).any():
            log.warning(
                "field %s: its region reaches beyond the frame of %d x %d px; check `region`", self.name, width, height
            )
        side = perspective.shorter_side(self._corners)
        self._max_shift = FOLLOW * side / 2
        self.window = halved(perspective.bounds(self._corners, side, even))
        self._core = halved(perspective.bounds(self._corners, MARGIN * side, even))
        self._last: Grey | None = None  # the window when the field was cut out last
        self._last_shift = NO_SHIFT
        self._due_at = 0.0
        self._forget_appearance()

    def _forget_appearance(self) -> None:
        """Start without references, and without a shift: the field is where it was configured."""
        self._shift = NO_SHIFT
        self._tracker = ShiftTracker(FIELD_CORRELATION, as_a_whole=False)
        self._camera_origin: Shift | None = None  # the camera's shift when the field had none
        self._candidate: quality.Appearance | None = None  # the last readable appearance, until it is accepted
        self._similar: quality.Appearance | None = None  # the accepted appearance that it resembles
        self._scenes: list[quality.Appearance] = []  # accepted appearances, the newest first
        self._unreadable: tuple[Status, float] | None = None  # why it cannot be read, and since when
        self._moved = False

    def has_changed(self, small: Grey, mask: Grey | None) -> bool:
        """Whether the field shows something else than when it was cut out last; small shifts are followed.

        `mask` is where the frame has changed at all (ChangeDetector.changed_mask); None: nowhere.
        """
        if self._last is None or mask is None:
            return False
        if cv2.countNonZero(self._inner(self._part(mask), self._shift)) < change.MIN_CHANGED // 2:
            return False
        now = self._part(small)
        if not self._differs(now, self._last):
            return False
        step = estimate_shift(now, self._last, self._detector.noise)
        if step is None or max(map(abs, step)) > max(JITTER, self._max_shift / 2 if self._corners_in else 0):
            return True
        self._shift = add(self._last_shift, step)
        return self._differs(now, translate(self._last, *step))

    def cut(self, frame: Frame, small: Grey, camera: Shift | None) -> Patch:
        """The field as it is in this frame, upright, with the status that says whether it can be read.

        `camera` is how far the whole picture has shifted; None: unknown.
        """
        now = self._part(small)
        status = self._assess(now, small, frame.mono, camera)
        self._last, self._last_shift, self._due_at = now, self._shift, frame.mono + MAX_AGE
        if self._corners_in is None:
            return Patch(None, frame, frame.pixels, np.eye(3), status)
        points = self._corners + 2 * np.array(self._shift, np.float32)
        return Patch(self.name, frame, *perspective.cut(frame.pixels, points), status)

    def accept_reference(self) -> None:
        """Take the last readable appearance as a reference: the field's value has been decided on it."""
        if self._candidate is not None:
            others = [scene for scene in self._scenes if scene is not self._similar]
            self._similar = self._candidate.after(self._similar)
            self._scenes, self._candidate = [self._similar, *others][:SCENES], None

    def _assess(self, now: Grey, small: Grey, mono: float, camera: Shift | None) -> Status:
        light = quality.assess_light(quality.measure_light(now), None)
        if self._corners_in is None or light is not Status.OK:
            self._unreadable = None
            return light
        if self._is_persistent(mono) and self._unreadable and self._unreadable[0] not in HIDDEN:
            self._forget_appearance()
        has_moved = self._has_moved(now, camera)
        appearance = quality.measure(self._inner(now, self._shift), quality.exposure(small))
        status = self._compare(appearance)
        if has_moved and status not in (Status.TOO_DARK, Status.TOO_BRIGHT):
            status = Status.CAMERA_MOVED
        if self._is_persistent(mono) and status in HIDDEN and quality.is_unobstructed(appearance, self._scenes[0]):
            status, self._similar = Status.OK, appearance
            self._scenes = [appearance, *self._scenes][:SCENES]
        if status is Status.OK:
            self._candidate, self._unreadable = appearance, None
            self._tracker.accept(now, mono)
        else:
            self._candidate = None
            if self._unreadable is None or self._unreadable[0] is not status:
                self._unreadable = status, mono
        return status

    def _is_persistent(self, mono: float) -> bool:
        """Whether the field cannot be read, for one and the same reason, since ACCEPT_AFTER seconds."""
        return self._unreadable is not None and mono - self._unreadable[1] > ACCEPT_AFTER

    def _compare(self, appearance: quality.Appearance) -> Status:
        """The status against the accepted appearance that it resembles, else against the newest one."""
        if not self._scenes:
            self._similar = None
            return quality.assess(appearance, None)
        statuses = [quality.assess(appearance, scene) for scene in self._scenes]
        best = statuses.index(Status.OK) if Status.OK in statuses else 0
        self._similar = self._scenes[best]
        return statuses[best]

    def _has_moved(self, now: Grey, camera: Shift | None) -> bool:
        """Whether the camera has moved too far for the field to be followed; smaller shifts are followed.

        The field's own shift goes before the shift of the whole picture: the paper may slip under the camera.
        Where neither is known the field stays where it was.
        """
        own = self._tracker.measure(now, self._detector.noise)
        self._camera_origin = self._camera_origin or camera
        if own is not None and not self._is_too_far(own):
            self._shift, self._moved = own, False
        elif camera is not None and self._camera_origin is not None:
            shift = camera[0] - self._camera_origin[0], camera[1] - self._camera_origin[1]
            self._moved = self._is_too_far(shift)
            self._shift = self._shift if self._moved else shift
        return self._moved

    def _is_too_far(self, shift: Shift) -> bool:
        return max(map(abs, shift)) > self._max_shift

    def _differs(self, now: Grey, then: Grey) -> bool:
        inner_now, inner_then = self._inner(now, self._shift), self._inner(then, self._shift)
        return change.differs(inner_now, inner_then, self._detector.noise)

    def _part(self, small: Grey) -> Grey:
        """The window: the field and its surroundings."""
        x, y, w, h = self.window
        return small[y : y + h, x : x + w]

    def _inner(self, part: Grey, shift: Shift) -> Grey:
        """The field with MARGIN, cut from the window at its shifted position; always of the same size."""
        x, y, w, h = self._core
        left = min(max(0, x - self.window[0] + round(shift[0])), part.shape[1] - w)
        top = min(max(0, y - self.window[1] + round(shift[1])), part.shape[0] - h)
        return part[top : top + h, left : left + w]


def halved(box: Box) -> Box:
    """A box of the frame as a box of the frame at half size; at least one pixel is left."""
    x, y, w, h = box
    return x // 2, y // 2, max(1, w // 2), max(1, h // 2)

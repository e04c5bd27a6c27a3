"""One field over time: where it is now, whether it has changed, and whether it can be read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import cv2
import numpy as np

from edge_daemon.domain import Box, Frame, Grey, Patch, Status
from edge_daemon.fields import change, perspective, quality
from edge_daemon.fields.registration import Anchor, Shift, added, drift, shifted

log = logging.getLogger(__name__)

AGAIN = 60.0
"""Seconds after which an unchanged field is looked at all the same."""
ACCEPT = 300.0
"""Seconds after which a scene that cannot be read because it is not what it was is taken as it is: where the camera has
moved or the lens is soft; where paper is too bright or too dark only if nothing seems to be hidden."""
HIDDEN = (Status.OBSTRUCTED, Status.GLARE)
SCENES = 3
"""Of so many it is remembered how they looked: what was accepted once is known when it is back."""
FOLLOW = 0.3
"""A field follows what shifts by up to this share of its shorter side; what shifts further has moved."""
TREMBLE = 1.5
"""Pixels (at half size) by which any picture may shift without being looked at anew."""
SAME = 0.8
"""How alike a field must look to itself for its own shift to be believed: rewritten digits are alike by chance."""
MARGIN = 0.15
"""Of its shorter side, around a field: what comes in there is a hand on its way to the field."""
NOWHERE: Shift = (0.0, 0.0)

Place = Callable[[int, int], perspective.Corners]
"""Width and height of the frame -> the field's corners."""


class Lookout:
    """Keeps what a field looked like. Pictures given to it are the frame at half size, shifts are in its pixels, and
    `noise` is that of the difference of two of them.

    Without a `place` the field is the whole frame: it has no surroundings, and nothing to be judged against.
    """

    def __init__(self, name: str | None = None, place: Place | None = None) -> None:
        self.name, self._place = name, place
        self.window: Box = (0, 0, 1, 1)
        """The field and its surroundings, in pixels of the frame at half size; known once `is_due` was asked."""
        self._size = (0, 0)
        self._due = 0.0

    def look_again(self) -> None:
        """It is due with the next frame."""
        self._due = 0.0

    def is_due(self, frame: Frame) -> bool:
        """Whether it must be looked at even if it has not changed. To be asked first of every frame."""
        height, width = frame.pixels.shape
        if self._size != (width, height):
            self._begin(width, height)
        return self._last is None or frame.mono >= self._due

    def is_in(self, undecided: Collection[str]) -> bool:
        """Whether it is among the `undecided`; the whole frame is while anything at all is."""
        return self.name in undecided if self.name else bool(undecided)

    def _begin(self, width: int, height: int) -> None:
        """For frames of this size, anew."""
        self._size = (width, height)
        even = (width // 2 * 2, height // 2 * 2)
        everything = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        self._corners = self._place(width, height) if self._place else everything
        if (self._corners < -1).any() or (self._corners > np.array(self._size) + 1).any():
            log.warning("%s: its region reaches out of the picture of %d x %d; is it right?", self.name, width, height)
        side = perspective.shorter_side(self._corners)
        self._furthest = FOLLOW * side / 2
        self.window = halved(perspective.bounds(self._corners, side, even))
        self._core = halved(perspective.bounds(self._corners, MARGIN * side, even))
        self._last: Grey | None = None  # field and surroundings when they were looked at last
        self._last_shift = NOWHERE
        self._due = 0.0
        self._forget()

    def _forget(self) -> None:
        """What it ought to look like, and how far it has shifted: it is where it was configured."""
        self._shift = NOWHERE
        self._anchor = Anchor(SAME, together=False)
        self._camera: Shift | None = None  # how far the camera had shifted when the field had not
        self._sight: quality.Sight | None = None  # as it was looked at last, if it could be read
        self._like: quality.Sight | None = None  # the scene that this resembles
        self._scenes: list[quality.Sight] = []  # as it was when its number was decided, the newest first
        self._bad: tuple[Status, float] | None = None  # why it cannot be read, and since when
        self._moved = False

    def has_changed(self, small: Grey, strikes: Grey | None, noise: float) -> bool:
        """Whether it shows something else than when it was looked at last; what only shifts a little is followed.

        `strikes` is where the picture has moved at all, as the glance says; None: nowhere.
        """
        if self._last is None or strikes is None:
            return False
        if cv2.countNonZero(self._inner(self._part(strikes), self._shift)) < change.FEW // 2:
            return False
        now = self._part(small)
        if not self._differs(now, self._last, noise):
            return False
        step = drift(now, self._last, noise)
        if step is None or max(map(abs, step)) > max(TREMBLE, self._furthest / 2 if self._place else 0):
            return True
        self._shift = added(self._last_shift, step)
        return self._differs(now, shifted(self._last, *step), noise)

    def look(self, frame: Frame, small: Grey, noise: float, camera: Shift | None) -> Patch:
        """What it looks like now, upright, and whether it can be read.

        `camera` is how far the whole picture has shifted, where that can be told.
        """
        now = self._part(small)
        status = self._judge(now, small, noise, frame.mono, camera)
        self._last, self._last_shift, self._due = now, self._shift, frame.mono + AGAIN
        if self._place is None:
            return Patch(None, frame, frame.pixels, np.eye(3), status)
        points = self._corners + 2 * np.array(self._shift, np.float32)
        return Patch(self.name, frame, *perspective.cut(frame.pixels, points), status)

    def trust(self) -> None:
        """What was looked at last stands fast by now: so the field looks when it is read."""
        if self._sight is not None:
            others = [scene for scene in self._scenes if scene is not self._like]
            self._like = self._sight.after(self._like)
            self._scenes, self._sight = [self._like, *others][:SCENES], None

    def _judge(self, now: Grey, small: Grey, noise: float, mono: float, camera: Shift | None) -> Status:
        light = quality.judge_light(quality.light_of(now), None)
        if self._place is None or light is not Status.OK:
            self._bad = None
            return light
        if self._is_old_enough(mono) and self._bad and self._bad[0] not in HIDDEN:
            self._forget()
        has_moved = self._has_moved(now, noise, camera)
        sight = quality.sight(self._inner(now, self._shift), quality.exposure(small))
        status = self._compare(sight)
        if has_moved and status not in (Status.TOO_DARK, Status.TOO_BRIGHT):
            status = Status.CAMERA_MOVED
        if self._is_old_enough(mono) and status in HIDDEN and quality.hides_nothing(sight, self._scenes[0]):
            status, self._like = Status.OK, sight
            self._scenes = [sight, *self._scenes][:SCENES]
        if status is Status.OK:
            self._sight, self._bad = sight, None
            self._anchor.rest(now, mono)
        else:
            self._sight = None
            self._bad = (status, mono) if self._bad is None or self._bad[0] is not status else self._bad
        return status

    def _is_old_enough(self, mono: float) -> bool:
        """Whether it cannot be read, for one and the same reason, for so long that it may be taken as it is."""
        return self._bad is not None and mono - self._bad[1] > ACCEPT

    def _compare(self, sight: quality.Sight) -> Status:
        """What the scene that it resembles says, else the newest one."""
        if not self._scenes:
            self._like = None
            return quality.judge(sight, None)
        statuses = [quality.judge(sight, scene) for scene in self._scenes]
        best = statuses.index(Status.OK) if Status.OK in statuses else 0
        self._like = self._scenes[best]
        return statuses[best]

    def _has_moved(self, now: Grey, noise: float, camera: Shift | None) -> bool:
        """Whether the camera has moved too far for the field to be followed; it follows what is less.

        What the field itself tells goes before what the whole picture tells: the paper may shift under the camera.
        Where neither tells anything it is as it was.
        """
        own = self._anchor.measure(now, noise)
        self._camera = self._camera or camera
        if own is not None and not self._is_far(own):
            self._shift, self._moved = own, False
        elif camera is not None and self._camera is not None:
            shift = camera[0] - self._camera[0], camera[1] - self._camera[1]
            self._moved = self._is_far(shift)
            self._shift = self._shift if self._moved else shift
        return self._moved

    def _is_far(self, shift: Shift) -> bool:
        return max(map(abs, shift)) > self._furthest

    def _differs(self, now: Grey, then: Grey, noise: float) -> bool:
        return change.differs(self._inner(now, self._shift), self._inner(then, self._shift), noise)

    def _part(self, small: Grey) -> Grey:
        """The field and its surroundings."""
        x, y, w, h = self.window
        return small[y : y + h, x : x + w]

    def _inner(self, part: Grey, shift: Shift) -> Grey:
        """Of `_part` the field itself with a narrow margin, where it has shifted to; always of the same size."""
        x, y, w, h = self._core
        left = min(max(0, x - self.window[0] + round(shift[0])), part.shape[1] - w)
        top = min(max(0, y - self.window[1] + round(shift[1])), part.shape[0] - h)
        return part[top : top + h, left : left + w]


def halved(box: Box) -> Box:
    """A box of the frame as one of the frame at half size, which may be a pixel short; at least one pixel is left."""
    x, y, w, h = box
    return x // 2, y // 2, max(1, w // 2), max(1, h // 2)

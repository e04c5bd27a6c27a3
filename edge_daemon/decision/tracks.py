"""Numbers of the whole frame, followed as they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_daemon.decision.evidence import Opinion, Views
from edge_daemon.decision.field_state import Ballot
from edge_daemon.domain import Box, Frame, Grey, Number, Status
from edge_daemon.fields import quality
from edge_daemon.geometry import overlap
from edge_daemon.images import crop_around, half_size

LIMIT = 16
"""So many are named and published at once."""
SETTLE = 1.0
"""Seconds of agreement before a number is said."""
PIECES = 0.6
"""Heights between two numbers of a line below which they are pieces of one, and what stood between was not read. What
are two numbers stands further apart (segment.JOIN_GAP)."""
COVERED = 1.4
"""Where a part of a number's place has become so many times darker or brighter than its rest, something lies there."""
NARROWER = 0.9
"""Of its breadth, below which a number may be the rest of the one that was read there."""
LEAVES = 3.0
"""Seconds out of sight after which a named number is gone."""


@dataclass(slots=True, eq=False)
class Track:
    """One number, and where it was seen last."""

    box: Box
    seen: float
    ballot: Ballot
    name: str | None = None
    views: Views = field(default_factory=Views)
    _whole: tuple[Box, NDArray[np.float32]] | None = None
    """Where, and before which background, the accepted text was read last."""

    def remember(self, frame: Grey, number: Number) -> None:
        """To be called with what is read."""
        accepted = self.ballot.accepted
        if accepted and number.text == accepted.text:
            self._whole = number.box, paper_at(frame, number.box)

    def is_rest(self, frame: Grey, number: Number) -> bool:
        """Whether this is what a hand has left of the number that was read here. Of one that was wiped in part the
        background is as it was."""
        if self._whole is None:
            return False
        box, then = self._whole
        if number.box[2] > NARROWER * box[2] or not overlap(number.box, box):
            return False
        now = paper_at(frame, box)
        # not where a frame has another size, nor where a hand that was there before has gone
        if now.shape != then.shape or quality.unevenness(now) <= quality.unevenness(then):
            return False
        light = now / then
        return float(np.percentile(light, 95) / np.percentile(light, 5)) > COVERED


class Tracks:
    """All numbers in view; the named ones are auto-1 ... auto-16."""

    def __init__(self) -> None:
        self.all: list[Track] = []

    def follow(self, frame: Frame, numbers: Sequence[Number]) -> None:
        """Give each number (boxes in pixels of the frame) to the track it continues, or to a new one.

        Not to be seen is an opinion as well: what comes and goes is not agreed on.
        """
        rests = {(i, j) for i, t in enumerate(self.all) for j, n in enumerate(numbers) if t.is_rest(frame.pixels, n)}
        pairs = sorted(
            (0.0 if (i, j) in rests else distance(track.box, number.box), i, j)
            for i, track in enumerate(self.all)
            for j, number in enumerate(numbers)
        )
        homes: dict[int, Track] = {}
        taken: set[int] = set()
        for cost, i, j in pairs:
            if cost < 1.0 and i not in taken and j not in homes:
                taken.add(i)
                homes[j] = self.all[i]
        for j, number in enumerate(numbers):
            track = homes.get(j)
            if track is None:
                track = Track(number.box, frame.mono, Ballot(SETTLE))
                self.all.append(track)
            is_rest = (self.all.index(track), j) in rests
            track.box, track.seen = track.box if is_rest else number.box, frame.mono
            view = track.views.number_in(frame.pixels, number.box)
            whole = not any(are_pieces(number.box, other.box) for other in numbers if other is not number)
            status = Status.OK if whole and not is_rest else Status.LOW_CONFIDENCE
            track.ballot.add(Opinion(frame.mono, frame.at, status, number.candidates, number.digits, view))
            track.remember(frame.pixels, number)
        for track in self.all:
            if track.seen < frame.mono:
                track.ballot.add(Opinion(frame.mono, frame.at, Status.NO_DIGITS, view=track.views.count))

    def wait(self, mono: float) -> None:
        """Nothing can be seen: numbers have not left because of that."""
        for track in self.all:
            track.seen = mono

    def name_decided(self) -> None:
        """A number that is decided gets the first free name, while there is one."""
        for track in self.all:
            if track.name is None and track.ballot.is_ok:
                used = {other.name for other in self.all}
                names = (f"auto-{n + 1}" for n in range(LIMIT))
                track.name = next((name for name in names if name not in used), None)

    def leave(self, mono: float) -> list[Track]:
        """Forget, and return, those that have been out of sight for too long."""
        lost = [t for t in self.all if mono - t.seen > (LEAVES if t.name else SETTLE)]
        self.all = [t for t in self.all if t not in lost]
        return lost


def paper_at(frame: Grey, box: Box) -> NDArray[np.float32]:
    """The background of a box and its surroundings, without what is written there; never quite 0."""
    return quality.estimate_paper(half_size(crop_around(frame, box))).astype(np.float32) + 8


def distance(a: Box, b: Box) -> float:
    """Between the centres of two boxes, in heights of the taller; infinite when their heights are not alike."""
    taller = max(a[3], b[3])
    if min(a[3], b[3]) < 0.5 * taller:
        return float("inf")
    across = (a[0] + a[2] / 2) - (b[0] + b[2] / 2)
    down = (a[1] + a[3] / 2) - (b[1] + b[3] / 2)
    return float(np.hypot(across, down)) / taller


def are_pieces(a: Box, b: Box) -> bool:
    """Whether two boxes stand so close side by side on a line that they belong to one number."""
    shorter, taller = sorted((a, b), key=lambda box: box[3])
    level = taller[1] < shorter[1] + shorter[3] / 2 < taller[1] + taller[3]
    gap = max(a[0], b[0]) - min(a[0] + a[2], b[0] + b[2])
    return level and shorter[3] > 0.3 * taller[3] and gap < PIECES * taller[3]

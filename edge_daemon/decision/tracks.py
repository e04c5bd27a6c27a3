"""Numbers of the whole frame, tracked as they move."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_daemon.decision.evidence import Observation, ViewCounter
from edge_daemon.decision.field_state import FieldState
from edge_daemon.decision.rules import FieldOptions
from edge_daemon.domain import Box, Frame, Grey, Number, Status
from edge_daemon.fields import quality
from edge_daemon.geometry import overlap
from edge_daemon.images import crop_around, half_size

LIMIT = 16
"""The most numbers that are named and published at once."""
SETTLE = 1.0
"""Seconds of agreement before a number is published."""
PIECES = 0.6
"""A gap between two numbers of a line, in heights: with a smaller one they are pieces of one number, and what stood
between was not read. Two separate numbers stand further apart (text_lines.JOIN_GAP)."""
COVERED = 1.4
"""A brightness ratio: if a part of a number's place has changed by more than its rest, something covers it."""
NARROWER = 0.9
"""A share of the width: a narrower number may be the rest of the one that was read there."""
GONE_AFTER = 3.0
"""Seconds out of view after which a named number is gone."""
OPTIONS = FieldOptions("auto", (0.0, 0.0, 1.0, 1.0), settle=SETTLE)
"""Every tracked number is decided on like a field with these options."""


@dataclass(slots=True, eq=False)
class Track:
    """One number, and where it was last in view."""

    box: Box
    seen: float
    """Monotonic time when it was in view last."""
    state: FieldState
    name: str | None = None
    views: ViewCounter = field(default_factory=ViewCounter)
    _whole: tuple[Box, NDArray[np.float32]] | None = None
    """Box and background of the accepted text when it was read last."""

    def observe(self, frame: Frame, number: Number, is_rest: bool, is_piece: bool) -> None:
        """Take the number, boxes in pixels of the frame. As a rest or a piece of one it counts as low_confidence."""
        self.box, self.seen = self.box if is_rest else number.box, frame.mono
        view = self.views.number_in(frame.pixels, number.box)
        status = Status.LOW_CONFIDENCE if is_rest or is_piece else Status.CUT_OFF if number.cut_off else Status.OK
        self.state.add(Observation(frame.mono, frame.at, status, number.candidates, number.digits, view))
        accepted = self.state.accepted
        if accepted and number.text == accepted.text:
            self._whole = number.box, paper_at(frame.pixels, number.box)

    def observe_nothing(self, frame: Frame) -> None:
        """The number is out of view. That is an observation too: frames do not agree on what comes and goes."""
        self.state.add(Observation(frame.mono, frame.at, Status.NO_DIGITS, view=self.views.count))

    def is_rest(self, frame: Grey, number: Number) -> bool:
        """Whether this is the part of the tracked number that a hand leaves in view. If a part was wiped instead, the
        background has not changed."""
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
        """Give each number (boxes in pixels of the frame) to the track that it continues, or to a new one."""
        rests = {(i, j) for i, t in enumerate(self.all) for j, n in enumerate(numbers) if t.is_rest(frame.pixels, n)}
        homes = self._homes(numbers, rests)
        for j, number in enumerate(numbers):
            if j not in homes:
                homes[j] = len(self.all)
                self.all.append(Track(number.box, frame.mono, FieldState(OPTIONS)))
            is_piece = any(are_pieces(number.box, other.box) for other in numbers if other is not number)
            self.all[homes[j]].observe(frame, number, (homes[j], j) in rests, is_piece)
        for track in self.all:
            if track.seen < frame.mono:
                track.observe_nothing(frame)

    def _homes(self, numbers: Sequence[Number], rests: Collection[tuple[int, int]]) -> dict[int, int]:
        """Index of a number -> index of the track that it continues: the closest pairs first, those in `rests` before
        all others."""
        pairs = sorted(
            (0.0 if (i, j) in rests else distance(track.box, number.box), i, j)
            for i, track in enumerate(self.all)
            for j, number in enumerate(numbers)
        )
        homes: dict[int, int] = {}
        for cost, i, j in pairs:
            if cost < 1.0 and i not in homes.values() and j not in homes:
                homes[j] = i
        return homes

    def wait(self, mono: float) -> None:
        """The frame could not be read: numbers are not gone because of that."""
        for track in self.all:
            track.seen = mono

    def name_decided(self) -> None:
        """Give each number that frames agree on the first free name, while there is one."""
        for track in self.all:
            if track.name is None and track.state.is_ok:
                used = {other.name for other in self.all}
                names = (f"auto-{n + 1}" for n in range(LIMIT))
                track.name = next((name for name in names if name not in used), None)

    def leave(self, mono: float) -> list[Track]:
        """Remove, and return, the tracks that have been out of view for too long."""
        lost = [t for t in self.all if mono - t.seen > (GONE_AFTER if t.name else SETTLE)]
        self.all = [t for t in self.all if t not in lost]
        return lost


def paper_at(frame: Grey, box: Box) -> NDArray[np.float32]:
    """The background of a box and its surroundings, without the ink: at least 8, so that it can be a divisor."""
    return quality.estimate_paper(half_size(crop_around(frame, box))).astype(np.float32) + 8


def distance(a: Box, b: Box) -> float:
    """The distance of the centres of two boxes, in heights of the taller one; infinite if their heights differ much."""
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

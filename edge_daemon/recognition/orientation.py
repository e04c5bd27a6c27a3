"""Which way up a frame without fields stands: found out from the numbers read in each of its four orientations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_daemon.domain import Number
from edge_daemon.geometry import map_boxes, unrotate_box

SIDEWAYS_DIGITS = "2345679"
"""Digits that are none after a quarter turn; 0 and 8 stay what they are, and any bar may be a 1."""
UPSIDE_DOWN_DIGITS = "347"
"""Digits that are none after half a turn: a 2 stays a 2, a 6 becomes a 9."""
SIDEWAYS_MARGIN = 1.0
"""Certain digits by which a quarter turn must be better than the present orientation."""
UPSIDE_DOWN_MARGIN = 3.0
"""The same for half a turn: fewer digits decide, and more of them read both ways."""
EVIDENCE_RATIO = 1.25
"""Ratio by which the evidence for another orientation must exceed the evidence for the present one."""
MEAN_CERTAINTY = 0.7
"""Mean certainty of its digits, 0..1, from which a frame counts as upright."""
MIN_READ = 0.03
"""Share of all pieces of ink that must pass the sieve before other orientations are tried. Of photographed writing,
turned, one in fifteen does at least, mostly half of them; of many pictures of other things, one in fifty."""
CHECK_EVERY = 10.0
"""Seconds of frames' monotonic time between two checks of a frame that reads badly."""
CHECK_SIDE = 640
"""Pixels on the longer side of the picture that is checked: it only has to show which way is up."""


@dataclass(slots=True)
class Orientation:
    """The present orientation, and when it was last checked."""

    check_every: float = CHECK_EVERY
    """Seconds between two checks."""
    turn: int = 0
    """Quarter turns to the left that a frame needs to be upright, 0..3."""
    next_check: float = 0.0
    """Monotonic time in seconds before which nothing is checked."""

    def must_check(self, mono: float, numbers: Sequence[Number], read: int, found: int) -> bool:
        """Whether a frame reads so badly that the other orientations must be tried; at most once per `check_every`.

        `read` of its `found` pieces of ink passed the sieve, and `numbers` were read.
        """
        if mono < self.next_check or read <= MIN_READ * found or reads_well(numbers, read):
            return False
        self.next_check = mono + self.check_every
        return True

    def update(self, numbers: Sequence[Number], others: Mapping[int, Sequence[Number]]) -> bool:
        """Turn to the orientation with clearly better numbers, if there is one. Returns whether the frame is turned.

        `numbers` were read in the present orientation, `others` after 1, 2 or 3 further quarter turns to the left.
        """
        gains = {turn: gain(numbers, found, turn) for turn, found in others.items()}
        best = max(gains, key=lambda turn: gains[turn])
        if gains[best] <= 0:
            return False
        self.turn = (self.turn + best) % 4
        return True


def reads_well(numbers: Sequence[Number], pieces: int) -> bool:
    """Whether most of the ink was read, with certainty; also when there is no ink."""
    digits = sum(len(number.text) for number in numbers)
    certain = sum(certainty(number) * len(number.text) for number in numbers)
    return digits >= 0.5 * pieces and certain >= MEAN_CERTAINTY * digits


def certainty(number: Number) -> float:
    """0 at a confidence of 0.5 or less, 1 at a confidence of 1."""
    return max(0.0, 2 * number.confidence - 1)


def gain(present: Sequence[Number], other: Sequence[Number], turn: int) -> float:
    """How much more evidence there is after `turn` quarter turns than is needed to turn; in certain digits."""
    digits, margin = (UPSIDE_DOWN_DIGITS, UPSIDE_DOWN_MARGIN) if turn == 2 else (SIDEWAYS_DIGITS, SIDEWAYS_MARGIN)
    return evidence(other, digits) - EVIDENCE_RATIO * evidence(present, digits) - margin


def evidence(numbers: Sequence[Number], digits: str) -> float:
    """The sum of the certainties of all digits that are in `digits`."""
    return sum(certainty(number) * sum(digit in digits for digit in number.text) for number in numbers)


def unrotate_number(number: Number, shape: tuple[int, ...], turn: int) -> Number:
    """A number in a picture after `turn` quarter turns to the left, as in the picture of `shape` (height, width)."""
    if not turn:
        return number
    return map_boxes(number, lambda box: unrotate_box(box, shape, turn))

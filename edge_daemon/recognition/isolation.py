"""What the numbers of one frame say of each other: writing comes in company.

Any texture holds something that looks a little like a digit, once; where people write, some digit can be read beyond
doubt, and the others are about as tall. So a frame is searched for writing as a whole before its numbers are believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edge_daemon.domain import Number

BEYOND_DOUBT = 0.9
"""A digit this sure is writing. (Chosen on photos; so are the two below.)"""
LARGE = 0.25
"""Of the frame's height: what is taller than this is what the camera was pointed at, and needs no company."""
SMALL = 0.6
"""Of the height of the sure ones: what is smaller and not beyond doubt is a piece, a stain or a bit of a letter."""


def credible(numbers: Sequence[Number], height: int, beside: Sequence[Number] = ()) -> list[Number]:
    """Those of `numbers` that fit together as writing in a frame of `height` px; `beside`: other opinions on them, of
    which some may be surer."""
    sure = [number.box[3] for number in (*numbers, *beside) if of_a_digit(number) >= BEYOND_DOUBT]
    if not sure:
        return [number for number in numbers if number.box[3] > LARGE * height]
    least = SMALL * median(sure)
    return [number for number in numbers if number.box[3] >= least or of_a_digit(number) >= BEYOND_DOUBT]


def of_a_digit(number: Number) -> float:
    """The confidence of one digit of a number, on average: long numbers are not doubtful for being long."""
    return float(number.confidence ** (1 / len(number.text)))

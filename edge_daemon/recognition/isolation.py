"""Drops isolated digits: writing seldom consists of one uncertain digit.

Any texture has some part that resembles a digit; where people write, some digit can be read with
certainty, and the others are about as tall. So the numbers of a frame without fields are judged together.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edge_daemon.domain import Number

CERTAIN = 0.9
"""Confidence per digit from which a number is writing. (From photos; so are the next two.)"""
LARGE = 0.25
"""Share of the frame's height: a taller number is what the camera was pointed at, and is kept alone."""
SMALL = 0.6
"""Share of the median height of the certain numbers: a smaller uncertain one is a piece, a stain, part of a letter."""


def drop_isolated_digits(numbers: Sequence[Number], height: int, others: Sequence[Number] = ()) -> list[Number]:
    """Those of `numbers` that fit together as writing in a frame of `height` px.

    `others` are the same numbers with other scores: a digit that is certain in either counts.
    """
    certain = [number.box[3] for number in (*numbers, *others) if digit_confidence(number) >= CERTAIN]
    if not certain:
        return [number for number in numbers if number.box[3] > LARGE * height]
    least = SMALL * median(certain)
    return [number for number in numbers if number.box[3] >= least or digit_confidence(number) >= CERTAIN]


def digit_confidence(number: Number) -> float:
    """The mean confidence of one digit of a number: a long number is not less likely because it is long."""
    return float(number.confidence ** (1 / len(number.text)))

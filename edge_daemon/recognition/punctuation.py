"""Minus signs and decimal points beside digits that were read: small, plain shapes, told by where they stand.

Only asked for where a field's format has them: a dash is a dirt speck to everybody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Grey
from edge_daemon.recognition.ink import contrast, threshold

DASH_WIDE, DASH_FLAT, DASH_NEAR = (0.2, 1.2), 0.5, 1.0
"""A minus is so wide, in heights of the digits; at most so high, in its own widths; so near to the first digit."""
DASH_LEVEL = (0.25, 0.8)
"""Where the middle of a minus is, from the top of the first digit (0) to its foot (1)."""
DOT = (0.06, 0.45)
"""How large a point is, in heights of the digits; a comma is no larger."""
DOT_LEVEL = (0.7, 1.35)
"""Where its middle is, on the same scale."""
DARK = 0.5
"""Of the digits' darkness: what is fainter was not written with them."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands beside and between the digits of one number."""

    minus: bool = False
    points: tuple[int, ...] = ()
    """For each point or comma how many digits stand left of it."""


def marks(picture: Grey, digits: Sequence[Box]) -> Marks:
    """The marks of a number in `picture` (h, w), its digits' boxes left to right."""
    if not digits:
        return Marks()
    ink = contrast(picture)
    pieces = Pieces.of(ink)
    height = float(np.median([h for _, _, _, h in digits]))
    dark = DARK * float(np.median([ink[y : y + h, x : x + w].max(initial=0) for x, y, w, h in digits]))
    written = pieces.peak > dark
    return Marks(
        bool((written & pieces.are_dashes(digits[0], height)).any()),
        tuple(i for i, pair in enumerate(pairwise(digits), 1) if (written & pieces.are_dots(*pair, height)).any()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Connected pieces of ink, one in each row: left, top, width, height and darkness."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    w: NDArray[np.float32]
    h: NDArray[np.float32]
    peak: NDArray[np.float32]

    @classmethod
    def of(cls, ink: Grey) -> Pieces:
        binary = cv2.compare(ink, threshold(ink), cv2.CMP_GT).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8, ltype=cv2.CV_32S)
        peak = np.zeros(count, np.float32)
        np.maximum.at(peak, labels.ravel().astype(np.intp), ink.ravel())
        x, y, w, h = stats[1:, :4].astype(np.float32).T
        return cls(x, y, w, h, peak[1:])

    def are_dashes(self, first: Box, height: float) -> NDArray[np.bool_]:
        """Which are a minus before the digit `first`; what the picture's edge cuts off is none."""
        left, top, _, tall = first
        level = (self.y + self.h / 2 - top) / tall
        gap = left - (self.x + self.w)
        shape = between(self.w / height, DASH_WIDE) & (self.h <= DASH_FLAT * self.w) & (self.x > 0)
        return shape & between(level, DASH_LEVEL) & between(gap / height, (-0.1, DASH_NEAR))

    def are_dots(self, a: Box, b: Box, height: float) -> NDArray[np.bool_]:
        """Which are a point or a comma between two neighbours."""
        top, foot = (a[1] + b[1]) / 2, (a[1] + a[3] + b[1] + b[3]) / 2
        level = (self.y + self.h / 2 - top) / (foot - top)
        middle = self.x + self.w / 2
        inside = (middle > a[0] + 0.6 * a[2]) & (middle < b[0] + 0.4 * b[2])
        return inside & between(level, DOT_LEVEL) & between(np.maximum(self.w, self.h) / height, DOT)


def between(values: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.bool_]:
    return (values >= limits[0]) & (values <= limits[1])

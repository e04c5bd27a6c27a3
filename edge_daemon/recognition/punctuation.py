"""Minus signs and decimal points beside digits: small, plain shapes, recognised by their position.

Only used where a field's format has them: elsewhere a dash is taken for dirt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Grey
from edge_daemon.recognition.ink import threshold

DASH_WIDTH = (0.2, 1.2)
"""Width of a minus, from and to, in heights of the digits."""
DASH_FLATNESS = 0.5
"""Height of a minus, at most, in its own widths."""
DASH_GAP = 1.0
"""Gap between a minus and the first digit, at most, in heights of the digits."""
DASH_LEVEL = (0.25, 0.8)
"""Level of the middle of a minus, from and to: 0 is the top of the first digit, 1 its foot."""
DOT_SIZE = (0.06, 0.45)
"""Longer side of a point or comma, from and to, in heights of the digits."""
DOT_LEVEL = (0.7, 1.35)
"""Level of its middle, as DASH_LEVEL."""
DARK = 0.5
"""Share of the digits' darkness below which ink was not written with them."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The punctuation beside and between the digits of one number."""

    minus: bool = False
    points: tuple[int, ...] = ()
    """For each point or comma the number of digits to its left."""


def find_marks(ink: Grey, digits: Sequence[Box]) -> Marks:
    """The marks of a number in a contrast map (h, w); the boxes of its digits from left to right."""
    if not digits:
        return Marks()
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
    """Connected pieces of ink, one per row: left, top, width, height in pixels, and darkness 0..255."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    w: NDArray[np.float32]
    h: NDArray[np.float32]
    peak: NDArray[np.float32]

    @classmethod
    def of(cls, ink: Grey) -> Pieces:
        """The pieces of a contrast map."""
        binary = cv2.compare(ink, threshold(ink), cv2.CMP_GT).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8, ltype=cv2.CV_32S)
        peak = np.zeros(count, np.float32)
        np.maximum.at(peak, labels.ravel().astype(np.intp), ink.ravel())
        x, y, w, h = stats[1:, :4].astype(np.float32).T
        return cls(x, y, w, h, peak[1:])

    def are_dashes(self, first: Box, height: float) -> NDArray[np.bool_]:
        """Which pieces are a minus before the digit `first`; a piece that the picture's edge cuts off is none."""
        left, top, _, tall = first
        level = (self.y + self.h / 2 - top) / tall
        gap = left - (self.x + self.w)
        shape = between(self.w / height, DASH_WIDTH) & (self.h <= DASH_FLATNESS * self.w) & (self.x > 0)
        return shape & between(level, DASH_LEVEL) & between(gap / height, (-0.1, DASH_GAP))

    def are_dots(self, a: Box, b: Box, height: float) -> NDArray[np.bool_]:
        """Which pieces are a point or a comma between two neighbours."""
        top, foot = (a[1] + b[1]) / 2, (a[1] + a[3] + b[1] + b[3]) / 2
        level = (self.y + self.h / 2 - top) / (foot - top)
        middle = self.x + self.w / 2
        inside = (middle > a[0] + 0.6 * a[2]) & (middle < b[0] + 0.4 * b[2])
        return inside & between(level, DOT_LEVEL) & between(np.maximum(self.w, self.h) / height, DOT_SIZE)


def between(values: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.bool_]:
    """Which values lie within the limits, both included."""
    return (values >= limits[0]) & (values <= limits[1])

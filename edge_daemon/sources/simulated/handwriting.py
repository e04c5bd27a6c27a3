"""Handwriting of our own: digits as strokes, and writers with individual handwriting.

The demo, the simulated camera, the golden images and the tests all write with it; nothing in it was copied
from a data set. Pure: the same seed writes the same strokes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

Stroke = NDArray[np.float32]
"""A polyline, shape (n, 2): x to the right, y down."""

FloatBox = tuple[float, float, float, float]
"""x, y, width, height around the middle line of strokes; the pen adds half its thickness on each side."""

# One string per way to write a digit. Points are x,y in hundredths of the digit's height; a stroke runs
# smoothly through its points, turns sharply at those marked '!', and ends at '/'.
SHAPES: dict[str, tuple[str, ...]] = {
    "0": (
        "32,1 14,14 4,48 12,84 31,99 48,85 57,50 48,14 31,1",
        "36,2 12,16 3,50 14,86 40,99 66,84 74,48 62,14 36,1",
        "40,6 22,2 8,26 5,62 19,95 38,96 53,66 50,25 34,3 24,6",
        "26,0 10,20 5,55 14,90 28,100 40,84 45,48 39,14 25,1",
    ),
    "1": (
        "16,0 15,50 14,100",
        "2,24 25,0! 25,52 24,100",
        "0,40 30,0! 31,50 30,100",
        "4,22 25,0! 26,50 25,99 / 2,99 25,98 48,99",
        "6,15 20,1! 19,50 16,100",
    ),
    "2": (
        "6,22 16,5 34,0 52,11 50,34 30,66 3,97! 32,96 60,97",
        "4,18 20,2 42,3 54,20 46,44 24,74 8,95 1,88 10,80 28,88 44,97 62,92",
        "8,16 26,1 48,8 52,30 34,62 4,96! 22,90 42,98 60,92",
        "4,26 12,6 32,0 48,12 46,38 26,70 2,99! 58,99",
    ),
    "3": (
        "6,12 24,0 46,6 50,24 40,40 22,47! 46,52 58,72 46,94 22,100 2,88",
        "5,3 28,2 52,2! 38,20 24,40! 48,46 58,68 46,93 22,100 2,90",
        "4,16 22,1 46,8 46,30 30,45 20,47 32,47 54,60 55,84 32,100 4,90",
        "8,8 28,0 46,12 42,34 18,46! 48,54 52,80 30,99 0,92",
    ),
    "4": (
        "14,2 10,30 4,58! 32,57 60,56 / 44,24 43,62 42,100",
        "46,0! 24,32 2,66! 32,67 62,66 / 47,0 46,50 45,100",
        "20,0 12,28 6,52 14,60 34,58 58,52 / 50,4 46,52 42,100",
        "40,2! 2,70! 60,68 / 44,40 42,70 42,100",
        "10,4 6,50! 44,52! / 46,0 45,50 44,100",
    ),
    "5": (
        "12,3 9,42! 28,36 50,46 57,70 42,94 20,100 2,92 / 12,3 34,2 56,1",
        "56,2 16,4! 11,44! 34,38 54,52 54,80 34,99 3,95",
        "14,4 12,40! 34,40 52,56 50,82 28,100 2,90 / 14,4 40,6 58,0",
        "52,0 14,2! 8,46! 26,42 48,50 50,76 34,96 4,100",
    ),
    "6": (
        "44,1 22,20 7,54 10,86 30,100 52,86 51,62 32,51 12,64",
        "40,0 20,30 6,66 14,94 34,99 50,82 44,62 26,58 8,76",
        "52,9 36,1 16,18 4,56 12,90 34,100 56,82 48,56 26,54 7,72",
        "30,0 10,36 4,72 16,97 38,97 50,76 38,58 18,62 6,78",
    ),
    "7": (
        "2,4 30,3 58,3! 40,42 24,100",
        "2,3 58,2! 42,40 28,100 / 16,51 34,50 54,48",
        "4,18 5,4! 32,5 60,4! 42,34 32,66 30,100",
        "2,6 28,2 56,4! 30,54 14,100 / 12,48 48,52",
        "0,10 20,2 40,6 58,2! 38,48 26,100",
    ),
    "8": (
        "48,12 30,0 10,12 16,34 40,54 52,78 32,100 8,84 14,60 38,42 52,22 46,8",
        "30,46 12,34 10,14 30,0 48,14 46,34 30,46! 10,58 4,82 28,100 54,84 50,58 30,46",
        "52,8 28,2 10,18 22,38 46,58 50,84 28,100 6,86 16,60 44,36 56,6",
        "30,0 12,10 14,32 36,48 54,70 46,94 22,100 6,82 18,58 42,38 46,14 30,1",
    ),
    "9": (
        "50,12 30,0 8,14 8,40 28,51 46,38 52,10! 51,52 49,100",
        "50,14 30,1 8,16 10,44 32,50 50,30 52,12! 54,54 44,90 22,100 4,90",
        "46,8 22,2 4,24 14,48 36,44 50,10! 42,52 28,100",
        "52,22 38,2 14,6 6,30 20,50 42,42 53,20! 52,60 50,98",
    ),
}

MARKS: dict[str, str] = {".": "0,99 3,100", ",": "6,94 5,102 0,114", "-": "0,52 18,50 36,51"}
"""Marks before and between digits; the same for all writers."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A written number: the path of the pen, without its thickness."""

    text: str
    strokes: tuple[Stroke, ...]
    boxes: tuple[FloatBox, ...]
    """One for each digit, left to right."""


class Writer:
    """A person with individual handwriting.

    The same `seed` is the same person; on another `occasion` the same person writes a little differently. Both are at
    least 0. `shapes` are the ways of writing a digit to choose from. Two writers with the same three write the same.
    """

    def __init__(self, seed: int, occasion: int = 0, shapes: Mapping[str, Sequence[str]] = SHAPES) -> None:
        rng = np.random.default_rng(seed)
        self._rng = np.random.default_rng([seed, occasion])
        self._shapes = shapes
        self._habit = {digit: int(rng.integers(len(ways))) for digit, ways in shapes.items()}
        self._slant = float(np.clip(rng.normal(0.1, 0.14), -0.15, 0.35))
        self._width = rng.uniform(0.82, 1.25)
        self._jitter = rng.uniform(0.008, 0.024)
        self._tilt = np.radians(rng.uniform(0.5, 3.0))
        self._wander = rng.uniform(0.005, 0.035)
        self._gap = rng.uniform(0.1, 0.3)
        self.thickness = float(rng.uniform(0.05, 0.13))
        """Thickness of the pen, as a share of the height of a digit."""

    def digit(self, char: str) -> list[Stroke]:
        """One digit as strokes, about 1 high, its baseline at y = 1 and its left edge at x = 0.

        Raises KeyError when `char` is not one of 0 to 9.
        """
        return [_shear(stroke, self._slant) for stroke in self._upright(char)]

    def number(self, text: str, height: float = 1.0) -> Written:
        """Digits side by side, about `height` high, the top left corner of all at (0, 0); none touch.

        Raises KeyError when `text` holds anything but 0 to 9 and MARKS.
        """
        digits: list[list[Stroke]] = []
        x = 0.0
        for char in text:
            strokes = [self._stroke(MARKS[char]).astype(np.float32)] if char in MARKS else self._upright(char)
            start = np.array([x, self._rng.normal(0, self._wander)], np.float32)
            digits.append([_shear(stroke + start, self._slant) for stroke in strokes])
            gap = max(self._gap + self._rng.normal(0, 0.04), 0.06) + self.thickness
            x += _box(strokes)[2] + gap
        corner = _corner([stroke for digit in digits for stroke in digit])
        placed = [[(stroke - corner) * np.float32(height) for stroke in digit] for digit in digits]
        boxes = (_box(digit) for digit, char in zip(placed, text, strict=True) if char not in MARKS)
        return Written(text, tuple(s for digit in placed for s in digit), tuple(boxes))

    def _upright(self, char: str) -> list[Stroke]:
        """One digit before slant: habit, proportions, a shaky hand, a slight turn, its own size."""
        rng = self._rng
        shapes = self._shapes[char]
        usual = rng.random() < 0.85
        shape = shapes[self._habit[char] if usual else int(rng.integers(len(shapes)))]
        angle, size = rng.normal(0, self._tilt), rng.normal(1, 0.05)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        scale = np.array([self._width * rng.normal(1, 0.05), 1.0]) * size
        strokes = [self._stroke(part) @ (scale[:, None] * turn) for part in shape.split("/")]
        strokes = [stroke.astype(np.float32) for stroke in strokes]
        x, _, _, _ = _box(strokes)
        foot = max(float(stroke[:, 1].max()) for stroke in strokes)
        return [stroke - np.array([x, foot - 1], np.float32) for stroke in strokes]

    def _stroke(self, points: str) -> NDArray[np.float64]:
        knots = np.array([[float(v) for v in point.rstrip("!").split(",")] for point in points.split()]) / 100
        knots += self._rng.normal(0, self._jitter, knots.shape)
        corners = [i for i, point in enumerate(points.split()) if point.endswith("!")]
        bounds = [0, *corners, len(knots) - 1]
        pairs = pairwise(bounds)
        return np.concatenate([_smooth(knots[a : b + 1]) for a, b in pairs if b > a])


def draw(canvas: Grey, strokes: Iterable[Stroke], thickness: float, ink: int) -> None:
    """Draw strokes into `canvas` (h, w) uint8, in place, anti-aliased.

    Strokes and `thickness` are in pixels, `ink` is the grey of the pen, 0..255.
    """
    cover = coverage(canvas.shape, strokes, thickness).astype(np.float32) / 255
    canvas[:] = np.rint(canvas + (ink - canvas.astype(np.float32)) * cover).astype(np.uint8)


def alone(writer: Writer, digit: str, side: int, share: float) -> Grey:
    """One digit in the middle of (side, side), light on black, `share` of the side long; the pen is the writer's."""
    strokes = writer.digit(digit)
    points = np.vstack(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = share * side / float((high - low).max())
    corner = (side - (high - low) * scale) / 2
    pen = max(2.0, writer.thickness * scale)
    return coverage((side, side), [((stroke - low) * scale + corner).astype(np.float32) for stroke in strokes], pen)


def coverage(shape: tuple[int, ...], strokes: Iterable[Stroke], thickness: float) -> Grey:
    """How much of each pixel the pen covered: (h, w) uint8, 0 nothing to 255 all. Strokes in pixels.

    Drawn at four times the size and averaged, because OpenCV's lines know whole widths only.
    """
    h, w = shape[:2]
    big = np.zeros((h * 4, w * 4), np.uint8)
    lines = [np.rint((stroke * 4 + 1.5) * 16).astype(np.int32)[:, None] for stroke in strokes]
    width = max(2, 2 * int(thickness * 2))  # OpenCV draws odd widths only: an even one grows by one
    cv2.polylines(big, lines, False, (255,), width, cv2.LINE_8, 4)
    return cv2.resize(big, (w, h), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _smooth(knots: NDArray[np.float64], steps: int = 8) -> NDArray[np.float64]:
    """A Catmull-Rom spline through `knots` (n, 2), `steps` points for each piece."""
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.vstack([curve.reshape(-1, 2), knots[-1:]])


def _shear(stroke: Stroke, slant: float) -> Stroke:
    """Lean to the right by `slant` (x per y) about the baseline y = 1."""
    sheared = stroke.copy()
    sheared[:, 0] += np.float32(slant) * (1 - stroke[:, 1])
    return sheared


def _corner(strokes: list[Stroke]) -> Stroke:
    return np.vstack(strokes).min(axis=0) if strokes else np.zeros(2, np.float32)


def _box(strokes: list[Stroke]) -> FloatBox:
    points = np.vstack(strokes)
    (x, y), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x, y, right - x, bottom - y

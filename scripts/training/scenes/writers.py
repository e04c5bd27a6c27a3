"""Writers: draw digits and signs in one style, from crops, from strokes or from a font, at any height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.sources.simulated import handwriting
from scripts.training.scenes import fonts

Points = Sequence[tuple[float, float]]


def _arc(x: float, reach: float, tall: float = 0.62) -> Points:
    return [(x + reach * float(np.cos(t)), 0.5 + tall * float(np.sin(t))) for t in np.linspace(-1.25, 1.25, 9)]


SIGNS: dict[str, Sequence[Points]] = {
    "+": [[(0.0, 0.5), (0.6, 0.5)], [(0.3, 0.2), (0.3, 0.8)]],
    "-": [[(0.0, 0.5), (0.5, 0.5)]],
    "x": [[(0.0, 0.3), (0.5, 0.85)], [(0.5, 0.3), (0.0, 0.85)]],
    "÷": [[(0.0, 0.5), (0.6, 0.5)], [(0.3, 0.22), (0.3, 0.26)], [(0.3, 0.74), (0.3, 0.78)]],
    "=": [[(0.0, 0.38), (0.6, 0.38)], [(0.0, 0.66), (0.6, 0.66)]],
    "/": [[(0.55, -0.05), (0.0, 1.05)]],
    "(": [[(0.5 - x, y) for x, y in _arc(0.0, 0.35)]],
    ")": [_arc(0.0, 0.35)],
    "[": [[(0.3, -0.1), (0.0, -0.1), (0.0, 1.1), (0.3, 1.1)]],
    "]": [[(0.0, -0.1), (0.3, -0.1), (0.3, 1.1), (0.0, 1.1)]],
    "*": [[(0.2, 0.2), (0.2, 0.7)], [(0.0, 0.3), (0.4, 0.6)], [(0.4, 0.3), (0.0, 0.6)]],
    ".": [[(0.0, 0.97), (0.03, 1.0)]],
    ",": [[(0.08, 0.92), (0.0, 1.15)]],
    ":": [[(0.0, 0.3), (0.02, 0.32)], [(0.0, 0.9), (0.02, 0.92)]],
    "<": [[(0.5, 0.2), (0.0, 0.5), (0.5, 0.8)]],
    ">": [[(0.0, 0.2), (0.5, 0.5), (0.0, 0.8)]],
    "√": [[(0.0, 0.6), (0.15, 0.55), (0.3, 1.0), (0.5, -0.1), (1.2, -0.1)]],
    "%": [[(0.6, 0.0), (0.1, 1.0)], [(0.1, 0.1), (0.2, 0.2), (0.08, 0.25), (0.1, 0.1)], [(0.6, 0.8), (0.7, 0.9)]],
    "✓": [[(0.0, 0.6), (0.25, 0.95), (0.8, 0.0)]],
}
"""Signs between digits, as polylines one digit high; the base line is y = 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """One drawn character or word."""

    cover: Grey
    """(h, w) uint8: how much ink each pixel has."""
    left: float
    """Left edge of the cover, from the pen's position on the base line, px."""
    top: float
    """Top edge of the cover, px; negative above the base line."""
    advance: float
    """Distance to the pen's next position, px."""


class Writer(Protocol):
    """Draws digits and SIGNS about `height` px high."""

    height: float

    def mark(self, char: str) -> Mark: ...


class FontWriter:
    """Prints with a font."""

    def __init__(self, path: Path, height: float) -> None:
        self.height = height
        self._path, self._size = path, max(6, round(height / _relative_height(path)))

    def mark(self, char: str) -> Mark:
        """A character or a whole word."""
        from PIL import Image, ImageDraw

        font = fonts._font(self._path, self._size)
        try:
            left, top, right, bottom = font.getbbox(char, anchor="ls")
        except OSError:  # a few fonts hold characters that FreeType refuses
            return Mark(np.zeros((1, 1), np.uint8), 0, 0, self.height / 2)
        picture = Image.new("L", (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2)))
        ImageDraw.Draw(picture).text((1 - left, 1 - top), char, fill=255, font=font, anchor="ls")
        return Mark(np.asarray(picture, np.uint8), left - 1, top - 1, font.getlength(char))


@lru_cache(maxsize=1024)
def _relative_height(path: Path) -> float:
    """Height of an 8, relative to the font size."""
    _, top, _, bottom = fonts._font(path, 100).getbbox("8", anchor="ls")
    return max(0.3, float(bottom - top) / 100)


class StrokeWriter:
    """Writes with the strokes of edge_daemon.sources.simulated.handwriting, and SIGNS."""

    def __init__(self, rng: Generator, height: float, pen: float) -> None:
        self.height, self._rng, self._pen = height, rng, pen
        self._writer = handwriting.Writer(int(rng.integers(1 << 31)))
        self._gap = random_gap(rng, -0.15)
        self._slant = rng.normal(0.05, 0.12)

    def mark(self, char: str) -> Mark:
        size = self.height * self._rng.normal(1, 0.05)
        if char in DIGITS:
            lines = [line * np.float32(size) for line in self._writer.digit(char)]
        else:
            wide = np.array([self._rng.uniform(0.4, 1.3), 1.0], np.float32)
            lines = [self._shaky(points) * wide * np.float32(size) for points in SIGNS[char]]
        return draw_mark(lines, self._pen, size, self._gap * self.height)

    def _shaky(self, points: Points) -> handwriting.Stroke:
        line = np.array(points, np.float32) + self._rng.normal(0, 0.02, (len(points), 2)).astype(np.float32)
        line[:, 0] += np.float32(self._slant) * (1 - line[:, 1])
        if len(line) > 2 and self._rng.random() < 0.7:
            line = handwriting._smooth(line.astype(np.float64)).astype(np.float32)
        return line


class CropWriter:
    """Writes digits with crops of a training set, and signs with strokes of about the same pen."""

    def __init__(self, rng: Generator, height: float, inks: Sequence[Sequence[Grey]]) -> None:
        """`inks`: for each digit its crops."""
        self.height, self._rng, self._inks = height, rng, inks
        self._level = rng.uniform(0.25, 0.6)
        self._shear, self._wide = rng.normal(0, 0.15), float(np.exp(rng.normal(0.05, 0.3)))
        self._gap = random_gap(rng, -0.25)
        self._signs = StrokeWriter(rng, height, max(1.2, height * rng.uniform(0.06, 0.14)))

    def mark(self, char: str) -> Mark:
        if char not in DIGITS:
            return self._signs.mark(char)
        inks = self._inks[int(char)]
        ink = inks[int(self._rng.integers(len(inks)))]
        x, y, w, h = cv2.boundingRect((ink > 0.3 * max(1, int(ink.max()))).view(np.uint8))
        size = max(6.0, self.height * self._rng.normal(1, 0.06))
        scale = size / max(4, h)
        lean = abs(self._shear) * size
        width, height = int(w * scale * self._wide + lean) + 4, int(size) + 4
        matrix = np.array(
            [
                [scale * self._wide, -self._shear * scale, 2 - x * scale * self._wide + self._shear * scale * y],
                [0.0, scale, 2 - y * scale],
            ]
        )
        if self._shear > 0:
            matrix[0, 2] += lean
        big = cv2.warpAffine(ink, matrix, (width, height), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        if scale > 1.5:
            big = cv2.GaussianBlur(big, (0, 0), 0.35 * scale)
        # enlarged crops get a sharp edge, as a pen's ink has, and no paper around it
        level = self._level * float(np.percentile(big, 99 if scale > 1 else 97))
        big = np.clip((big.astype(np.float32) - level) * max(1.5, scale / 2) + 128, 0, 255).astype(np.uint8)
        return Mark(np.asarray(big, np.uint8), 0.0, -size, width + self._gap * self.height)


def random_gap(rng: Generator, least: float) -> float:
    """A distance between digits, in heights: some writers join digits, most do not, some write them far apart."""
    kind = rng.random()
    if kind < 0.2:
        return float(rng.uniform(least, 0.0))
    return float(rng.uniform(-0.05, 0.4) if kind < 0.7 else rng.uniform(0.3, 1.1))


def draw_mark(lines: Sequence[handwriting.Stroke], pen: float, height: float, gap: float) -> Mark:
    """The ink of strokes in px; y = `height` is the base line."""
    points = np.concatenate(lines)
    margin = pen / 2 + 1
    left, top = points.min(axis=0) - margin
    right, bottom = points.max(axis=0) + margin
    corner = np.array([left, top], np.float32)
    cover = handwriting.coverage((int(bottom - top) + 2, int(right - left) + 2), [line - corner for line in lines], pen)
    return Mark(cover, 0.0, float(top) - height, float(right - left) + gap)


def resize(ink: Grey, side: float) -> Grey:
    """Ink with its longer side `side` px."""
    scale = side / max(ink.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def group_by_digit(inks: Sequence[Grey], labels: NDArray[np.int64]) -> list[list[Grey]]:
    """Ten lists: the crops of each digit."""
    return [[ink for ink, label in zip(inks, labels, strict=True) if label == digit] for digit in range(10)]

"""Draws a line of digits with one writer's crops, mark by mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Box, Grey
from edge_daemon.sources.simulated import handwriting
from scripts.training.scenes import writers
from scripts.training.strips.sources import CROP_SETS, Sources


@dataclass(frozen=True, slots=True, eq=False)
class InkLine:
    """A line of ink, light on black, without any paper."""

    cover: Grey
    text: str
    """Its digits; marks and letters are not transcribed."""
    height: float
    """Of a digit, px."""
    box: Box
    """Of the writing."""


class LineWriter:
    """Imitates one writer with the crops of many: a few crops, used repeatedly, with one slant, width and pen."""

    def __init__(self, rng: Generator, source: Sources, height: float) -> None:
        self.height, self._rng = height, rng
        names = list(CROP_SETS)
        shares = np.array([CROP_SETS[name] for name in names])
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        if name == "cheque":
            inks = crops_of_one_cheque(rng, *source.cheque)
        else:
            few = int(rng.choice([1, 2, 50]))
            inks = [[own[i] for i in rng.integers(0, len(own), min(few, len(own)))] for own in source.crops[name]]
        self._hand = writers.CropWriter(rng, height, inks)
        self._hand._shear *= 0.5  # the whole line is sheared later
        self._pen = float(np.exp(rng.uniform(np.log(0.045), np.log(0.19)))) * height if rng.random() < 0.6 else None

    def mark(self, char: str) -> writers.Mark:
        made = self._hand.mark(char)
        cover = cv2.threshold(made.cover, 60, 255, cv2.THRESH_TOZERO)[1].astype(np.uint8)
        if self._pen is not None and char in DIGITS:
            cover = with_pen_width(cover, self._pen)
        return writers.Mark(cover, made.left, made.top, made.advance)


def crops_of_one_cheque(rng: Generator, inks: Sequence[Grey], labels: NDArray[np.int64]) -> list[list[Grey]]:
    """By digit the crops nearest to a random place in the order of all cheque digits: mostly of one or two cheques."""
    middle = int(rng.integers(len(inks)))
    order = np.argsort(np.abs(np.arange(len(inks)) - middle), kind="stable")
    few = int(rng.choice([1, 1, 2]))
    return [[inks[i] for i in order[labels[order] == digit][:few]] for digit in range(10)]


def with_pen_width(cover: Grey, pen: float) -> Grey:
    """The same strokes about `pen` px wide: the edge of the ink moves in or out; thin strokes are kept."""
    wide = cv2.copyMakeBorder(cover, 4, 4, 4, 4, cv2.BORDER_CONSTANT)
    mask = cv2.threshold(wide, 110, 255, cv2.THRESH_BINARY)[1]
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 3)
    now = 4 * (float(inside.sum()) / max(1, cv2.countNonZero(mask)) - 0.25)
    level = inside - outside + float(np.clip((max(1.3, pen) - now) / 2, -0.3 * now, 3.5)) + 0.5
    return np.asarray(np.clip(level, 0, 1) * 255, np.uint8)


def scale_mark(mark: writers.Mark, by: float) -> writers.Mark:
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
    cover = np.asarray(cv2.resize(mark.cover, None, fx=by, fy=by, interpolation=how), np.uint8)
    return writers.Mark(cover, mark.left * by, mark.top * by, mark.advance * by)


def draw_sign(rng: Generator, source: Sources, char: str, height: float, pen: float) -> writers.Mark:
    """A sign that no crops exist of: from a font, or one stroke (an apostrophe, a long dash at the end)."""
    if char == "'" or not source.fonts:
        return writers.draw_mark(
            [np.array([(0.08, 0.0), (0.0, 0.2)], np.float32) * np.float32(height)], pen, height, 1.0
        )
    if char == "_":
        x, y = rng.uniform(0.5, 2.5), rng.uniform(0.3, 1.0)
        line = np.array([(0, y), (x / 2, y + rng.normal(0, 0.04)), (x, y + rng.normal(0, 0.08))], np.float32)
        return writers.draw_mark([line * np.float32(height)], pen, height, 1.0)
    return writers.FontWriter(source.fonts[rng.integers(len(source.fonts))], height).mark(char)


class LineBuilder:
    """Builds a line: each mark is moved to the left until it is `space` away from the ink before it."""

    def __init__(self, height: float, count: int) -> None:
        self.height, self._base = height, int(1.9 * height)
        self._canvas = np.zeros((int(3 * height), int(2.6 * height * (count + 1))), np.uint8)
        self._right = np.full(self._canvas.shape[0], -1e6)
        self._end, self._last = int(0.5 * height), (0, 0, 0, 0)
        self._links: list[tuple[tuple[int, int], tuple[int, int]]] = []

    def skip(self, by: float) -> None:
        self._end += int(by)
        self._right[:] = self._end

    def add(self, mark: writers.Mark, rise: float, space: float) -> None:
        cover, top = mark.cover, max(0, int(self._base + mark.top + rise))
        cover = cover[: max(0, self._canvas.shape[0] - top)]
        inked = cover > 90
        rows = np.flatnonzero(inked.any(axis=1))
        if len(rows) == 0:
            return
        left = np.full(self._canvas.shape[0], 1e6)
        left[top + rows] = inked[rows].argmax(axis=1)
        reach = max(1, int(0.12 * self.height))
        near = np.asarray(cv2.erode(left[:, None], np.ones((2 * reach + 1, 1), np.uint8)))[:, 0]
        wanted = (self._right - near).max() + space
        x = int(wanted) if wanted > -1e5 else self._end + int(space)
        x = max(x, int(self._last[0] + 0.12 * self.height), 2)
        window = self._canvas[top : top + cover.shape[0], x : x + cover.shape[1]]
        np.maximum(window, cover[:, : window.shape[1]], out=window)
        self._right[top + rows] = np.maximum(
            self._right[top + rows], x + cover.shape[1] - 1 - inked[rows, ::-1].argmax(axis=1)
        )
        columns = np.flatnonzero(inked.any(axis=0))
        before, self._last = self._last, (x + int(columns[0]), top + int(rows[0]), len(columns), len(rows))
        self._end = max(self._end, x + int(columns[-1]) + 1)
        self._links = [(link_point(before, True), link_point(self._last, False))] if before[2] else []

    def join(self, rng: Generator, pen: float) -> None:
        """Connects the last two marks with a stroke, as if the pen was not lifted."""
        for a, b in self._links:
            near = self._ink_near(a), self._ink_near(b)
            bend = ((near[0][0] + near[1][0]) / 2, (near[0][1] + near[1][1]) / 2 + rng.normal(0, 0.1) * self.height)
            curve = handwriting._smooth(np.array([near[0], bend, near[1]], np.float64)).astype(np.float32)
            cv2.polylines(
                self._canvas, [np.rint(curve * 16).astype(np.int32)[:, None]], False, (255,), max(1, round(pen)), 16, 4
            )

    def _ink_near(self, place: tuple[int, int]) -> tuple[float, float]:
        reach = max(2, int(0.3 * self.height))
        x, y = max(0, place[0] - reach), max(0, place[1] - reach)
        ys, xs = np.nonzero(self._canvas[y : y + 2 * reach, x : x + 2 * reach] > 128)
        if len(xs) == 0:
            return float(place[0]), float(place[1])
        best = int(np.argmin((xs + x - place[0]) ** 2 + (ys + y - place[1]) ** 2))
        return float(xs[best] + x), float(ys[best] + y)

    def written(self, text: str) -> InkLine:
        box = cv2.boundingRect((self._canvas > 90).view(np.uint8))
        return InkLine(self._canvas, "".join(c for c in text if c in DIGITS), self.height, tuple(box))  # type: ignore[arg-type]


def link_point(box: Box, leaves: bool) -> tuple[int, int]:
    """Where a connecting stroke leaves a digit on the right, or reaches it from the left: near its top."""
    x, y, w, h = box
    return (x + int(0.85 * w) if leaves else x + int(0.25 * w)), y + int(0.15 * h)

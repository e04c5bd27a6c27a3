"""The line of a field: it is found in the field, and shown with what stands directly beside the field.

A number that ends near the border of its field may go on beyond it. The frame shows whether it does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Grey, Patch
from edge_daemon.fields import perspective
from edge_daemon.recognition.lines import ctc, line_extent, line_recognizer
from edge_daemon.recognition.lines.ctc import Probabilities
from edge_daemon.recognition.lines.field_decoder import CUT, OTHER, SYMBOLS
from edge_daemon.recognition.lines.line_extent import Extent, Strip
from edge_daemon.recognition.lines.line_recognizer import LineRecognizer

NEXT = 0.95
"""Line heights of paper between two digits: with less they belong to one number. A number that ends at least as far
from the border of its field does not go on beyond it."""
BEYOND = 1.5
"""Line heights of the frame that are shown beyond a border: such a gap, and the next digit."""
LEAST_HEIGHT = 0.3
"""Line heights: ink beyond the border that is lower is no digit."""
LIKELY = 0.9
"""Probability from which a digit beyond the border counts: letters stand directly beside numbers, too."""
CONFIRMED = 0.9
"""Probability of a digit there by the strip network, which was trained to see nothing in letters."""
UPRIGHT = 0.8
"""Share of a strip's rows: a column with ink in more of them is an upright rule. The line has less."""
RULE = 56
"""Columns of a strip: a straight level run as long as this is a ruled line."""
HALF_DIGIT = 0.3
"""Line heights from the middle of a digit to its sides."""
OVER = 2
"""Rows of a strip. What reaches to within so many of its upper and its lower edge is higher than a digit."""
HALF = 4
"""Columns of a strip to both sides of the middle of a digit in which it has ink."""
INK = 96
"""Grey level of a strip, 0..255, from which a pixel is ink."""


class FieldLine(NamedTuple):
    """A line on the contrast map of the working picture, which may show more than the field."""

    ink: Grey
    extent: Extent
    """In pixels of the map."""
    scale: float
    """Pixels of the map per pixel of the field."""
    light: bool
    """Whether the ink is lighter than its paper."""
    start: float
    """Column of the map at which the field begins."""
    stop: float
    """Column at which it ends."""

    @property
    def is_wider(self) -> bool:
        """Whether the map shows more than the field."""
        return self.start > 0 or self.stop < self.ink.shape[1]

    @property
    def has_ink_beyond(self) -> bool:
        """Whether ink that may be a digit stands beyond the field, at the height of the line."""
        rows = slice(max(0, int(self.extent.top)), int(self.extent.bottom) + 1)
        binary = line_extent.binarise(self.ink)[rows]
        sides = binary[:, : int(self.start)], binary[:, math.ceil(self.stop) :]
        return any(np.count_nonzero(side.any(axis=1)) > LEAST_HEIGHT * len(binary) for side in sides)

    def look(self, look: Sequence[float]) -> Strip | None:
        """The line cut out for one of field_recognizer.LOOKS; None where it is too long for the strip."""
        return line_extent.cut_line(self.ink, self.extent, *look)


class Part(NamedTuple):
    """The part of a line that belongs to the field."""

    start: float
    """First column of the map."""
    stop: float
    is_crossed: bool
    """Whether ink crosses a border: the field alone shows only a part of a digit."""
    goes_on: bool
    """Whether a digit follows beyond the border so closely that it belongs to the number."""

    def frames(self, strip: Strip) -> slice:
        """The frames of a strip that show this part; at least one."""
        last = min(line_extent.WIDTH / 2, frame_at(strip, self.stop))
        first = min(max(0, round(frame_at(strip, self.start))), round(last) - 1)
        return slice(max(0, first), max(1, round(last)))


def frames_per_height(extent: Extent, strip: Strip) -> float:
    """Frames of a strip that are as long as its line is high."""
    return extent.height / float(np.linalg.norm(strip.matrix[:, 0])) / 2


def locate_line(field: Grey) -> FieldLine | None:
    """The line of a field (h, w); None where nothing could be one."""
    if min(field.shape) < line_extent.MIN_SIDE:
        return None
    small, scale = line_extent.working_size(field)
    if min(small.shape) < line_extent.MIN_SIDE:
        return None
    light = line_extent.is_light(small)
    ink = line_extent.line_contrast(small, light)
    extent = line_extent.find_line(ink)
    return FieldLine(ink, extent, scale, light, 0, ink.shape[1]) if extent else None


def widen(line: FieldLine, patch: Patch, left: bool, right: bool) -> FieldLine:
    """The same line, shown up to BEYOND line heights beyond the left or right border, as far as the frame goes."""
    extent, width = line.extent, line.ink.shape[1]
    room = perspective.room_beside(patch, math.ceil(BEYOND * extent.height / line.scale))
    more = left * room[0], right * room[1]
    if not any(more):
        return line
    wide = perspective.cut_wider(patch, *more)
    if line.scale < 1:
        size = round(wide.shape[1] * line.scale), line.ink.shape[0]
        wide = np.asarray(cv2.resize(wide, size, interpolation=cv2.INTER_AREA), np.uint8)
    start = more[0] * line.scale
    first = 0.0 if more[0] else extent.left + start
    last = float(wide.shape[1]) if more[1] else extent.right + start
    drift = extent.slope * ((first + last) / 2 - start - (extent.left + extent.right) / 2)
    shown = Extent(first, last, extent.top + drift, extent.bottom + drift, extent.slope)
    stop = min(float(wide.shape[1]), start + width)
    return line._replace(ink=line_extent.line_contrast(wide, line.light), extent=shown, start=start, stop=stop)


def own_part(line: FieldLine, strip: Strip, rows: Probabilities, strips: LineRecognizer) -> Part:
    """Which part of the line belongs to the field, by what the network sees in it (frames, SCORES).

    A digit belongs to the field if its middle does. `strips` confirms that what stands beyond is a digit: letters and
    operators stand directly beside numbers, too.
    """
    texts = ctc.search_texts(rows, SYMBOLS, runs=OTHER + CUT)
    pieces = Pieces.of(strip)
    part = Part(line.start, line.stop, False, False)
    goes_on = 0.0
    for rank, (text, chance) in enumerate(texts):
        places = [frame_x(strip, (a + b + 1) / 2) for a, b in ctc.align(rows, SYMBOLS, text)]
        own = [i for i, x in enumerate(places) if line.start <= x <= line.stop and text[i] in DIGITS]
        if not own:
            continue
        if rank == 0:
            columns = [round(2 * frame_at(strip, x)) for x in (line.start, places[own[0]], places[own[-1]], line.stop)]
            is_crossed = pieces.touch(*columns[:2]) or pieces.touch(*columns[2:])
            part = Part(*_borders(line, places, own), is_crossed, False)
        neighbours = _next(text, own[0], -1), _next(text, own[-1], 1)
        pairs = [(i, k) for i, k in zip((own[0], own[-1]), neighbours, strict=True) if k is not None]
        near = NEXT * 2 * frames_per_height(line.extent, strip)
        sides = [[round(2 * frame_at(strip, places[i])) for i in pair] for pair in pairs]
        if any(pieces.gap(a, b) < near and is_digit(strip.pixels, b, strips) for a, b in sides):
            goes_on += chance
    return part._replace(goes_on=goes_on > LIKELY * sum(chance for _, chance in texts))


def _borders(line: FieldLine, places: Sequence[float], own: Sequence[int]) -> tuple[float, float]:
    """The field's borders, or those of its first and last digit where they reach further."""
    half = HALF_DIGIT * line.extent.height
    start, stop = min(line.start, places[own[0]] - half), max(line.stop, places[own[-1]] + half)
    if own[0] > 0:
        start = max(start, (places[own[0] - 1] + places[own[0]]) / 2)
    if own[-1] + 1 < len(places):
        stop = min(stop, (places[own[-1]] + places[own[-1] + 1]) / 2)
    return start, stop


def _next(text: str, i: int, step: int) -> int | None:
    """The digit before (-1) or after (1) the symbol i, only with points between them; None where there is none."""
    i += step
    while 0 <= i < len(text) and text[i] in ".,:":
        i += step
    return i if 0 <= i < len(text) and text[i] in DIGITS else None


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The connected pieces of ink of a strip."""

    labels: NDArray[np.int32]
    """(HEIGHT, WIDTH): the piece of each pixel, 0 for paper."""
    tall: NDArray[np.int64]
    """Pieces that are higher than a digit: rules and brackets."""
    rules: NDArray[np.bool_]
    """(WIDTH,): columns with an upright rule."""

    @classmethod
    def of(cls, strip: Strip) -> Pieces:
        """The pieces of a strip."""
        ink = np.where(strip.pixels > INK, 255, 0).astype(np.uint8)
        ink &= ~np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, RULE), np.uint8)), np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=cv2.CV_32S)
        top = stats[1:, cv2.CC_STAT_TOP]
        bottom = top + stats[1:, cv2.CC_STAT_HEIGHT]
        tall = np.flatnonzero((top <= OVER) & (bottom >= line_extent.HEIGHT - OVER)) + 1
        upright = cv2.dilate((strip.pixels > INK // 2).astype(np.uint8), np.ones((1, 3), np.uint8))
        return cls(np.asarray(labels, np.int32), tall, upright.sum(axis=0) > UPRIGHT * line_extent.HEIGHT)

    def touch(self, a: int, b: int) -> bool:
        """Whether a piece, other than a rule, has ink at both columns: at the first itself, near the second."""
        if not 0 < a < self.labels.shape[1]:
            return False
        return bool(self._at(a, 1) & self._at(b, HALF) - set(self.tall.tolist()))

    def _at(self, column: int, reach: int) -> set[int]:
        """The pieces around a column."""
        return set(self.labels[:, max(0, column - reach) : column + reach].ravel().tolist()) - {0}

    def gap(self, own: int, other: int) -> float:
        """Columns of paper between the ink at two columns; infinite where a rule or bracket is there."""
        first, last = sorted((own, other))
        reach = slice(first, last + HALF) if other > own else slice(max(0, first - HALF), last)
        if np.isin(self.labels[:, reach], self.tall).any() or self.rules[reach].any():
            return math.inf
        empty = np.flatnonzero(~self.labels[:, first:last].any(axis=0))
        return float(empty[-1] - empty[0] + 1) if len(empty) else 0.0


def is_digit(pixels: Grey, column: int, strips: LineRecognizer) -> bool:
    """Whether the strip network, too, sees a digit at a column of a strip."""
    start = max(0, min(column - line_recognizer.WIDTH // 2, pixels.shape[1] - line_recognizer.WIDTH)) // 2 * 2
    rows = strips.probabilities(np.ascontiguousarray(pixels[:, start : start + line_recognizer.WIDTH]))
    frame = (column - start) // 2
    return bool(rows[max(0, frame - HALF) : frame + HALF + 1, : len(DIGITS)].max() > CONFIRMED)


def frame_x(strip: Strip, frame: float) -> float:
    """The column of the map that a frame of a strip shows."""
    return float(strip.matrix[0] @ (2 * frame, line_extent.HEIGHT / 2, 1))


def frame_at(strip: Strip, x: float) -> float:
    """The frame of a strip that shows a column of the map."""
    return float((x - strip.matrix[0, 2]) / strip.matrix[0, 0] / 2)

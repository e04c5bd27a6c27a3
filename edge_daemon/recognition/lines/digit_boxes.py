"""Where the digits of a line are: boxes around their ink, from the frames in which the network saw them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np

from edge_daemon.domain import Box, Grey
from edge_daemon.recognition.lines.field_line import INK, FieldLine
from edge_daemon.recognition.lines.line_extent import BAND, HEIGHT, Strip

HALF_WIDTH = 0.35
"""Line heights from the middle of a digit that has no neighbour to its sides."""
GAP_REACH = 4
"""Columns of a strip from the middle between two digits within which the gap between them is looked for."""
SPILL = 3
"""Pixels of a strip by which a digit may be higher than the line."""
SPECK = 6
"""Pixels of a piece of ink in a strip that is no part of a digit, at most."""
MINUS_ROOM = 1.2
"""Line heights before the first digit in which a minus would stand."""
MINUS_WIDTH = 1.2
"""Line heights of the longest minus."""
FLAT = 0.4
"""Line heights of the highest dash."""
MINUS_ROWS = 0.2, 0.8
"""Rows in which it would stand, as shares of the line's height."""


def digit_boxes(line: FieldLine, strip: Strip, ink: Grey, spans: Sequence[tuple[int, int]]) -> list[Box]:
    """The box of each digit's ink in pixels of the field; about half the way to its neighbours at most."""
    columns = at_gaps(ink, digit_columns(spans))
    return [_in_field(line, strip, _tight(ink, start, stop)) for start, stop in columns]


def at_gaps(ink: Grey, columns: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The columns of the digits, divided where there is least ink near the middle between two of them."""
    inked = np.count_nonzero(ink, axis=0)
    starts = [columns[0][0]]
    for (first, middle), (_, last) in itertools.pairwise(columns):
        near = range(max(first + 1, middle - GAP_REACH), min(last, middle + GAP_REACH + 1, len(inked)))
        gaps = [(int(inked[column]), abs(column - middle), column) for column in near]
        starts.append(min(gaps)[2] if gaps else middle)
    return list(zip(starts, [*starts[1:], columns[-1][1]], strict=True))


def digit_columns(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The columns of a strip, first and one past the last, that belong to each digit."""
    middles = [first + last + 1 for first, last in spans]  # two columns per frame
    half = min((b - a for a, b in itertools.pairwise(middles)), default=2 * HALF_WIDTH * BAND) / 2
    half = max(HALF_WIDTH * BAND, half)
    between = [(a + b) / 2 for a, b in itertools.pairwise(middles)]
    ends = [middles[0] - half, *between, middles[-1] + half]
    return [(max(0, round(a)), max(1, round(b))) for a, b in itertools.pairwise(ends)]


def is_after_leader(ink: Grey, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether the dash before the number is longer than a minus, or comes in from the border: it leads there."""
    (start, stop), *_ = digit_columns(spans)
    left, *_ = _tight(ink, start, stop)
    before = ink[:, : max(1, round(left))]
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(before), connectivity=8)
    pieces = stats[1:][stats[1:, cv2.CC_STAT_LEFT] + stats[1:, cv2.CC_STAT_WIDTH] > left - MINUS_ROOM * BAND]
    flat = pieces[pieces[:, cv2.CC_STAT_HEIGHT] < FLAT * BAND]
    is_long = flat[:, cv2.CC_STAT_WIDTH] > MINUS_WIDTH * BAND
    return bool((is_long | (flat[:, cv2.CC_STAT_LEFT] <= 1)).any())


def has_ink_before(ink: Grey, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether ink of a strip stands where the minus of a number would."""
    (start, stop), *_ = digit_columns(spans)
    left, *_ = _tight(ink, start, stop)
    top = (HEIGHT - BAND) / 2
    rows = slice(round(top + MINUS_ROWS[0] * BAND), round(top + MINUS_ROWS[1] * BAND))
    return bool(ink[rows, max(0, round(left - MINUS_ROOM * BAND)) : max(0, left - 1)].any())


def strip_ink(strip: Strip) -> Grey:
    """Where a strip shows ink of the line: 255, elsewhere 0."""
    binary = np.where(strip.pixels > INK, 255, 0).astype(np.uint8)
    edge = round((HEIGHT - BAND) / 2) - SPILL
    binary[:edge] = binary[HEIGHT - edge :] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] <= SPECK)
    binary[np.isin(labels, small)] = 0
    return binary


def _tight(ink: Grey, start: int, stop: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the ink between two columns; the line's height where there is none."""
    rows, columns = np.nonzero(ink[:, start:stop])
    if len(rows) == 0:
        return start, (HEIGHT - BAND) / 2, stop, (HEIGHT + BAND) / 2
    return start + int(columns.min()), int(rows.min()), start + int(columns.max()) + 1, int(rows.max()) + 1


def _in_field(line: FieldLine, strip: Strip, box: tuple[float, float, float, float]) -> Box:
    """A box of the strip (left, top, right, bottom) in pixels of the field."""
    left, top, right, bottom = box
    corners = np.array([(x, y, 1.0) for x in (left, right) for y in (top, bottom)]) @ strip.matrix.T
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    x, y = round((x0 - line.start) / line.scale), round(y0 / line.scale)
    return x, y, max(1, round((x1 - line.start) / line.scale) - x), max(1, round(y1 / line.scale) - y)

"""Finds the line of writing in a loose field, whatever the margin, and cuts it out as a strip of normalised height.

The field is brought to a working height, and ink is separated from paper by its contrast. The pieces of ink around the
middle that hang in neither from above nor from below give the height of the line. Lines to train on are cut by the same
code as lines to read.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

VERSION = 1
"""Goes up whenever a strip would be cut differently: a network only works with the version it was trained with."""
HEIGHT = 32
"""Height of a strip in pixels."""
WIDTH = 288
"""Width of a strip in pixels."""
BAND = 22.0
"""Height of the line's ink within a strip, in pixels."""
SQUEEZE = 1.5
"""Factor by which a longer line may be made narrower to fit, at most: as in training."""
WORK_HEIGHT = 128
"""Pixels of height at which a field is examined; a higher one is shrunk."""
MAX_ASPECT = 14
"""Width of the widest field, in its own heights."""
MIN_SIDE = 8
"""Pixels. A field with a shorter side holds no writing."""
PAPER_REACH = 0.45
"""Share of the field's shorter side: paper is the brightest within this distance. Strokes are thinner."""
LIGHT_INK = 1.5
"""Ink is dark, unless what is lighter than its surroundings outweighs what is darker by this factor."""
MIN_INK = 16.0
"""Contrast (0..255) below which nothing is ink."""
INK_SHARE = 0.3
"""Share of the field's darkest ink below which nothing is ink."""
GRAIN_FACTOR = 4.0
"""Ink is darker than the paper by this many times the paper's grain."""
MAX_GRAIN_SHARE = 0.42
"""The grain raises the limit of ink at most to this share of the darkest ink."""
SMOOTH_HEIGHT = 80
"""Pixels of height from which a field is smoothed a little more."""
SPECK = 0.05
"""Share of the field's height: a piece that is smaller in both directions is not writing."""
RULE_WIDTH = 0.75
"""Share of the field's width: a straight horizontal run as long as this is a ruled line."""
RULE_HEIGHT = 0.92
"""Share of the field's height: a straight vertical run as long as this is a ruled line."""
CENTRAL = 0.3
"""Share of the field's height: the standard deviation with which ink counts less away from the middle."""
MAX_INTRUSION = 0.42
"""Share of the field's height: ink that hangs in from above, or stands up from below, ends within this distance."""
MAX_SLOPE = 0.16
"""The steepest line, in pixels down per pixel across."""
TORN = 0.55
"""Share of the height in which most ink lies: a line that is lower is a piece of a broken digit."""
MIN_RISE = 0.2
"""Line heights from end to end: a line that rises less is level."""
BESIDE = 0.8
"""Line heights of paper that are kept to the left and right of the ink."""
MIN_CONTRAST = 24
"""Grey levels between a strip's ink and its paper: with less it is not stretched further, because it holds noise."""


class Extent(NamedTuple):
    """Where a line stands on a contrast map, in pixels of the map."""

    left: float
    right: float
    top: float
    """Upper edge of the line's ink, at the column in the middle between left and right."""
    bottom: float
    slope: float = 0.0
    """Pixels down per pixel to the right."""

    @property
    def height(self) -> float:
        return self.bottom - self.top


class Strip(NamedTuple):
    """A line as the network takes it, and how to find its places in the field."""

    pixels: Grey
    """(HEIGHT, WIDTH), ink light, paper 0."""
    matrix: NDArray[np.float64]
    """(2, 3): pixels of the strip -> pixels of the contrast map."""


def working_size(field: Grey) -> tuple[Grey, float]:
    """The field at working height, and the factor by which it was shrunk, 0..1."""
    scale = min(1.0, WORK_HEIGHT / field.shape[0], MAX_ASPECT * WORK_HEIGHT / field.shape[1])
    if scale == 1.0:
        return field, 1.0
    size = max(1, round(field.shape[1] * scale)), max(1, round(field.shape[0] * scale))
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def line_contrast(field: Grey, light: bool | None = None) -> Grey:
    """How far each pixel differs from the paper around it, as a share of the paper's brightness: (h, w) 0..255.

    `light`: whether the ink is lighter than its paper; None: the thinner of the two is ink.
    """
    if light is None:
        light = is_light(field)
    if light:
        field = np.asarray(cv2.bitwise_not(field), np.uint8)
    scale = min(1.0, 32 / min(field.shape))
    small = cv2.resize(field, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    reach = max(3, round(PAPER_REACH * min(small.shape))) | 1
    paper = cv2.morphologyEx(
        cv2.medianBlur(small, 3), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    paper = cv2.resize(cv2.blur(paper, (5, 5)), field.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.bitwise_not(cv2.divide(field, paper, scale=255)), np.uint8)


def is_light(field: Grey) -> bool:
    """Whether the strokes are lighter than their surroundings: by the sign of the local third moment; in doubt no."""
    scale = min(1.0, 48 / min(field.shape))
    small = cv2.resize(field, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    reach = max(3, round(0.5 * min(small.shape))) | 1
    around = cv2.blur(small, (reach, reach), borderType=cv2.BORDER_REFLECT)
    return _cubes(cv2.subtract(small, around)) > LIGHT_INK * _cubes(cv2.subtract(around, small))


def _cubes(difference: NDArray[np.generic]) -> float:
    x = difference.astype(np.float32)
    return float((x * x * x).sum())


def percentiles(grey: Grey, *shares: float) -> list[float]:
    """Percentiles of grey levels, as numpy.percentile gives them, from a histogram: several times as fast."""
    below = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    found = []
    for share in shares:
        at = share / 100 * (grey.size - 1)
        low, high = np.searchsorted(below, (math.floor(at), math.ceil(at)), side="right")
        found.append(float(low + (high - low) * (at % 1)))
    return found


def binarise(ink: Grey) -> Grey:
    """Where a contrast map shows ink: 255, elsewhere 0."""
    reach = 3 if ink.shape[0] < SMOOTH_HEIGHT else 5
    soft = np.asarray(cv2.GaussianBlur(ink, (reach, reach), 0), np.uint8)
    quarter, half = percentiles(soft[::2, ::2], 25, 50)
    darkest = max(MIN_INK, *percentiles(soft, 99.5))
    grain = half + GRAIN_FACTOR * (half - quarter)
    level = max(MIN_INK, INK_SHARE * darkest, min(grain, MAX_GRAIN_SHARE * darkest))
    return np.asarray(cv2.threshold(soft, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def remove_rules(binary: Grey) -> Grey:
    """The map without straight runs from border to border; strokes that cross one keep a gap of its thickness."""
    height, width = binary.shape
    long = max(MIN_SIDE, round(RULE_WIDTH * width))
    level = cv2.morphologyEx(
        cv2.dilate(binary, np.ones((3, 1), np.uint8)), cv2.MORPH_OPEN, np.ones((1, long), np.uint8)
    )
    tall = max(MIN_SIDE, round(RULE_HEIGHT * height))
    upright = cv2.morphologyEx(
        cv2.dilate(binary, np.ones((1, 3), np.uint8)), cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8)
    )
    thick = max(3, round(0.08 * height))
    rules = np.zeros_like(binary)
    for runs, brush in ((level, (thick, 1)), (upright, (1, thick))):
        broad = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones(brush, np.uint8))
        rules |= np.asarray(cv2.bitwise_and(runs, cv2.bitwise_not(broad)), np.uint8)
    return np.asarray(cv2.bitwise_and(binary, cv2.bitwise_not(rules)), np.uint8)


def find_line(ink: Grey) -> Extent | None:
    """The line in a field's contrast map; None where no ink could be one."""
    height, width = ink.shape
    if min(height, width) < MIN_SIDE:
        return None
    binary = remove_rules(binarise(ink))
    count, _, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    if count < 2:
        return None
    left, top, wide, tall = (stats[1:, i].astype(np.float64) for i in range(4))
    bottom, across = top + tall, left + wide / 2
    writing = np.maximum(wide, tall) > max(2.0, SPECK * height)
    hanging = (top <= 1) & (bottom < MAX_INTRUSION * height)
    standing = (bottom >= height - 1) & (top > (1 - MAX_INTRUSION) * height)
    writing &= ~hanging & ~standing
    if not writing.any():
        return None
    inside = writing.copy()
    central = np.exp(-(((top + bottom) / 2 / height - 0.5) ** 2) / (2 * CENTRAL**2))
    sideways = np.where((left <= 0) | (left + wide >= width), 0.6, 1.0)
    worth = np.where(writing, np.minimum(tall, 3 * wide) * central * sideways, 0.0)
    main = int(worth.argmax())
    tallest = tall[main]
    for _ in range(2):  # the second time with the slope
        sure = writing & (worth > 0.4 * worth[main])
        slope = _slope(across[sure], top[sure], bottom[sure])
        shift = slope * (across - across[main])
        upper, lower = top - shift, bottom - shift
        shared = np.minimum(lower, bottom[main]) - np.maximum(upper, top[main])
        writing &= shared > 0.3 * np.minimum(tall, tallest)
        if np.count_nonzero(sure) < 3:
            break
    mates = writing & (tall > 0.45 * tallest) & (tall < 2.2 * tallest)
    weights = tall[mates] * central[mates]
    high = _weighted(upper[mates], weights, 0.2)
    low = _weighted(lower[mates], weights, 0.8)
    area = stats[1:, 4][inside] * central[inside]
    rows = _weighted(top[inside], area, 0.15), _weighted(bottom[inside], area, 0.85)
    if high - low > -TORN * (rows[1] - rows[0]):  # a piece of a broken digit was taken for the line
        high, low, slope = *rows, 0.0
    ends = np.flatnonzero(writing)
    start, stop = float(left[ends].min()), float((left + wide)[ends].max())
    space = BESIDE * (low - high)
    start, stop = max(0.0, start - space), min(float(width), stop + space)
    drift = slope * ((start + stop) / 2 - across[main])
    return Extent(start, stop, high + drift, low + drift, slope)


def _slope(x: NDArray[np.float64], top: NDArray[np.float64], bottom: NDArray[np.float64]) -> float:
    """The slope of the line through the tops and the feet of pieces: the median over all pairs (Theil and Sen).

    0 for fewer than three pieces, for a rise that could not be seen, and for one that is too steep.
    """
    if len(x) < 3:
        return 0.0
    i, j = np.triu_indices(min(len(x), 24), 1)
    apart = x[j] - x[i]
    far = np.abs(apart) > 0.25 * np.ptp(x)
    if not far.any():
        return 0.0
    rises = np.concatenate([((y[j] - y[i])[far] / apart[far]) for y in (top, bottom)])
    slope = float(np.median(rises))
    visible = abs(slope) * np.ptp(x) > MIN_RISE * float(np.median(bottom - top))
    return slope if visible and abs(slope) <= MAX_SLOPE else 0.0


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """The weighted quantile: the values up to it hold this share of the whole weight."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][min(len(order) - 1, int(np.searchsorted(total, share * total[-1])))])


def cut_line(ink: Grey, extent: Extent, width: float = 1.0, height: float = 1.0, shift: float = 0.0) -> Strip | None:
    """The strip of a line in a contrast map; None for a line that is too long for its height, or empty.

    For another look at the same line it is `width` times as wide and `height` times as high as it stands there, and
    `shift` line heights lower. The strip's paper is stretched to 0 and its ink to 255.
    """
    if extent.height < 3 or extent.right - extent.left < 2:
        return None
    down = BAND * height / extent.height
    across = (extent.right - extent.left) * down * width
    if across > WIDTH * SQUEEZE:
        return None
    stretch = down * width * min(1.0, WIDTH / across)
    middle = (extent.left + extent.right) / 2, (extent.top + extent.bottom) / 2 + shift * extent.height
    # strip -> map: columns begin at `left`, the middle of the line is the middle of the strip
    first_row = middle[1] + extent.slope * (extent.left - middle[0]) - HEIGHT / 2 / down
    to_map = np.array([[1 / stretch, 0.0, extent.left], [extent.slope / stretch, 1 / down, first_row]])
    shown = min(WIDTH, max(1, round((extent.right - extent.left) * stretch)))
    source = _average(ink, min(down, stretch))
    matrix = to_map.copy()
    matrix[0] *= source.shape[1] / ink.shape[1]
    matrix[1] *= source.shape[0] / ink.shape[0]
    centred = matrix.copy()
    centred[:, 2] += 0.5 * matrix[:, 0] + 0.5 * matrix[:, 1] - 0.5
    line = cv2.warpAffine(
        source, centred, (shown, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
    )
    paper, dark = percentiles(np.asarray(line, np.uint8), 50, 98)
    strip = np.zeros((HEIGHT, WIDTH), np.uint8)
    strip[:, :shown] = np.clip((line.astype(np.float32) - paper) * (255 / max(MIN_CONTRAST, dark - paper)), 0, 255)
    return Strip(strip, to_map)


def _average(ink: Grey, scale: float) -> Grey:
    """The map averaged down to about twice the wanted size: sampling alone would lose thin strokes."""
    if scale >= 0.75:
        return ink
    size = max(1, round(ink.shape[1] * scale * 1.2)), max(1, round(ink.shape[0] * scale * 1.2))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)

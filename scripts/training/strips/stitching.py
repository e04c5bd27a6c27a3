"""Stitches overlapping digit crops together to lines: real handwriting, with the joints that a pen makes.

ORAND's cheque digits are in the set in the order in which they were written, and were cut with a wide margin: most
crops show a part of the next digit. Two neighbours are stitched where the part that both show is the same ink.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.recognition.ink import contrast

SCALES = np.exp(np.linspace(-0.5, 0.5, 21))
"""Scales that are tried of a crop relative to its neighbour: the set has resized every crop to the same size."""
MIN_SHARED = 8
"""Columns that two crops must have in common."""
MIN_CORRELATION = 0.86
"""Least correlation of the common part. None of 400 random pairs of crops reached 0.85; 56 % of neighbours do."""
PEAKS = 4
"""Positions at each scale whose correlation is computed in full."""
PAPER_LEVEL = 60
"""Ink below this level (0..255) is the pattern of the paper."""
END_SHARE = 0.4
"""Share of the first and the last crop within which parts of other digits are cut off."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The position of a crop on the one before."""

    same: float
    """Correlation of the common part, -1..1."""
    scale: float
    x: int
    y: int


@dataclass(frozen=True, slots=True, eq=False)
class StitchedLine:
    """Two or more digits as they were written."""

    cover: Grey
    """Ink (h, w) uint8, light on black, cropped to the writing."""
    text: str


def stitch_lines(crops: Sequence[Grey], labels: NDArray[np.int64]) -> list[StitchedLine]:
    """All lines that can be stitched of `crops` (n, n) uint8, dark on light, in written order."""
    found = []
    for chain, overlaps in overlapping_runs(crops):
        cover = trim(*blend([crops[i] for i in chain], overlaps))
        if cover is not None:
            found.append(StitchedLine(cover, "".join(str(labels[i]) for i in chain)))
    return found


def overlapping_runs(crops: Sequence[Grey]) -> Iterator[tuple[list[int], list[Overlap]]]:
    """Runs of at least two overlapping crops, and the position of each crop on the one before."""
    chain, overlaps = [0], []
    for i, (here, following) in enumerate(itertools.pairwise(crops), 1):
        if (overlap := best_overlap(here, following)).same > MIN_CORRELATION:
            chain.append(i)
            overlaps.append(overlap)
            continue
        if overlaps:
            yield chain, overlaps
        chain, overlaps = [i], []
    if overlaps:
        yield chain, overlaps


def best_overlap(crop: Grey, following: Grey) -> Overlap:
    """The position of the left part of `following` on the right part of `crop` with the highest correlation."""
    side = len(crop)
    best = Overlap(-1.0, 1.0, 0, 0)
    for scale in SCALES:
        size = round(side * scale)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        other = np.asarray(cv2.resize(following, (size, size), interpolation=how), np.uint8)
        top, bottom = int(0.2 * size), int(0.8 * size)
        if bottom - top >= side:
            continue
        alike = cv2.matchTemplate(crop[:, MIN_SHARED:], other[top:bottom, :MIN_SHARED], cv2.TM_CCOEFF_NORMED)
        for _ in range(PEAKS):
            _, _, _, (x, y) = cv2.minMaxLoc(alike)
            alike[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = -1
            same = correlation(crop, other, x + MIN_SHARED, y - top)
            if same > best.same:
                best = Overlap(same, float(scale), x + MIN_SHARED, y - top)
    return best


def correlation(a: Grey, b: Grey, x: int, y: int) -> float:
    """Correlation of the common part of `a` and of `b` at (x, y) of `a`; -1 if that part is too small."""
    high, low, right = max(0, y), min(len(a), y + len(b)), min(len(a), x + len(b))
    if right - x < MIN_SHARED or low - high < len(a) * 0.4:
        return -1.0
    mine, other = (part.astype(np.float64) for part in (a[high:low, x:right], b[high - y : low - y, : right - x]))
    mine, other = mine - mine.mean(), other - other.mean()
    return float((mine * other).sum() / max(1e-6, np.sqrt((mine**2).sum() * (other**2).sum())))


def blend(crops: Sequence[Grey], overlaps: Sequence[Overlap]) -> tuple[Grey, int, int]:
    """The picture of a line, the column up to which its first crop reaches, and from which on its last does."""
    places = [(1.0, 0.0, 0.0)]
    for overlap in overlaps:
        scale, x, y = places[-1]
        places.append((scale * overlap.scale, x + scale * overlap.x, y + scale * overlap.y))
    side = len(crops[0])
    laid = np.array(places) / np.median([scale for scale, _, _ in places])
    left, top = laid[:, 1:].min(axis=0)
    right, bottom = (laid[:, 1:] + side * laid[:, :1]).max(axis=0)
    size = int(np.ceil(right - left)), int(np.ceil(bottom - top))
    window = np.outer(*[np.sqrt(np.hanning(side + 2)[1:-1])] * 2).astype(np.float32) + np.float32(1e-3)
    total, weights = np.zeros(size[::-1], np.float32), np.zeros(size[::-1], np.float32)
    for crop, (scale, x, y) in zip(crops, laid, strict=True):
        matrix = np.array([[scale, 0, x - left + scale / 2 - 0.5], [0, scale, y - top + scale / 2 - 0.5]])
        weight = cv2.warpAffine(window, matrix, size)
        total += weight * cv2.warpAffine(crop.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE)
        weights += weight
    bare = (weights < 1e-3).astype(np.uint8)
    picture = np.clip(total / np.maximum(weights, 1e-3), 0, 255).astype(np.uint8)
    first, last = laid[0], laid[-1]
    paper = cv2.inpaint(picture, cv2.dilate(bare, np.ones((3, 3), np.uint8)), 3, cv2.INPAINT_TELEA)
    return np.asarray(paper, np.uint8), int(first[1] - left + side * first[0]), int(last[1] - left)


def trim(picture: Grey, first: int, last: int) -> Grey | None:
    """The ink of a line without parts of digits beyond its ends; None if these cannot be separated."""
    ink = contrast(picture)
    ink = np.asarray(cv2.convertScaleAbs(ink, alpha=255 / max(1.0, float(np.percentile(ink, 99)))), np.uint8)
    ink[ink < PAPER_LEVEL] = 0
    empty = (ink > 2 * PAPER_LEVEL).sum(axis=0) == 0
    tail = last + int((1 - END_SHARE) * (ink.shape[1] - last))
    begins, ends = np.flatnonzero(empty[: int(END_SHARE * first)]), np.flatnonzero(empty[tail:])
    if len(begins) == 0 or len(ends) == 0:
        return None
    line = ink[:, begins[-1] : tail + ends[0] + 1]
    x, y, w, h = cv2.boundingRect((line > 2 * PAPER_LEVEL).view(np.uint8))
    return line[y : y + h, x : x + w] if min(w, h) > MIN_SHARED else None

"""Picture -> [Blob]: which pixels are ink, and which of them are connected.

Paper is estimated as the bright envelope of the picture; ink is measured relative to the paper around it, in light and
in shadow. Each connected piece of ink is then cut at a share of its own darkness: that keeps faint pencil whole and
bold marker crisp in one picture. Ruled lines are removed from the pieces that touch them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey, Patch
from edge_daemon.images import MIN_HEIGHT
from edge_daemon.recognition.ruled_lines import connected, is_ruled, without_rules, written_over

if TYPE_CHECKING:
    from cv2.typing import MatLike

SHARE = 0.3
"""Share of a piece's own darkness below which ink is only the blur around a stroke."""
SHARP_EDGE = 0.04
"""Edge width, as a share of the ink's height, up to which ink is sharp."""
AMOUNT = 75.0
"""Amount of unsharp masking per share of edge width beyond SHARP_EDGE."""
MAX_AMOUNT = 5.0
"""Amount of unsharp masking, at most."""
MAX_UNSHARP_HEIGHT = 120
"""Pixels: higher ink is sharp enough in any usable picture, and masking it would cost most."""
MAX_PIECES = 1000
"""Pieces of ink, the largest, that are processed in a cluttered picture: time stays bounded."""
MAX_BLOBS = 300
"""Blobs, the tallest, that are returned: the remains of table lines are many and flat."""
_CUBES = np.arange(256, dtype=np.float64) ** 3


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """One connected piece of ink, in pixels of the working picture."""

    x: int
    y: int
    w: int
    h: int
    ink: Grey
    """(h, w), 0 where there is paper or another blob, up to 255 at its darkest."""
    peak: int
    """How much darker than the paper its ink is, 0..255."""
    chance: float = 0.5
    """The probability that it is a digit's ink, from its surroundings; 0.5: not known."""

    @property
    def right(self) -> int:
        """The x coordinate of its right end."""
        return self.x + self.w

    @property
    def middle(self) -> float:
        """The y coordinate of its middle."""
        return self.y + self.h / 2


@lru_cache(maxsize=1)
def patch_contrast(patch: Patch) -> Grey:
    """The contrast map of a patch, computed once: the line, the glyphs and the punctuation are found in the same map.

    Do not change it.
    """
    return contrast(patch.pixels)


def contrast(picture: Grey) -> Grey:
    """How far each pixel differs from the paper around it, as a share of the paper's brightness: (h, w) 0..255.

    Ink is dark on light or light on dark, whichever is the minority around edges.
    """
    if is_light_on_dark(picture):
        picture = np.asarray(cv2.bitwise_not(picture), np.uint8)
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    reach = max(3, max(small.shape) // 10) | 1  # wider than the broadest stroke that we read
    paper = cv2.morphologyEx(
        cv2.medianBlur(small, 3),
        cv2.MORPH_CLOSE,
        np.ones((reach, reach), np.uint8),
        borderType=cv2.BORDER_REPLICATE,
    )
    paper = cv2.resize(cv2.blur(paper, (5, 5)), picture.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.bitwise_not(cv2.divide(picture, paper, scale=255)), np.uint8)


def is_light_on_dark(picture: Grey) -> bool:
    """Whether the strokes are lighter than their surroundings: by the sign of the local third moment."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    around = cv2.blur(small, (31, 31))
    return cubes(cv2.subtract(small, around)) > cubes(cv2.subtract(around, small))


def cubes(off: MatLike) -> float:
    """The sum of the cubes of a picture's values."""
    return float(_CUBES @ cv2.calcHist([off], [0], None, [256], [0, 256]).ravel())  # (256, 1), with OpenCV 5 (256,)


def find_blobs(ink: Grey) -> list[Blob]:
    """The connected pieces of ink in a contrast map, tallest first, without the ruled lines of the paper."""
    low = threshold(ink)
    binary = np.asarray(cv2.compare(ink, low, cv2.CMP_GT), np.uint8)
    blobs: list[Blob] = []
    for x, y, own in components(binary, ink, MAX_PIECES):
        if is_ruled(own, ink.shape):
            inked = (own > 0).astype(np.uint8)
            rest = without_rules(inked, max(ink.shape))
            rest |= written_over(own, inked & ~rest)
            for px, py, part in components(rest, own, MAX_PIECES):
                blobs.extend(cut_at_share(x + px, y + py, part))
        else:
            blobs.extend(cut_at_share(x, y, own))
    return sorted(blobs, key=lambda b: -b.h)[:MAX_BLOBS]


def components(binary: Grey, ink: Grey, limit: int) -> list[tuple[int, int, Grey]]:
    """The largest connected pieces that are not specks: left, top, and the ink of each, everything else set to 0."""
    labels, stats = connected(binary)
    tall = np.flatnonzero(np.maximum(stats[1:, 2], stats[1:, 3]) >= MIN_HEIGHT) + 1
    largest = tall[np.argsort(-stats[tall, 4], kind="stable")][:limit]
    pieces = []
    for label, (x, y, w, h) in zip(largest.tolist(), stats[largest, :4].tolist(), strict=True):
        own = cv2.inRange(labels[y : y + h, x : x + w], label, label)
        pieces.append((x, y, np.asarray(cv2.bitwise_and(ink[y : y + h, x : x + w], own), np.uint8)))
    return pieces


def threshold(ink: Grey) -> Grey:
    """For each pixel the contrast that separates ink from paper: well above the local grain of the paper.

    The paper is the emptier half of each tile: in a table of blurred lines the median of all pixels is no longer paper.
    """
    sample = ink[::3, ::3]
    tile = max(8, max(sample.shape) // 24)
    down, across = max(1, sample.shape[0] // tile), max(1, sample.shape[1] // tile)
    high, wide = (tile, tile) if min(sample.shape) >= tile else (sample.shape[0] // down, sample.shape[1] // across)
    tiles = sample[: down * high, : across * wide].reshape(down, high, across, wide)
    blocks = tiles.swapaxes(1, 2).reshape(down, across, -1)
    ranks = (blocks.shape[2] - 1) // 4, (blocks.shape[2] - 1) // 20
    level, bottom = np.moveaxis(np.partition(blocks, ranks, axis=2)[:, :, ranks].astype(np.float32), 2, 0)
    grain = np.maximum(level - bottom, 1.0)  # about one standard deviation
    low: Grey = np.clip(level + 4.0 * grain, 16, 64).astype(np.uint8)
    return np.asarray(cv2.resize(low, ink.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def cut_at_share(x: int, y: int, own: Grey) -> list[Blob]:
    """Cut one piece of ink at SHARE of its own darkness: blurred joints fall apart."""
    step = 1 + max(own.shape) // 200  # of large ink a sample is enough
    sample = own[::step, ::step]
    peak = percentile_90(sample[sample > 0]) if sample.any() else float(own.max())
    scaled = sharpen_edges(cv2.convertScaleAbs(own, alpha=255.0 / peak).astype(np.uint8, copy=False))
    dark = cv2.threshold(scaled, 255 * SHARE, 1, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)
    return [
        Blob(x + px, y + py, part.shape[1], part.shape[0], part, int(peak))
        for px, py, part in components(dark, scaled, MAX_PIECES)
    ]


def sharpen_edges(ink: Grey) -> Grey:
    """Unsharp masking of one piece of ink, stronger for wider edges: the holes of a blurred 8 open again."""
    height = ink.shape[0]
    if ink.shape[1] < 3 or not MIN_HEIGHT <= height <= MAX_UNSHARP_HEIGHT:
        return ink
    amount = min(MAX_AMOUNT, AMOUNT * (edge_width(ink) / height - SHARP_EDGE))
    if amount <= 0:
        return ink
    soft = cv2.GaussianBlur(ink, (0, 0), 0.1 * height, borderType=cv2.BORDER_CONSTANT)
    raised = cv2.addWeighted(ink, 1 + amount, soft, -amount, 0, dtype=cv2.CV_16S)
    scale = 255 / percentile_90(raised[raised > 0])
    return cv2.addWeighted(ink, (1 + amount) * scale, soft, -amount * scale, 0).astype(np.uint8, copy=False)


def edge_width(ink: Grey) -> float:
    """Pixels in which ink (0..255) rises from 0 at its sharper edges."""
    steps = np.concatenate((cv2.absdiff(ink[:, 1:], ink[:, :-1]).ravel(), cv2.absdiff(ink[1:], ink[:-1]).ravel()))
    steps = steps[steps > 8]
    return 255 / percentile_90(steps) if steps.size else 0.0


def percentile_90(values: NDArray[Any]) -> float:
    """The value that 90 % do not exceed. (np.percentile takes ten times as long on a few hundred values.)"""
    rank = int(0.9 * (values.size - 1))
    return float(np.partition(values, rank)[rank])


def merge_blobs(blobs: Sequence[Blob]) -> Blob:
    """Several blobs as one."""
    if len(blobs) == 1:
        return blobs[0]
    x, y = min(b.x for b in blobs), min(b.y for b in blobs)
    w, h = max(b.right for b in blobs) - x, max(b.y + b.h for b in blobs) - y
    ink = np.zeros((h, w), np.uint8)
    for b in blobs:
        window = ink[b.y - y : b.y - y + b.h, b.x - x : b.x - x + b.w]
        np.maximum(window, b.ink, out=window)
    return Blob(x, y, w, h, ink, max(b.peak for b in blobs), max(b.chance for b in blobs))

"""Picture -> [Blob]: what is ink, and which of it hangs together.

Paper is estimated as the bright envelope of the picture, so that what counts is how much darker ink is than the paper
around it, in light and in shadow. Each connected piece of ink is then cut at a share of its own darkness: that keeps
faint pencil whole and bold marker crisp in one picture. Long thin straight lines (ruled paper, tables, boxes) are
taken out of the pieces that hang on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.images import MIN_HEIGHT

if TYPE_CHECKING:
    from cv2.typing import MatLike

SHARE = 0.3
"""Of its own darkest: ink fainter than this share is the blur around a stroke."""
SOFT, CRISPER, CRISPEST = 0.04, 75.0, 5.0
"""Edges wider than this share of the ink's height are unsharp; how much is added per share beyond; at most."""
MAX_UNSHARP = 120
"""Pixels: larger ink is sharp enough in any picture that is worth reading, and masking it would cost most."""
DARKER = 1.5
"""Times a rule's darkness: what is darker was written over it."""
CUBES = np.arange(256, dtype=np.float64) ** 3
MOST_16U = (1 << 16) - 1
MAX_PIECES = 1000
"""In a cluttered picture only so many pieces of ink, the largest, are looked at: time stays bounded."""
MAX_BLOBS = 300
"""So many of them, the tallest, are offered to the reader: what is left of table lines is many and flat."""


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
    """That it is a digit's, as the sieve sees it; even where no sieve was asked."""

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def middle(self) -> float:
        return self.y + self.h / 2


def contrast(picture: Grey) -> Grey:
    """How far each pixel differs from the paper around it, as a share of the paper's brightness: 0..255.

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
    """Whether the strokes are lighter than their surroundings: the sign of the local third moment."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    around = cv2.blur(small, (31, 31))
    return cubes(cv2.subtract(small, around)) > cubes(cv2.subtract(around, small))


def cubes(off: MatLike) -> float:
    """The sum of the cubes of a picture's values."""
    return float(CUBES @ cv2.calcHist([off], [0], None, [256], [0, 256]).ravel())  # (256, 1), with OpenCV 5 (256,)


def find_blobs(ink: Grey) -> list[Blob]:
    """The connected pieces of ink, tallest first, lines of the paper's own taken out."""
    low = threshold(ink)
    binary = np.asarray(cv2.compare(ink, low, cv2.CMP_GT), np.uint8)
    blobs: list[Blob] = []
    for x, y, own in components(binary, ink, MAX_PIECES):
        if is_ruled(own, ink.shape):
            inked = (own > 0).astype(np.uint8)
            rest = without_rules(inked, max(ink.shape))
            rest |= written_over(own, inked & ~rest)
            for px, py, part in components(rest, own, MAX_PIECES):
                blobs.extend(sharpen(x + px, y + py, part))
        else:
            blobs.extend(sharpen(x, y, own))
    return sorted(blobs, key=lambda b: -b.h)[:MAX_BLOBS]


def components(binary: Grey, ink: Grey, limit: int) -> list[tuple[int, int, Grey]]:
    """The largest connected pieces that are not specks: left, top and the ink of each, all else blanked out."""
    labels, stats = connected(binary)
    tall = np.flatnonzero(np.maximum(stats[1:, 2], stats[1:, 3]) >= MIN_HEIGHT) + 1
    largest = tall[np.argsort(-stats[tall, 4], kind="stable")][:limit]
    pieces = []
    for label, (x, y, w, h) in zip(largest.tolist(), stats[largest, :4].tolist(), strict=True):
        own = cv2.inRange(labels[y : y + h, x : x + w], label, label)
        pieces.append((x, y, np.asarray(cv2.bitwise_and(ink[y : y + h, x : x + w], own), np.uint8)))
    return pieces


def connected(binary: Grey) -> tuple[MatLike, MatLike]:
    """Labels and statistics, as OpenCV gives them, of the connected pieces; 0 is what lies between them."""
    few = cv2.countNonZero(binary) <= MOST_16U  # there cannot be more pieces; labels of 16 bits take half the time
    kind = cv2.CV_16U if few else cv2.CV_32S
    return cv2.connectedComponentsWithStats(binary, connectivity=8, ltype=kind)[1:3]


def is_ruled(own: Grey, shape: tuple[int, ...]) -> bool:
    """Whether a piece of ink is spread so wide and thin that it may be a table with digits hanging on it."""
    reach = max(own.shape[0] / shape[0], own.shape[1] / shape[1])
    return reach > 0.25 and cv2.countNonZero(own) < 0.35 * own.size


def without_rules(binary: Grey, side: int) -> Grey:
    """Take long, thin, nearly level or upright lines out of a binary picture (0, 1), if there are lines enough.

    Where a stroke crosses a line, the piece of line between its two ends is kept. A single line is taken for a
    digit's own stroke unless it is very long. `side` is the longer side of the whole picture in pixels: what is long
    and thin is measured by it.
    """
    length, thick = max(20, side // 7), max(5, side // 90)
    level = straight_runs(binary, length, thick)
    upright = transposed(straight_runs(transposed(binary), length, thick))
    (across, _, levels), (_, along, uprights) = extent(level), extent(upright)
    longest, count = max(across, along), levels + uprights
    # what is not long is only from edge to edge of its piece: a small box, but not the two strokes of a plus
    apart = groups(level.any(axis=1)) + groups(upright.any(axis=0))
    if longest < side // 2 and (count < 3 or (longest < length and apart < 3)):
        return binary
    off_level, off_upright = binary & ~level, binary & ~upright
    kept_level = cv2.morphologyEx(off_level, cv2.MORPH_CLOSE, np.ones((thick + 3, 1), np.uint8)).astype(np.uint8)
    kept_upright = cv2.morphologyEx(off_upright, cv2.MORPH_CLOSE, np.ones((1, thick + 3), np.uint8)).astype(np.uint8)
    rest: Grey = binary & (off_level | kept_level) & (off_upright | kept_upright)
    return rest


def written_over(own: Grey, rules: Grey) -> Grey:
    """Ink on the rules (0, 1) that is clearly darker than they are: strokes that cross them or run along them."""
    if not rules.any():
        return rules
    level = DARKER * float(np.median(own[rules > 0]))
    return np.asarray((own > level) & (rules > 0), np.uint8)


def groups(there: NDArray[np.bool_]) -> int:
    """How many runs of True there are."""
    return int(there[0]) + int(np.count_nonzero(there[1:] & ~there[:-1]))


def straight_runs(binary: Grey, length: int, thick: int) -> Grey:
    """The level lines of a binary picture: at least `length` long, or from edge to edge (leaning a little is allowed),
    at most `thick`."""
    leaning = np.asarray(cv2.dilate(binary, np.ones((3, 1), np.uint8)), np.uint8)
    runs = beside(~beside(leaning == 0, length), length).view(np.uint8)
    broad = np.asarray(cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((thick, 1), np.uint8)), np.uint8)
    return np.asarray(cv2.dilate(runs, np.ones((3, 1), np.uint8)), np.uint8) & binary & ~broad


def transposed(picture: Grey) -> Grey:
    return np.asarray(cv2.transpose(picture), np.uint8)


def beside(there: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Where anything is in the `length` pixels around, on the same row: a dilation, of what is not there an erosion.
    (Morphology with so long a kernel takes several times as long.)"""
    counts = cv2.boxFilter(
        there.view(np.uint8), cv2.CV_16S, (length, 1), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    return np.asarray(counts) > 0


def extent(lines: Grey) -> tuple[int, int, int]:
    """Longest width, longest height and number of the connected pieces, specks not counted."""
    _, stats = connected(lines)
    real = stats[1:][stats[1:, 4] >= 20]
    return (int(real[:, 2].max()), int(real[:, 3].max()), len(real)) if len(real) else (0, 0, 0)


def threshold(ink: Grey) -> Grey:
    """For each pixel the contrast that tells ink from paper: well above the paper's own grain thereabouts.

    The paper is the emptier half of each tile: in a table of blurred lines the middle of all pixels is no longer paper.
    """
    sample = ink[::3, ::3]
    tile = max(8, max(sample.shape) // 24)
    down, across = max(1, sample.shape[0] // tile), max(1, sample.shape[1] // tile)
    tiles = sample[: down * tile, : across * tile] if min(sample.shape) >= tile else sample
    blocks = tiles.reshape(down, -1, across, tiles.shape[1] // across).swapaxes(1, 2).reshape(down, across, -1)
    ranks = (blocks.shape[2] - 1) // 4, (blocks.shape[2] - 1) // 20
    level, bottom = np.moveaxis(np.partition(blocks, ranks, axis=2)[:, :, ranks].astype(np.float32), 2, 0)
    grain = np.maximum(level - bottom, 1.0)  # about one standard deviation
    low: Grey = np.clip(level + 4.0 * grain, 16, 64).astype(np.uint8)
    return np.asarray(cv2.resize(low, ink.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def sharpen(x: int, y: int, own: Grey) -> list[Blob]:
    """Cut one piece of ink again at a share of its own darkness; blurred joints fall apart."""
    step = 1 + max(own.shape) // 200  # of large ink a sample is enough
    sample = own[::step, ::step]
    peak = nearly_highest(sample[sample > 0]) if sample.any() else float(own.max())
    scaled = crisp(cv2.convertScaleAbs(own, alpha=255.0 / peak).astype(np.uint8, copy=False))
    dark = cv2.threshold(scaled, 255 * SHARE, 1, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)
    return [
        Blob(x + px, y + py, part.shape[1], part.shape[0], part, int(peak))
        for px, py, part in components(dark, scaled, MAX_PIECES)
    ]


def crisp(ink: Grey) -> Grey:
    """Unsharp masking of one piece of ink, the stronger the wider its edges: the holes of a blurred 8 come back."""
    height = ink.shape[0]
    if ink.shape[1] < 3 or not MIN_HEIGHT <= height <= MAX_UNSHARP:
        return ink
    amount = min(CRISPEST, CRISPER * (edge_width(ink) / height - SOFT))
    if amount <= 0:
        return ink
    soft = cv2.GaussianBlur(ink, (0, 0), 0.1 * height, borderType=cv2.BORDER_CONSTANT)
    raised = cv2.addWeighted(ink, 1 + amount, soft, -amount, 0, dtype=cv2.CV_16S)
    scale = 255 / nearly_highest(raised[raised > 0])
    return cv2.addWeighted(ink, (1 + amount) * scale, soft, -amount * scale, 0).astype(np.uint8, copy=False)


def edge_width(ink: Grey) -> float:
    """Pixels in which ink (0..255) comes up from nothing at its sharper edges."""
    steps = np.concatenate((cv2.absdiff(ink[:, 1:], ink[:, :-1]).ravel(), cv2.absdiff(ink[1:], ink[:-1]).ravel()))
    steps = steps[steps > 8]
    return 255 / nearly_highest(steps) if steps.size else 0.0


def nearly_highest(values: NDArray[Any]) -> float:
    """The value that nine in ten do not exceed. (np.percentile takes ten times as long on a few hundred values.)"""
    rank = int(0.9 * (values.size - 1))
    return float(np.partition(values, rank)[rank])


def united(blobs: Sequence[Blob]) -> Blob:
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

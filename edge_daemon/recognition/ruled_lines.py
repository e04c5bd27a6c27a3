"""Ruled lines (ruled paper, tables, boxes): long, thin, straight lines are removed from the ink that touches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

if TYPE_CHECKING:
    from cv2.typing import MatLike

OVERWRITTEN = 1.5
"""Ink on a ruled line that is darker than this many times the line's median was written over it."""
MAX_16U = (1 << 16) - 1
"""The highest label that fits in 16 bits."""


def is_ruled(own: Grey, shape: tuple[int, ...]) -> bool:
    """Whether a piece of ink is so wide and thin that it may be a table with digits touching it."""
    reach = max(own.shape[0] / shape[0], own.shape[1] / shape[1])
    return reach > 0.25 and cv2.countNonZero(own) < 0.35 * own.size


def without_rules(binary: Grey, side: int) -> Grey:
    """A binary picture (0, 1) without its long, thin, nearly level or upright lines, if there are enough of them.

    Where a stroke crosses a line, the piece of line between its two ends is kept. A single line is a digit's own
    stroke unless it is very long. `side` is the longer side of the whole picture in pixels: it defines long and thin.
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
    """Ink on the ruled lines (0, 1) that is clearly darker than they are: strokes that cross them or run along them."""
    if not rules.any():
        return rules
    level = OVERWRITTEN * float(np.median(own[rules > 0]))
    return np.asarray((own > level) & (rules > 0), np.uint8)


def straight_runs(binary: Grey, length: int, thick: int) -> Grey:
    """The level lines of a binary picture, at most `thick` px thick; they may lean a little.

    They are at least `length` px long, or reach from edge to edge.
    """
    leaning = np.asarray(cv2.dilate(binary, np.ones((3, 1), np.uint8)), np.uint8)
    runs = beside(~beside(leaning == 0, length), length).view(np.uint8)
    broad = np.asarray(cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((thick, 1), np.uint8)), np.uint8)
    return np.asarray(cv2.dilate(runs, np.ones((3, 1), np.uint8)), np.uint8) & binary & ~broad


def beside(there: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Where anything is within `length` px on the same row: a dilation. (Of the inverted picture: an erosion.)

    Morphology with so long a kernel takes several times as long.
    """
    counts = cv2.boxFilter(
        there.view(np.uint8), cv2.CV_16S, (length, 1), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    return np.asarray(counts) > 0


def transposed(picture: Grey) -> Grey:
    """The picture with rows and columns exchanged."""
    return np.asarray(cv2.transpose(picture), np.uint8)


def groups(there: NDArray[np.bool_]) -> int:
    """The number of runs of True."""
    return int(there[0]) + int(np.count_nonzero(there[1:] & ~there[:-1]))


def extent(lines: Grey) -> tuple[int, int, int]:
    """Longest width, longest height and number of the connected pieces, without specks."""
    _, stats = connected(lines)
    real = stats[1:][stats[1:, 4] >= 20]
    return (int(real[:, 2].max()), int(real[:, 3].max()), len(real)) if len(real) else (0, 0, 0)


def connected(binary: Grey) -> tuple[MatLike, MatLike]:
    """Labels and statistics of the connected pieces, as OpenCV returns them; label 0 is the background."""
    few = cv2.countNonZero(binary) <= MAX_16U  # there cannot be more pieces; labels of 16 bits take half the time
    kind = cv2.CV_16U if few else cv2.CV_32S
    return cv2.connectedComponentsWithStats(binary, connectivity=8, ltype=kind)[1:3]

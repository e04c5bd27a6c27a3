"""Normalises one glyph's ink into two 28x28 pictures, the input of the digit network. Training and daemon both use
this.

Writers differ in pen, slant, size and proportion. All four are removed before the network: ink of any size and pen
becomes an upright figure of about 20x20 px, with strokes of about 2.5 px and its centre of mass in the middle. A
network trained on one kind of ink then reads other kinds. Sometimes the removed part is what distinguishes a thick 1
from a blob; so a second picture shows the ink as it is, only scaled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

if TYPE_CHECKING:
    from cv2.typing import MatLike

VERSION = 3
"""Increases whenever the output changes: a model works only with the version that it was trained with."""
SIDE = 28
"""Width and height of the result, px."""
VIEWS = 2
"""Channels of the result: the normalised figure, and the ink as it is."""

_INK = 0.3  # share of the darkest ink: less is paper
_CRUMB = 0.08  # share of the largest component's area: less is dirt or part of a neighbour
_WORK = 56  # longer side of the ink while it is processed, px
_FINE = 2  # the figure is drawn this many times larger than the result
_FIT = 20.0  # longer side of the figure in the result, px
_PEN = 2.5  # stroke width in the result, px
_SHEAR = 0.7  # the strongest slant that is removed (35 degrees)
_WIDEN = 3.0  # the short side is stretched at most this many times
_HAIR = 2.5  # work px: a thinner stroke could vanish between the pixels of the fine picture
_FAT = 0.4  # share of the longer side: a thicker stroke is a blob
_GAP = np.ones((5, 5), np.uint8)  # gaps in strokes smaller than this, at work size, are closed
_RIM = np.ones((3, 3), np.uint8)
_NEAR = np.ones((5, 5), np.uint8)


def normalise(ink: Grey) -> Grey:
    """One glyph's ink (h, w) uint8 of any size, 0 = paper, 255 = darkest ink -> (28, 28, VIEWS) uint8, 0 = paper.

    Without ink the pictures are all zero. The margin of paper, the darkness of the ink and its size hardly matter.
    """
    cleaned = _clean(_fit(ink))
    if cleaned is None:
        return np.zeros((SIDE, SIDE, VIEWS), np.uint8)
    grey, mask, whole = cleaned
    plain = _as_it_is(grey)
    area = float(cv2.countNonZero(mask))
    pen = _pen(cv2.distanceTransform(mask, cv2.DIST_L2, 3), area)
    if pen < _HAIR:
        grey = cv2.dilate(grey, _RIM)
    fine = cv2.warpAffine(grey, _placement(mask, pen, upright=whole), (SIDE * _FINE, SIDE * _FINE))
    figure = cv2.resize(_even_strokes(fine), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.merge((figure, plain)), np.uint8)


def _fit(ink: Grey) -> MatLike:
    """The part with ink, its longer side _WORK px, its darkest pixel 255, with a border of 2 px of paper."""
    peak = float(ink.max(initial=0))
    if peak == 0:
        return np.zeros((5, 5), np.uint8)
    x, y, w, h = cv2.boundingRect((ink > peak * _INK).view(np.uint8))
    scale = _WORK / max(w, h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(ink[y : y + h, x : x + w], size, interpolation=how)
    darkest = max(1, int(small.max()))  # thin lines have become paler
    return cv2.copyMakeBorder(cv2.convertScaleAbs(small, alpha=255 / darkest), 2, 2, 2, 2, cv2.BORDER_CONSTANT)


def _clean(grey: MatLike) -> tuple[MatLike, MatLike, bool] | None:
    """(grey, mask, whether it is one piece) without crumbs; None where there is no ink."""
    mask = cv2.threshold(grey, 255 * _INK, 255, cv2.THRESH_BINARY)[1]
    joined = cv2.dilate(mask, _GAP)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_16U)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = areas >= _CRUMB * areas.max()
    if not kept.all():
        joined = np.concatenate(([0], kept * 255)).astype(np.uint8)[labels]
        grey, mask = cv2.bitwise_and(grey, joined), cv2.bitwise_and(mask, joined)
    return grey, mask, int(kept.sum()) == 1


def as_it_is(ink: Grey, height: int, width: int) -> Grey:
    """One glyph's ink cleaned and centred in a picture of any size, for foreign networks."""
    cleaned = _clean(_fit(ink))
    if cleaned is None:
        return np.zeros((height, width), np.uint8)
    return np.asarray(_as_it_is(cleaned[0], height, width), np.uint8)


def _as_it_is(grey: MatLike, height: int = SIDE, width: int = SIDE) -> MatLike:
    """The ink with its longer side _FIT of SIDE px, its centre of mass in the middle of the picture, as in MNIST."""
    tall, wide = (side - 4 for side in grey.shape)  # without the border
    scale = _FIT / _WORK if height == width == SIDE else _FIT / SIDE * min(height / tall, width / wide)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=how)[:height, :width]
    moments = cv2.moments(small)
    h, w = small.shape
    mass = max(moments["m00"], 1.0)
    x = min(width - w, max(0, round(width / 2 - 0.5 - moments["m10"] / mass)))
    y = min(height - h, max(0, round(height / 2 - 0.5 - moments["m01"] / mass)))
    return cv2.copyMakeBorder(small, y, height - h - y, x, width - w - x, cv2.BORDER_CONSTANT)


def _placement(mask: MatLike, pen: float, *, upright: bool) -> NDArray[np.float64]:
    """The affine map (2, 3) from the work picture to the fine one: upright, of standard size, centred by mass.

    Slant is measured by moments, as is usual for MNIST. Sizes are those of the centre line of strokes, so that thick
    and thin pens give the same figure. The short side is stretched as in Liu et al., 2003 (aspect ratio adaptive
    normalisation: short = long * sqrt(sin(pi/2 * aspect))).
    """
    moments = cv2.moments(mask, binaryImage=True)
    area, tall = moments["m00"], moments["mu02"]
    cx, cy = moments["m10"] / area, moments["m01"] / area
    shear = min(_SHEAR, max(-_SHEAR, moments["mu11"] / tall)) if upright and tall > 0 else 0.0
    ys, xs = np.nonzero(mask)
    along = xs - shear * (ys - cy)
    width, height = float(along.max() - along.min() + 1), float(ys[-1] - ys[0] + 1)
    pen = min(pen, _FAT * max(width, height))
    width, height = max(width - pen, 0.0), max(height - pen, 0.0)
    scale = (_FIT - _PEN) / max(width, height)
    stretch = _stretch(min(width, height) * scale, pen * scale)
    sx = scale * _FINE * (stretch if width < height else 1.0)
    sy = scale * _FINE * (1.0 if width < height else stretch)
    middle = (SIDE * _FINE - 1) / 2
    return np.array([[sx, -sx * shear, middle - sx * (cx - shear * cy)], [0.0, sy, middle - sy * cy]])


def _stretch(short: float, pen: float) -> float:
    """The factor by which to stretch the short side of a centre line, which has `short` px in the result.

    It is smaller where the short side is mostly the width of the pen, which would be stretched, too: a thick or wavy 1
    must stay a 1.
    """
    wanted = _FIT * math.sqrt(math.sin(math.pi / 2 * min(1.0, (short + _PEN) / _FIT))) - _PEN
    full = min(wanted / max(short, 1e-6), _WIDEN)
    return 1 + (full - 1) * min(1.0, short / pen)


def _pen(depth: MatLike, area: float) -> float:
    """Stroke width in px: a bar's mean distance to its edge is a quarter of its width. `depth` begins at 1."""
    return max(1.0, 4 * (float(cv2.sumElems(depth)[0]) / area - 0.5))


def _even_strokes(fine: MatLike) -> Grey:
    """The same figure with strokes of _PEN px (here _PEN * _FINE): a level set of the distance to the edge.

    Thick strokes are thinned half by the excess of the whole figure and half by that of each place, so that the thin
    strokes of a broad nib or a serif font remain; thin strokes are all thickened by the same amount.
    """
    mask = cv2.threshold(fine, 255 * _INK, 255, cv2.THRESH_BINARY)[1]
    mask[0] = 0  # ink that fills the picture would have no edge to measure from
    area = max(1, cv2.countNonZero(mask))
    want = _PEN * _FINE / 2
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    excess = _pen(inside, area) / 2 - want
    if excess < 0:
        outside = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 3)
        level = (1.0 - excess) - outside
    else:
        here = cv2.dilate(inside, _NEAR)
        level = inside - 0.5 * (excess + np.maximum(here - (0.5 + want), 0.0))
    return (np.clip(level, 0.0, 1.0) * 255).astype(np.uint8)

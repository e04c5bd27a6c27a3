"""One glyph's ink -> the two 28x28 pictures that the network knows. The ONE normaliser of training and daemon.

Writers differ in pen, slant, size and proportion; digits do not. So all four are taken out before the network
looks: ink of any size and pen becomes an upright figure of about 20x20 px, drawn with a pen of about 2.5 px, its
centre of mass in the middle. A network trained on one kind of ink then reads the others. What that takes away is at
times what tells a fat 1 from a blob; so the network sees the ink beside it as it is, only of standard size.
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
"""Goes up whenever the output changes: a model only works with the version it was trained with."""
SIDE = 28
"""Width and height of the result in px."""
VIEWS = 2
"""Channels of the result: the figure with all that writers differ in taken out; the ink as it is."""

_INK = 0.3  # of the darkest: less is paper
_CRUMB = 0.08  # of the largest component's area: less is dirt or a bit of a neighbour
_WORK = 56  # longer side in px at which the ink is looked at
_FINE = 2  # the figure is drawn this much finer than the result
_FIT = 20.0  # longer side of the figure in the result, px
_PEN = 2.5  # stroke width in the result, px
_SHEAR = 0.7  # the strongest slant that is set upright (35 degrees)
_WIDEN = 3.0  # the most that the short side is stretched
_HAIR = 2.5  # work px: a thinner pen could slip between the pixels of the fine picture
_FAT = 0.4  # of the longer side: what is thicker than this is a blob, not a stroke
_GAP = np.ones((5, 5), np.uint8)  # strokes broken by less than this, at work size, are one piece
_RIM = np.ones((3, 3), np.uint8)
_NEAR = np.ones((5, 5), np.uint8)


def normalise(ink: Grey) -> Grey:
    """One glyph's ink, (h, w) uint8 of any size, 0 = paper, 255 = darkest ink -> (28, 28, VIEWS) uint8, alike.

    No ink gives all-zero pictures. Pure; a margin of paper, the ink's darkness and the size hardly matter.
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
    """The inked part, its longer side _WORK px, its darkest 255, with a border of 2 px of paper."""
    peak = float(ink.max(initial=0))
    if peak == 0:
        return np.zeros((5, 5), np.uint8)
    x, y, w, h = cv2.boundingRect((ink > peak * _INK).view(np.uint8))
    scale = _WORK / max(w, h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(ink[y : y + h, x : x + w], size, interpolation=how)
    darkest = max(1, int(small.max()))  # hairlines have paled
    return cv2.copyMakeBorder(cv2.convertScaleAbs(small, alpha=255 / darkest), 2, 2, 2, 2, cv2.BORDER_CONSTANT)


def _clean(grey: MatLike) -> tuple[MatLike, MatLike, bool] | None:
    """(grey, mask, is it one piece) without crumbs, or None where there is no ink."""
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
    """One glyph's ink in a picture of any size, cleaned and centred, for networks that know nothing of ours."""
    cleaned = _clean(_fit(ink))
    if cleaned is None:
        return np.zeros((height, width), np.uint8)
    return np.asarray(_as_it_is(cleaned[0], height, width), np.uint8)


def _as_it_is(grey: MatLike, height: int = SIDE, width: int = SIDE) -> MatLike:
    """The ink in the middle of a picture, its longer side _FIT of SIDE px, its mass about the middle: MNIST's
    customary way."""
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
    """(2, 3) affine map from the work picture to the fine one: upright, of standard size, its mass in the middle.

    Slant by moments (MNIST's customary deskew); sizes are those of the stroke's centre line, so that a fat pen and
    a thin one end in the same place; the short side is stretched as in Liu et al., 2003 (aspect ratio adaptive
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
    """How much to widen the short side of a centre line: `short` px in the result, the long side being full.

    Less where the short side is mostly pen, which would be stretched with it: a fat or wobbly 1 must stay a 1.
    """
    wanted = _FIT * math.sqrt(math.sin(math.pi / 2 * min(1.0, (short + _PEN) / _FIT))) - _PEN
    full = min(wanted / max(short, 1e-6), _WIDEN)
    return 1 + (full - 1) * min(1.0, short / pen)


def _pen(depth: MatLike, area: float) -> float:
    """Stroke width: a bar's mean distance to its edge is a quarter of its width. `depth` counts from 1."""
    return max(1.0, 4 * (float(cv2.sumElems(depth)[0]) / area - 0.5))


def _even_strokes(fine: MatLike) -> Grey:
    """The same figure with strokes of _PEN px (_PEN * _FINE here): a level set of the distance to the edge.

    Thick strokes are thinned half by what the whole figure has too much and half by what each place has, so that
    the thin stroke of a broad nib or a serif font outlives the thick one; thin strokes are all fattened alike.
    """
    mask = cv2.threshold(fine, 255 * _INK, 255, cv2.THRESH_BINARY)[1]
    mask[0] = 0  # ink from edge to edge would have no distance to anything
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

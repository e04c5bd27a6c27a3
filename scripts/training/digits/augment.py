"""Degrades a glyph as pens, paper, cameras and segmentation do, before normalisation. All light on black.

Ranges are those of a 40 px glyph in a 64 px picture. Half of the training digits go through `degrade`, the other half
stay as written: more kinds of handwriting helped more than more augmentation.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import Grey

SIDE = 64
_GLYPH = 40.0
PENS = (1.6, 9.0)
"""Widths of pens, px."""
THICK_PENS = (7.0, 16.0)
LOW_RESOLUTION = (7.0, 18.0)
"""Longer side of a glyph of few pixels, px."""


def degrade(ink: Grey, rng: Generator) -> Grey:
    """A glyph (h, w) uint8 as if by another pen, on another sheet and by a worse camera; of varying size."""
    glyph = change_pen_width(elastic_distortion(place(ink, rng), rng), rng)
    if rng.random() < 0.08:
        glyph = break_strokes(glyph, rng)
    if rng.random() < 0.12:
        glyph = add_debris(glyph, rng)
    return photograph(glyph, rng)


def thick_pen(ink: Grey, rng: Generator) -> Grey:
    """By a pen as wide as two fifths of the glyph's height: only a 1 stays legible."""
    return photograph(change_pen_width(elastic_distortion(place(ink, rng), rng), rng, THICK_PENS), rng)


def low_resolution(ink: Grey, rng: Generator) -> Grey:
    """The glyph in few pixels and few shades of grey, at times enlarged again: far away, or scanned long ago."""
    glyph = place(ink, rng, turn=5.0)
    if rng.random() < 0.5:
        glyph = change_pen_width(elastic_distortion(glyph, rng), rng)
    blurred = cv2.GaussianBlur(glyph, (0, 0), rng.uniform(0.4, 2.0))
    x, y, w, h = cv2.boundingRect((blurred > 60).view(np.uint8))
    scale = rng.uniform(*LOW_RESOLUTION) / max(w, h, 1)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    small = np.asarray(cv2.resize(blurred[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA), np.float32)
    small += rng.normal(0, rng.uniform(0, 14), small.shape)
    if rng.random() < 0.5:
        small = np.round(small / 16) * 16
    picture = np.pad(np.clip(small, 0, 255).astype(np.uint8), 2)
    if rng.random() < 0.5:
        larger, how = rng.uniform(2, 5), int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        picture = np.asarray(cv2.resize(picture, None, fx=larger, fy=larger, interpolation=how), np.uint8)
    return picture


def degrade_print(ink: Grey, rng: Generator) -> Grey:
    """A printed character: straighter than handwriting, its weight given by the font, else as bad a picture."""
    glyph = place(ink, rng, turn=3.0, slant=0.06)
    if rng.random() < 0.3:
        glyph = change_pen_width(glyph, rng)
    if rng.random() < 0.15:
        glyph = add_debris(glyph, rng)
    return photograph(glyph, rng)


def place(ink: Grey, rng: Generator, turn: float = 8.0, slant: float = 0.18) -> Grey:
    """The glyph in the middle of a SIDE x SIDE picture, about 40 px long, turned, slanted and stretched at random."""
    x, y, w, h = cv2.boundingRect((ink > 0.3 * max(1, int(ink.max(initial=0)))).view(np.uint8))
    angle, shear, wide = np.radians(rng.normal(0, turn)), rng.normal(0, slant), np.exp(rng.normal(0, 0.14))
    scale = _GLYPH / max(w, h, 1)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[wide, -shear], [0.0, 1.0]]) * scale
    middle = np.array([x + (w - 1) / 2, y + (h - 1) / 2])
    shift = (SIDE - 1) / 2 - matrix @ middle
    return np.asarray(cv2.warpAffine(ink, np.column_stack((matrix, shift)), (SIDE, SIDE)), np.uint8)


def elastic_distortion(glyph: Grey, rng: Generator) -> Grey:
    """Elastic distortion (Simard et al., 2003) from a coarse field of random shifts, sd 0.5 to 2.2 px."""
    sd = rng.uniform(0.5, 2.2)
    fields = [
        cv2.resize(rng.normal(0, sd, (5, 5)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    ys, xs = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return np.asarray(cv2.remap(glyph, xs + fields[0], ys + fields[1], cv2.INTER_LINEAR), np.uint8)


def change_pen_width(glyph: Grey, rng: Generator, pens: tuple[float, float] = PENS) -> Grey:
    """The same strokes with a pen of a width between `pens`, in px: the ink's edge is moved in or out."""
    mask = cv2.threshold(glyph, 0.4 * max(1, int(glyph.max())), 255, cv2.THRESH_BINARY)[1]
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 3)
    pen = 4 * (float(inside.sum()) / max(1, cv2.countNonZero(mask)) - 0.5)
    wanted = np.exp(rng.uniform(*np.log(pens)))
    level = np.minimum(inside, 40.0) - outside + max(-0.4 * pen, (wanted - pen) / 2)
    return np.asarray(np.clip(level, 0, 1) * 255, np.uint8)


def break_strokes(glyph: Grey, rng: Generator) -> Grey:
    """Broken strokes, or a side that the segmenter lost."""
    glyph = glyph.copy()
    if rng.random() < 0.6:
        for _ in range(rng.integers(1, 3)):
            x, y, angle = *rng.uniform(16, 48, 2), rng.uniform(0, np.pi)
            dx, dy = 7 * np.cos(angle), 7 * np.sin(angle)
            ends = (int(x - dx), int(y - dy)), (int(x + dx), int(y + dy))
            cv2.line(glyph, *ends, (0,), int(rng.integers(1, 3)))
    else:
        turned = np.rot90(glyph, rng.integers(4))
        columns = np.flatnonzero(turned.any(axis=0))
        if len(columns) > 15:
            turned[:, : columns[0] + rng.integers(1, 5)] = 0
    return glyph


def add_debris(glyph: Grey, rng: Generator) -> Grey:
    """Adds remains of boxes, neighbours and dirt beside a glyph."""
    glyph = np.rot90(glyph, turns := int(rng.integers(4))).copy()
    columns = np.flatnonzero(glyph.any(axis=0))
    edge = int(columns[-1]) if len(columns) else SIDE // 2
    x = int(min(SIDE - 1, edge + rng.integers(1, 7)))
    y, length = int(rng.integers(0, SIDE)), int(rng.integers(4, 22))
    match rng.integers(3):
        case 0:
            cv2.line(glyph, (x, y), (x, y + length), (255,), int(rng.integers(1, 3)))
        case 1:
            cv2.circle(glyph, (x, y), int(rng.integers(1, 4)), (255,), -1)
        case _:
            cv2.ellipse(glyph, (x + 6, y), (6, length // 2), 0, 110, 250, (255,), int(rng.integers(1, 4)))
    return np.ascontiguousarray(np.rot90(glyph, -turns))


def photograph(glyph: Grey, rng: Generator) -> Grey:
    """Blur, fewer pixels, uneven ink, grain, and the threshold below which the segmenter sees paper."""
    picture = np.asarray(cv2.GaussianBlur(glyph, (0, 0), rng.uniform(0.4, 1.8)), np.float32)
    if rng.random() < 0.7:
        scale = rng.uniform(14, 40) / _GLYPH
        smaller = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = np.asarray(smaller, np.float32)
    if rng.random() < 0.5:
        field = rng.uniform(0.55, 1.0, (3, 3)).astype(np.float32)
        picture *= np.clip(cv2.resize(field, picture.shape[::-1], interpolation=cv2.INTER_CUBIC), 0.3, 1)
    picture += rng.normal(0, rng.uniform(0, 10), picture.shape)
    peak = float(np.percentile(picture, 99))
    level = rng.uniform(0.2, 0.45) * peak
    if rng.random() < 0.2:
        return np.asarray((picture > level) * 255, np.uint8)
    return np.asarray(np.clip(np.where(picture > level, picture * (255 / max(peak, 1)), 0), 0, 255), np.uint8)

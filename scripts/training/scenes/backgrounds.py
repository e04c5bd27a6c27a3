"""Draws backgrounds (paper, desks, textures), light, and the effects of a camera.

A background is a reflectance map (h, w) float32 in 0..1. Cluttered ones follow the dead leaves model (Matheron, 1968;
Lee, Mumford and Huang, 2001): overlapping shapes of all sizes have the statistics of photographs.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import Grey

Map = NDArray[np.float32]
Size = tuple[int, int]
"""(height, width)"""

Texture = Callable[[Generator, Size], Map]


def noise(rng: Generator, size: Size, grain: float, stretch: float = 1.0) -> Map:
    """Smooth noise, about -1..1; features of `grain` px, `stretch` times as wide as high."""
    h, w = size
    small = (max(2, round(h / grain) + 2), max(2, round(w / (grain * stretch)) + 2))
    if small[0] * small[1] > h * w:
        small = size
    field = rng.normal(0, 0.6, small).astype(np.float32)
    return np.asarray(cv2.resize(field, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def fractal(rng: Generator, size: Size, coarse: float, fine: float = 2.0, stretch: float = 1.0) -> Map:
    """Octaves of noise, each half as coarse and about 0.6 as strong."""
    total = np.zeros(size, np.float32)
    weight, fall = 1.0, rng.uniform(0.5, 0.85)
    while coarse >= fine:
        total += np.float32(weight) * noise(rng, size, coarse, stretch)
        coarse, weight = coarse / 2, weight * fall
    return total


def rotated(rng: Generator, size: Size, make: Texture, angle: float | None = None) -> Map:
    """A texture at an angle."""
    h, w = size
    side = int(np.hypot(h, w)) + 2
    big = make(rng, (side, side))
    angle = float(rng.uniform(0, 180)) if angle is None else angle
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
    whole = cv2.warpAffine(big, matrix, (side, side), borderMode=cv2.BORDER_REFLECT)
    y, x = (side - h) // 2, (side - w) // 2
    return np.asarray(whole[y : y + h, x : x + w], np.float32)


def paper(rng: Generator, size: Size) -> Map:
    """Smooth to grainy."""
    level = np.float32(rng.uniform(0.6, 0.95))
    sheet = level + np.float32(rng.uniform(0, 0.03)) * noise(rng, size, rng.uniform(20, 200))
    if rng.random() < 0.5:
        sheet += np.float32(rng.uniform(0, 0.02)) * noise(rng, size, rng.uniform(1, 4))
    return sheet


def crumpled(rng: Generator, size: Size) -> Map:
    """Paper that was folded and unfolded: facets with bright and dark creases."""
    h, w = size
    ys, xs = np.mgrid[:h, :w].astype(np.float32)
    sheet = np.full(size, rng.uniform(0.65, 0.9), np.float32)
    for _ in range(rng.integers(3, 14)):
        angle, off = rng.uniform(0, np.pi), rng.uniform(-0.4, 0.4) * max(h, w)
        side = (xs - w / 2) * np.float32(np.cos(angle)) + (ys - h / 2) * np.float32(np.sin(angle)) - np.float32(off)
        sheet += np.float32(rng.normal(0, 0.04)) * np.tanh(side / np.float32(rng.uniform(1, 25)))
        sheet += np.float32(rng.normal(0, 0.05)) * np.exp(-np.abs(side) / np.float32(rng.uniform(1, 6)))
    return sheet + np.float32(0.04) * fractal(rng, size, 80, 16)


def plaster(rng: Generator, size: Size) -> Map:
    """A wall."""
    bumps = fractal(rng, size, rng.uniform(6, 40), 1.5)
    lit = cv2.Sobel(bumps, cv2.CV_32F, 1, 1, ksize=3) if rng.random() < 0.5 else bumps
    return np.asarray(rng.uniform(0.4, 0.9) + rng.uniform(0.02, 0.12) * lit, np.float32)


def wood(rng: Generator, size: Size) -> Map:
    """Boards with rings."""

    def boards(rng: Generator, size: Size) -> Map:
        warp = fractal(rng, size, 90, 8, stretch=8)
        ys = np.mgrid[: size[0], : size[1]][0].astype(np.float32)
        rings = np.sin(ys / np.float32(rng.uniform(2, 14)) + np.float32(rng.uniform(1, 6)) * warp)
        grain = noise(rng, size, 1.5, stretch=20)
        return np.asarray(rng.uniform(0.3, 0.7) + rng.uniform(0.03, 0.15) * rings + 0.06 * grain, np.float32)

    return rotated(rng, size, boards, float(rng.choice([0, 90])) + rng.normal(0, 5))


def fabric(rng: Generator, size: Size) -> Map:
    """Threads, sometimes checks."""

    def cloth(rng: Generator, size: Size) -> Map:
        ys, xs = np.mgrid[: size[0], : size[1]].astype(np.float32)
        pitch = rng.uniform(1.2, 8)
        weave = np.sin(xs / np.float32(pitch)) * np.sin(ys / np.float32(pitch * rng.uniform(0.6, 1.6)))
        cloth = rng.uniform(0.3, 0.8) + rng.uniform(0.03, 0.2) * weave + 0.05 * noise(rng, size, 3)
        if rng.random() < 0.4:
            wide = rng.uniform(10, 60)
            cloth += rng.uniform(0.05, 0.25) * ((xs // wide % 2) + (ys // wide % 2) - 1)
        return np.asarray(cloth, np.float32)

    return rotated(rng, size, cloth)


def stripes(rng: Generator, size: Size) -> Map:
    """Bars of one or several widths, hard or soft: blinds, fences, barcodes, curtains."""

    def bars(rng: Generator, size: Size) -> Map:
        edges = np.cumsum(rng.uniform(3, rng.uniform(6, 60), 400))
        levels = rng.choice([rng.uniform(0.1, 0.5), rng.uniform(0.5, 0.95)], 401)
        if rng.random() < 0.6:
            levels = np.where(np.arange(401) % 2, levels[0], rng.uniform(0.1, 0.95))
        row = levels[np.searchsorted(edges, np.arange(size[1]))]
        return np.asarray(np.tile(row, (size[0], 1)), np.float32)

    return rotated(rng, size, bars) + np.float32(0.03) * noise(rng, size, 4)


def bricks(rng: Generator, size: Size) -> Map:
    """Bricks, tiles or paving, with joints."""

    def wall(rng: Generator, size: Size) -> Map:
        h, w = rng.uniform(10, 60), rng.uniform(20, 140)
        joint = rng.uniform(1, 6)
        ys, xs = np.mgrid[: size[0], : size[1]].astype(np.float32)
        row = (ys // h).astype(int)
        shifted = xs + (row % 2) * w / 2
        column = (shifted // w).astype(int)
        tone = rng.normal(0, 0.06, 997)[(row * 31 + column * 17) % 997]
        gap = (ys % h < joint) | (shifted % w < joint)
        wall = np.where(gap, rng.uniform(0.2, 0.9), rng.uniform(0.3, 0.8) + tone)
        return np.asarray(wall + 0.06 * fractal(rng, size, 12), np.float32)

    return rotated(rng, size, wall, float(rng.choice([0, 90])) + rng.normal(0, 6))


def fur(rng: Generator, size: Size) -> Map:
    """Hair, grass, bark: noise drawn out along a direction that drifts."""
    h, w = size
    ys, xs = np.mgrid[:h, :w].astype(np.float32)
    angle = np.float32(rng.uniform(0, np.pi)) + np.float32(rng.uniform(0.2, 1.5)) * noise(
        rng, size, rng.uniform(60, 300)
    )
    dx, dy = np.cos(angle), np.sin(angle)
    grains = noise(rng, size, rng.uniform(1.0, 5))
    total = np.zeros(size, np.float32)
    for t in np.linspace(-1, 1, 9) * rng.uniform(4, 25):
        total += cv2.remap(grains, xs + np.float32(t) * dx, ys + np.float32(t) * dy, cv2.INTER_LINEAR)
    coat = np.float32(rng.uniform(0.03, 0.12)) * total + np.float32(0.15) * noise(rng, size, 150)
    return np.asarray(rng.uniform(0.25, 0.75) + coat, np.float32)


def cloud(rng: Generator, size: Size) -> Map:
    """Foliage, gravel, lawn, marble: fractal noise, at times cut into levels."""
    field = fractal(rng, size, rng.uniform(20, 250), rng.uniform(1.5, 8), stretch=float(rng.choice([1, 1, 2, 4])))
    if rng.random() < 0.4:
        field = np.tanh(field * np.float32(rng.uniform(2, 8)))
    if rng.random() < 0.3:
        field = np.abs(field)
    return np.asarray(rng.uniform(0.3, 0.7) + rng.uniform(0.1, 0.4) * field, np.float32)


def leaves(rng: Generator, size: Size) -> Map:
    """Dead leaves: overlapping shapes of all sizes, each in one grey."""
    h, w = size
    ground = np.asarray(rng.uniform(0.3, 0.7) + 0.2 * noise(rng, size, 200), np.float32)
    smallest, kind = rng.uniform(2, 20), rng.integers(4)
    for _ in range(int(rng.integers(40, 700))):
        reach = min(smallest / np.sqrt(1 - rng.random()), 0.35 * max(h, w))
        x, y, turn = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0, 360)
        tone = (float(np.clip(rng.normal(0.5, 0.25), 0.02, 0.98)),)
        centre = (int(x), int(y))
        if kind == 0 or (kind == 3 and rng.random() < 0.5):
            axes = (int(reach) + 1, int(reach * rng.uniform(0.1, 1)) + 1)
            cv2.ellipse(ground, centre, axes, turn, 0, 360, tone, -1, cv2.LINE_AA)
        elif kind == 1:
            around = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
            points = np.stack([x + reach * np.cos(around), y + reach * np.sin(around)], 1) + rng.normal(
                0, 1, (len(around), 2)
            )
            cv2.fillPoly(ground, [points.astype(np.int32)], tone, cv2.LINE_AA)
        else:  # blades and twigs
            knots = np.cumsum(rng.normal(0, reach, (4, 2)) + reach * np.array([np.cos(turn), np.sin(turn)]), axis=0)
            curve = cv2.resize(knots.astype(np.float32), (2, 14), interpolation=cv2.INTER_CUBIC) + np.array([x, y])
            cv2.polylines(
                ground, [curve.astype(np.int32)], False, tone, int(rng.integers(1, 3 + int(reach) // 12)), cv2.LINE_AA
            )
    if rng.random() < 0.6:
        ground += np.float32(rng.uniform(0.02, 0.12)) * fractal(rng, size, 16, 1.5)
    if rng.random() < 0.4:
        ground = np.asarray(cv2.GaussianBlur(ground, (0, 0), rng.uniform(0.7, 6)), np.float32)
    return ground


def scenery(rng: Generator, size: Size) -> Map:
    """Two to four textures in regions with hard or soft borders: sky over trees, a car before a wall."""
    ground = CLUTTER[rng.integers(len(CLUTTER))](rng, size)
    for _ in range(rng.integers(1, 4)):
        other = CLUTTER[rng.integers(len(CLUTTER))](rng, size)
        if rng.random() < 0.4:
            other = np.asarray(cv2.GaussianBlur(other, (0, 0), rng.uniform(2, 12)), np.float32)
        region = fractal(rng, size, max(size) * rng.uniform(0.3, 1.0), rng.uniform(2, 60))
        region = np.clip((region - np.float32(rng.uniform(-0.5, 0.5))) * np.float32(np.exp(rng.uniform(0.5, 4))), 0, 1)
        ground = ground + region * (other - ground)
    return np.asarray(ground, np.float32)


SHEETS: tuple[Texture, ...] = (paper, paper, paper, crumpled, plaster)
CLUTTER: tuple[Texture, ...] = (plaster, wood, fabric, stripes, bricks, fur, cloud, leaves, leaves, paper)


def illuminate(rng: Generator, picture: Map) -> Map:
    """Light falling off, hard and soft shadows, glare."""
    h, w = picture.shape
    ys, xs = np.mgrid[:h, :w].astype(np.float32)
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.6)
    slope = (xs / w - 0.5) * np.float32(np.cos(angle)) + (ys / h - 0.5) * np.float32(np.sin(angle))
    light = 1 - np.float32(fall) * (slope + np.float32(0.5))
    for _ in range(int(rng.choice([0, 0, 1, 1, 2]))):
        shade = np.zeros((h, w), np.float32)
        around = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        x, y, reach = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.2, 0.9) * max(h, w)
        points = np.stack([x + reach * np.cos(around), y + reach * np.sin(around)], 1)
        cv2.fillPoly(shade, [points.astype(np.int32)], (1.0,), cv2.LINE_AA)
        if (soft := float(np.exp(rng.uniform(-0.5, 3.5)))) > 1:
            shade = np.asarray(cv2.blur(shade, (int(2 * soft) | 1, int(2 * soft) | 1)), np.float32)
        light = light * (1 - np.float32(rng.uniform(0.1, 0.6)) * shade)
    lit = picture * light
    if rng.random() < 0.12:
        x, y, reach = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.05, 0.3) * max(h, w)
        lit = lit + np.float32(rng.uniform(0.1, 0.7)) * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / np.float32(reach**2))
    return np.asarray(lit, np.float32)


def photograph(rng: Generator, picture: Map) -> Grey:
    """Defocus or motion, exposure, sensor noise, JPEG."""
    if rng.random() < 0.75:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), np.exp(rng.uniform(-1.0, 1.1))), np.float32)
    if rng.random() < 0.1:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), (1.0,))
        kernel = kernel if rng.random() < 0.5 else kernel.T
        picture = np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)
    bright = max(0.05, float(np.percentile(picture[::4, ::4], 97)))
    exposed = np.clip(picture / np.float32(bright), 0, 1.3) ** np.float32(rng.uniform(0.7, 1.4))
    grey = exposed * np.float32(255 * np.sqrt(rng.uniform(0.1, 1.1)))
    grey += np.float32(np.exp(rng.uniform(-1.5, 1.9))) * rng.standard_normal(picture.shape, np.float32)
    if rng.random() < 0.15:  # a cheap camera smooths its own noise
        grey = np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.float32)
    shot = np.clip(grey, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        _, packed = cv2.imencode(".jpg", shot, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 96))])
        shot = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return shot

"""Can it be read at all? How a field looks -> Status, judged against how it looked when it was last read.

Everything is measured on the field at half size. Paper is the median around each pixel, wider than any stroke: what
is written does not change it; a hand, a shadow or a reflection does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey, Status

BLACK, DIM, DARK = 20, 60, 0.25
"""The brightest of a field is darker than BLACK; or than DIM, and than this share of what it was: it is too dark."""
WHITE, FADED, ALL_WHITE, WASHED_OUT = 250, 200, 0.97, 0.6
"""From WHITE on a pixel is saturated. Where nothing is darker than FADED, shares of saturated pixels that are too
much: in any field, and in one that was not so before."""
PAPER_SIDE, STROKE = 48, 0.3
"""Pixels on the shorter side of a field to which its paper is measured, and the share of it that the median spans."""
FOREIGN, COVERED = 1.4, 0.03
"""Paper so many times brighter or darker than the light explains is none; the share of a field that is too much."""
SHINES, SHONE, SPOT = 245, 235, 0.02
"""Paper brighter than the first that should be darker than the second is a reflection; the share that is too much."""
SOFTER = 0.55
"""Edges are blurred when they rise so many times more slowly than they did."""
EDGES, STANDS_OUT = 30, 6.0
"""Pixels at the edges of the smallest digit; how many times higher than the noise a step must be to be one."""


@dataclass(frozen=True, slots=True)
class Light:
    """How much light a picture holds."""

    brightest: float
    """Of its pixels, all but the highest twentieth: 0..255."""
    darkest: float
    """All but the few lowest, as many as a digit may have: 0..255."""
    white: float
    """Share of saturated pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """How a field looked, in the few figures that are compared."""

    light: Light
    paper: NDArray[np.float32]
    """(h, w), at most PAPER_SIDE on the shorter side."""
    crispness: float
    """How steeply its edges rise, as a share of their height per pixel; 0 where there are none."""
    exposure: float
    """Mean of the whole frame: what the lamp and the camera's own exposure explain."""


def light_of(picture: Grey) -> Light:
    """Of a picture (h, w)."""
    levels = np.cumsum(np.bincount(picture[::2, ::2].ravel(), minlength=256))
    few = min(EDGES / 4, 0.5 * levels[-1])
    brightest, darkest = np.searchsorted(levels, 0.95 * levels[-1]), np.searchsorted(levels, few)
    return Light(float(brightest), float(darkest), float(1 - levels[WHITE - 1] / levels[-1]))


def sight(core: Grey, exposure: float, noise: float) -> Sight:
    """Measure a field (h, w) at half size. `noise` is the standard deviation of the difference of two frames."""
    paper = paper_of(core)
    return Sight(light_of(core), paper.astype(np.float32), crispness(core, paper, noise), exposure)


def judge_light(now: Light, good: Light | None) -> Status:
    """TOO_DARK, TOO_BRIGHT or OK; `good` is the light in which it was read, None where there is nothing to compare."""
    if now.brightest < BLACK or (good and now.brightest < min(DIM, DARK * good.brightest)):
        return Status.TOO_DARK
    too_much = WASHED_OUT if good and good.white < WASHED_OUT / 2 else ALL_WHITE
    return Status.TOO_BRIGHT if now.white > too_much and now.darkest > FADED else Status.OK


def judge(now: Sight, good: Sight | None) -> Status:
    """Whether a field that looks like `now` can be read, having looked like `good` when it was; None: not yet."""
    status = judge_light(now.light, good.light if good else None)
    if status is not Status.OK or good is None or good.paper.shape != now.paper.shape:
        return status
    expected = good.paper * np.float32(now.exposure / max(1.0, good.exposure))
    if share((now.paper > SHINES) & (expected < SHONE)) > SPOT:
        return Status.GLARE
    ratio = (now.paper + 8) / (expected + 8)
    if share((ratio > FOREIGN) | (ratio < 1 / FOREIGN)) > COVERED:
        return Status.OBSTRUCTED
    if 0 < now.crispness < SOFTER * good.crispness:
        return Status.BLURRED
    return Status.OK


def share(mask: NDArray[np.bool_]) -> float:
    """How much of a picture is covered by what is broad; slivers along edges do not count."""
    broad = max(3, int(0.1 * min(mask.shape))) | 1
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((broad, broad), np.uint8))
    return cv2.countNonZero(opened) / mask.size


def paper_of(core: Grey) -> Grey:
    """What is written taken out: the median around each pixel, at most PAPER_SIDE px on the shorter side."""
    scale = min(1.0, PAPER_SIDE / min(core.shape))
    width, height = (max(3, round(side * scale)) for side in core.shape[::-1])
    small = cv2.resize(core, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.medianBlur(small, max(3, int(STROKE * min(small.shape))) | 1), np.uint8)


def crispness(core: Grey, paper: Grey, noise: float) -> float:
    """The steepest slopes of what is written against its highest steps, per pixel; 0 where nothing stands out."""
    if min(core.shape) < 8:
        return 0.0
    level = cv2.resize(paper, core.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    ink = cv2.GaussianBlur(core / np.maximum(level, 1), (0, 0), 0.7)
    slopes = np.maximum(np.abs(ink[1:-1, 2:] - ink[1:-1, :-2]), np.abs(ink[2:, 1:-1] - ink[:-2, 1:-1])) / 2
    steps = cv2.dilate(ink, _NEAR) - cv2.erode(ink, _NEAR)
    step = edge(steps)
    return edge(slopes) / step if step > STANDS_OUT * noise / max(1.0, float(np.median(paper))) else 0.0


def edge(values: NDArray[np.float32]) -> float:
    """The value that only so many pixels exceed as the edges of one digit have."""
    return float(np.partition(values.ravel(), -EDGES)[-EDGES])


_NEAR = np.ones((7, 7), np.uint8)

"""Can it be read at all? How a field looks -> Status, judged against how it looked when it was last read.

Everything is measured on the field at half size. Paper is the median around each pixel, wider than any stroke: what
is written does not change it; a hand, a shadow or a reflection does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey, Status

BLACK, DIM, DARK = 20, 60, 0.25
"""The brightest of a field is darker than BLACK; or than DIM, and than this share of what it was: it is too dark."""
WHITE, FADED, ALL_WHITE, WASHED_OUT = 250, 200, 0.97, 0.6
"""From WHITE on a pixel is saturated. Where nothing is darker than FADED, shares of saturated pixels that are too
much: in any field, and in one that was far from it before."""
PAPER_SIDE, STROKE, BROAD = 48, 0.3, 0.2
"""Pixels on the shorter side of a field to which its paper is measured; the shares of it that the median spans, and
from which on something on the paper is broad: thick and dense writing may shine through the median in slivers."""
FOREIGN, COVERED = 1.4, 0.03
"""Paper so many times brighter or darker than the light explains is none; the share of a field that is too much,
where it comes in from outside."""
SHINES, SHONE, SPOT = 252, 222, 0.02
"""Paper brighter than the first that should be darker than the second is a reflection; the share that is too much."""
SOFTER, AS_HIGH = 0.6, 0.15
"""Edges are blurred when they rise so many times more slowly than they did, and at least to this share of their
height: what a cloth leaves behind is soft too, but faint."""
EDGES = 30
"""Pixels at the edges of the smallest digit."""
STROKES, STILL_THERE = 0.4, 0.9
"""Of the contrast, from which on a pixel is a stroke's; the share of the strokes under a shadow that must be seen."""
UNEVEN, WRITTEN = 0.02, 0.2
"""By how much the paper's spread may be wider than it was; the contrast from which on something is written."""


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
    """How steeply its highest edges rise, as a share of their height per pixel."""
    contrast: float
    """How high they are, as a share of the paper's brightness."""
    exposure: float
    """Of the whole frame, see `exposure`."""
    ink: NDArray[np.float32]
    """(h, w) at half size: what is written, as a share of the paper's brightness."""

    def after(self, before: Sight | None) -> Sight:
        """The same, its edges remembered from `before` where hardly any are left: the number was wiped.

        Nor is what grows soft little by little quickly taken for the best that the lens can do.
        """
        if before is None:
            return self
        if self.contrast < 0.5 * before.contrast:
            return replace(self, crispness=before.crispness, contrast=before.contrast)
        return replace(self, crispness=max(self.crispness, 0.9 * before.crispness))


def light_of(picture: Grey) -> Light:
    """Of a picture (h, w)."""
    levels = np.cumsum(np.bincount(picture.ravel(), minlength=256))
    few = min(EDGES, 0.5 * levels[-1])
    brightest, darkest = np.searchsorted(levels, 0.95 * levels[-1]), np.searchsorted(levels, few)
    return Light(float(brightest), float(darkest), float(1 - levels[WHITE - 1] / levels[-1]))


def exposure(small: Grey) -> float:
    """The middle brightness of a frame: what the lamp and the camera's own exposure explain, whatever a hand covers."""
    return float(np.median(small[::4, ::4]))


def sight(core: Grey, exposure: float) -> Sight:
    """Measure a field (h, w) at half size, in a frame of that exposure."""
    paper = paper_of(core)
    ink = ink_of(core, paper)
    return Sight(light_of(core), paper.astype(np.float32), *edges(ink), exposure, ink)


def judge_light(now: Light, good: Light | None) -> Status:
    """TOO_DARK, TOO_BRIGHT or OK; `good` is the light in which it was read, None where there is nothing to compare."""
    if now.brightest < BLACK or (good and now.brightest < min(DIM, DARK * good.brightest)):
        return Status.TOO_DARK
    too_much = WASHED_OUT if good and good.brightest < SHONE else ALL_WHITE
    return Status.TOO_BRIGHT if now.white > too_much and now.darkest > FADED else Status.OK


def judge(now: Sight, good: Sight | None) -> Status:
    """Whether a field that looks like `now` can be read, having looked like `good` when it was; None: not yet."""
    status = judge_light(now.light, good.light if good else None)
    if status is not Status.OK or good is None or good.paper.shape != now.paper.shape:
        return status
    if reflections(now, good).mean() > SPOT:
        return Status.GLARE
    if from_outside(foreign(now, good)) > COVERED:
        return Status.OBSTRUCTED
    if now.crispness < SOFTER * good.crispness and now.contrast > AS_HIGH * good.contrast:
        return Status.BLURRED
    return Status.OK


def reflections(now: Sight, good: Sight) -> Grey:
    """Where a lamp shines off the paper, as 0 and 1, of the size of `paper`."""
    return broad((now.paper > SHINES) & (_expected(now, good) < SHONE))


def foreign(now: Sight, good: Sight) -> Grey:
    """Where something else is than the paper that was there, as 0 and 1, of the size of `paper`."""
    ratio = (now.paper + 8) / (_expected(now, good) + 8)
    return broad((ratio > FOREIGN) | (ratio < 1 / FOREIGN))


def _expected(now: Sight, good: Sight) -> NDArray[np.float32]:
    """The paper as it was, in the light of now."""
    return np.asarray(good.paper * np.float32(now.exposure / max(1.0, good.exposure)), np.float32)


def hides_nothing(now: Sight, good: Sight) -> bool:
    """Whether a field whose paper is not what it was, and stays so, may be read: it lies in another light, in which
    all that was written is still to be seen; or another sheet lies there, with writing on it. A hand, however long it
    rests, leaves a field less even than it was, or blank, and takes away what it lies on."""
    there = cv2.resize(
        foreign(now, good) | reflections(now, good), now.ink.shape[::-1], interpolation=cv2.INTER_NEAREST
    )
    strokes = (np.abs(good.ink - 1) > STROKES * good.contrast) & (there > 0)
    if good.contrast > WRITTEN and strokes.sum() >= EDGES:
        seen = cv2.dilate((np.abs(now.ink - 1) > STROKES / 2 * good.contrast).astype(np.uint8), _NEAR)
        if float(seen[strokes].mean()) > STILL_THERE:
            return True
    return now.contrast > WRITTEN and spread(now.paper) < spread(good.paper) + UNEVEN


def spread(paper: NDArray[np.float32]) -> float:
    """How unevenly bright a field's paper is: standard deviation as a share of the mean."""
    return float(paper.std() / max(1.0, float(paper.mean())))


def broad(mask: NDArray[np.bool_]) -> Grey:
    """What of a mask is broad, as 0 and 1; slivers along edges go."""
    side = max(3, int(BROAD * min(mask.shape))) | 1
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(opened, np.uint8)


def from_outside(mask: Grey) -> float:
    """The share of a picture that is covered by pieces of a mask that reach its border."""
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    x, y, w, h, area = stats[1:].T
    return float(area[(x == 0) | (y == 0) | (x + w == width) | (y + h == height)].sum()) / mask.size


def paper_of(core: Grey) -> Grey:
    """What is written taken out: the median around each pixel, at most PAPER_SIDE px on the shorter side."""
    scale = min(1.0, PAPER_SIDE / min(core.shape))
    width, height = (max(3, round(side * scale)) for side in core.shape[::-1])
    small = cv2.resize(core, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.medianBlur(small, max(3, int(STROKE * min(small.shape))) | 1), np.uint8)


def ink_of(core: Grey, paper: Grey) -> NDArray[np.float32]:
    """(h, w) what is written, as a share of the paper's brightness, smoothed a little against noise."""
    level = cv2.resize(paper, core.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(core / np.maximum(level, 1), (0, 0), 0.7), np.float32)


def edges(ink: NDArray[np.float32]) -> tuple[float, float]:
    """Crispness and contrast of what is written: see Sight."""
    slopes = np.maximum(np.abs(ink[1:-1, 2:] - ink[1:-1, :-2]), np.abs(ink[2:, 1:-1] - ink[:-2, 1:-1])) / 2
    steps = cv2.dilate(ink, _NEAR) - cv2.erode(ink, _NEAR)
    inside = max(4, min(ink.shape) // 8)  # what reaches in from outside shows a step, and no slope
    contrast = highest(steps[inside:-inside, inside:-inside])
    return highest(slopes) / max(contrast, 1e-3), contrast


def highest(values: NDArray[np.float32]) -> float:
    """The value that only so many pixels exceed as the edges of one digit have."""
    if values.size <= EDGES:
        return 0.0
    return float(np.partition(values.ravel(), -EDGES)[-EDGES])


_NEAR = np.ones((7, 7), np.uint8)

"""Whether a field can be read: its appearance -> Status, compared with its appearance when it was last read.

Everything is measured on the field at half size. The paper is the median around each pixel, over a window wider than
any stroke: writing does not change it; a hand, a shadow or a reflection does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey, Status

BLACK = 20
"""Grey level. A field whose brightest part is darker than this is too dark in any case."""
DIM = 60
"""Grey level. Below this a field is too dark if it was much brighter before (DARKENED)."""
DARKENED = 0.25
"""Share of the former brightness below which a field that is darker than DIM is too dark."""
WHITE = 250
"""Grey level from which a pixel counts as saturated."""
FADED = 200
"""Grey level. Where nothing is darker than this, the writing cannot be seen."""
ALL_WHITE = 0.97
"""Share of saturated pixels that is too much in any field without dark pixels (FADED)."""
WASHED_OUT = 0.6
"""The same, in a field whose paper was far from saturated before (NO_REFLECTION)."""
PAPER_SIDE = 48
"""Pixels on the shorter side of the paper picture: paper varies slowly, more would only cost time."""
STROKE = 0.3
"""Share of the paper picture's shorter side that the median spans: wider than any stroke."""
BROAD = 0.2
"""Share of the shorter side from which an area on the paper counts: dense writing shows through the median in
slivers."""
FOREIGN = 1.4
"""Brightness ratio, up or down, beyond which an area is not the paper that was there."""
COVERED = 0.03
"""Share of a field, covered by foreign areas that reach its border, that makes it obstructed."""
REFLECTION = 252
"""Grey level from which paper may be a reflection, where NO_REFLECTION was expected."""
NO_REFLECTION = 222
"""Grey level below which paper is expected not to be saturated: brighter paper may be saturated without a lamp."""
GLARE_SHARE = 0.02
"""Share of a field, covered by reflections, that makes it glare."""
SOFTER = 0.6
"""Ratio of crispness to the former crispness below which a field is blurred."""
AS_HIGH = 0.15
"""Share of the former contrast that blurred edges keep at least: what a cloth leaves behind is soft too, but faint."""
EDGE_PIXELS = 30
"""Pixels at the edges of the smallest digit: as many may exceed a maximum as outliers."""
STROKE_CONTRAST = 0.4
"""Share of the contrast from which a pixel belongs to a stroke."""
STILL_VISIBLE = 0.9
"""Share of the strokes under a shadow that must still be visible."""
UNEVEN = 0.02
"""By how much the paper may be more uneven (standard deviation / mean) than before."""
WRITTEN = 0.2
"""Contrast, as a share of the paper's brightness, from which something is written."""


@dataclass(frozen=True, slots=True)
class Light:
    """How bright a picture is."""

    brightest: float
    """Grey level, 0..255, that 95 % of the pixels do not exceed."""
    darkest: float
    """Grey level, 0..255, of the darkest pixels except the few of a digit's edges (EDGE_PIXELS)."""
    white: float
    """Share of saturated pixels, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """What a field looked like, in the figures that are compared."""

    light: Light
    paper: NDArray[np.float32]
    """(h, w) grey levels, at most PAPER_SIDE px on the shorter side."""
    crispness: float
    """How steeply the highest edges rise: share of their height per pixel."""
    contrast: float
    """How high they are, as a share of the paper's brightness."""
    exposure: float
    """Grey level of the whole frame, see `exposure`."""
    ink: NDArray[np.float32]
    """(h, w) at half size: brightness as a share of the paper's brightness."""

    def after(self, before: Appearance | None) -> Appearance:
        """This appearance as a reference that follows `before`.

        Where hardly any edges are left, the number was wiped: the edges of `before` are kept. Crispness falls by at
        most a tenth, so a lens that slowly becomes soft is not taken as the new best.
        """
        if before is None:
            return self
        if self.contrast < 0.5 * before.contrast:
            return replace(self, crispness=before.crispness, contrast=before.contrast)
        return replace(self, crispness=max(self.crispness, 0.9 * before.crispness))


def measure_light(picture: Grey) -> Light:
    """The light in a picture (h, w)."""
    levels = np.cumsum(np.bincount(picture.ravel(), minlength=256))
    few = min(EDGE_PIXELS, 0.5 * levels[-1])
    brightest, darkest = np.searchsorted(levels, 0.95 * levels[-1]), np.searchsorted(levels, few)
    return Light(float(brightest), float(darkest), float(1 - levels[WHITE - 1] / levels[-1]))


def exposure(small: Grey) -> float:
    """The median grey level of a frame: follows lamp and camera exposure, whatever a hand covers."""
    return float(np.median(small[::4, ::4]))


def measure(core: Grey, exposure: float) -> Appearance:
    """The appearance of a field (h, w) at half size, in a frame of that exposure."""
    paper = estimate_paper(core)
    ink = relative_ink(core, paper)
    return Appearance(measure_light(core), paper.astype(np.float32), *edges(ink), exposure, ink)


def assess_light(now: Light, good: Light | None) -> Status:
    """TOO_DARK, TOO_BRIGHT or OK. `good` is the light in which the field was read; None: nothing to compare with."""
    if now.brightest < BLACK or (good and now.brightest < min(DIM, DARKENED * good.brightest)):
        return Status.TOO_DARK
    too_much = WASHED_OUT if good and good.brightest < NO_REFLECTION else ALL_WHITE
    return Status.TOO_BRIGHT if now.white > too_much and now.darkest > FADED else Status.OK


def assess(now: Appearance, good: Appearance | None) -> Status:
    """Whether a field can be read. `good` is its appearance when it was read; None: it was not read yet."""
    status = assess_light(now.light, good.light if good else None)
    if status is not Status.OK or good is None or good.paper.shape != now.paper.shape:
        return status
    if reflections(now, good).mean() > GLARE_SHARE:
        return Status.GLARE
    if covered_from_border(foreign_areas(now, good)) > COVERED:
        return Status.OBSTRUCTED
    if now.crispness < SOFTER * good.crispness and now.contrast > AS_HIGH * good.contrast:
        return Status.BLURRED
    return Status.OK


def reflections(now: Appearance, good: Appearance) -> Grey:
    """Where a lamp reflects off the paper: a mask of 0 and 1, of the size of `paper`."""
    return broad_areas((now.paper > REFLECTION) & (_expected_paper(now, good) < NO_REFLECTION))


def foreign_areas(now: Appearance, good: Appearance) -> Grey:
    """Where something lies that is not the paper of before: a mask of 0 and 1, of the size of `paper`."""
    ratio = (now.paper + 8) / (_expected_paper(now, good) + 8)
    return broad_areas((ratio > FOREIGN) | (ratio < 1 / FOREIGN))


def _expected_paper(now: Appearance, good: Appearance) -> NDArray[np.float32]:
    """The paper of before, in the light of now."""
    return np.asarray(good.paper * np.float32(now.exposure / max(1.0, good.exposure)), np.float32)


def is_unobstructed(now: Appearance, good: Appearance) -> bool:
    """Whether a field whose paper has long differed from before may be read all the same.

    Either the light is different and all strokes are still visible in it, or another sheet with writing lies there.
    A hand, however long it rests, makes a field more uneven, or blank, and hides the strokes it lies on.
    """
    there = cv2.resize(
        foreign_areas(now, good) | reflections(now, good), now.ink.shape[::-1], interpolation=cv2.INTER_NEAREST
    )
    strokes = (np.abs(good.ink - 1) > STROKE_CONTRAST * good.contrast) & (there > 0)
    if good.contrast > WRITTEN and strokes.sum() >= EDGE_PIXELS:
        seen = cv2.dilate((np.abs(now.ink - 1) > STROKE_CONTRAST / 2 * good.contrast).astype(np.uint8), _NEAR)
        if float(seen[strokes].mean()) > STILL_VISIBLE:
            return True
    return now.contrast > WRITTEN and unevenness(now.paper) < unevenness(good.paper) + UNEVEN


def unevenness(paper: NDArray[np.float32]) -> float:
    """How unevenly bright paper is: standard deviation / mean."""
    return float(paper.std() / max(1.0, float(paper.mean())))


def broad_areas(mask: NDArray[np.bool_]) -> Grey:
    """The broad areas of a mask, as 0 and 1; slivers along edges are removed (morphological opening)."""
    side = max(3, int(BROAD * min(mask.shape))) | 1
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(opened, np.uint8)


def covered_from_border(mask: Grey) -> float:
    """The share of a mask, 0..1, that belongs to connected areas which reach its border."""
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    x, y, w, h, area = stats[1:].T
    return float(area[(x == 0) | (y == 0) | (x + w == width) | (y + h == height)].sum()) / mask.size


def estimate_paper(core: Grey) -> Grey:
    """The paper without the writing: the median around each pixel, at most PAPER_SIDE px on the shorter side."""
    scale = min(1.0, PAPER_SIDE / min(core.shape))
    width, height = (max(3, round(side * scale)) for side in core.shape[::-1])
    small = cv2.resize(core, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.medianBlur(small, max(3, int(STROKE * min(small.shape))) | 1), np.uint8)


def relative_ink(core: Grey, paper: Grey) -> NDArray[np.float32]:
    """(h, w) brightness as a share of the paper's brightness, slightly smoothed against noise; 1.0 is blank paper."""
    level = cv2.resize(paper, core.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(core / np.maximum(level, 1), (0, 0), 0.7), np.float32)


def edges(ink: NDArray[np.float32]) -> tuple[float, float]:
    """Crispness and contrast of the writing, see Appearance."""
    slopes = np.maximum(np.abs(ink[1:-1, 2:] - ink[1:-1, :-2]), np.abs(ink[2:, 1:-1] - ink[:-2, 1:-1])) / 2
    steps = cv2.dilate(ink, _NEAR) - cv2.erode(ink, _NEAR)
    inside = max(4, min(ink.shape) // 8)  # what reaches in from outside has a step there, but no slope
    contrast = near_maximum(steps[inside:-inside, inside:-inside])
    return near_maximum(slopes) / max(contrast, 1e-3), contrast


def near_maximum(values: NDArray[np.float32]) -> float:
    """The value that EDGE_PIXELS pixels reach or exceed; 0 where there are not as many pixels."""
    if values.size <= EDGE_PIXELS:
        return 0.0
    return float(np.partition(values.ravel(), -EDGE_PIXELS)[-EDGE_PIXELS])


_NEAR = np.ones((7, 7), np.uint8)

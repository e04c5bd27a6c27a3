"""How well the camera stands: focus, light, glare and tilt of a picture, as figures to turn a lens by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey, Number, Status
from edge_daemon.fields import quality
from edge_daemon.images import half_size

MIDDLE = 640
"""Pixels on a side of what the focus is measured on, in the middle, where no field is chosen."""
SHARP = 0.36
"""Crispness (see quality.edges) of ink that is as sharp as pixels can show it."""
INK = 0.12
"""Contrast, as a share of the paper's brightness, below which there is nothing to focus on."""
LONG, ENOUGH = 0.12, 0.4
"""A straight edge is so long at least, and all of them together, as shares of the picture's width."""
DIGITS = 3
"""A number of so many digits has a base line."""
SMALLEST = 24
"""Pixels on the shorter side below which focus cannot be measured."""
DIM = 90
"""Brightness of paper, 0..255, below which more light would help."""


@dataclass(frozen=True, slots=True)
class Meters:
    """What the page shows of a picture."""

    focus: int | None
    """0 to 100: how sharp the sharpest ink is, whatever the light. None: there is no ink to focus on."""
    light: int
    """0 to 100: how bright the brightest twentieth is."""
    verdict: str
    """Of the light, in a word: too dark, dim, good, too bright."""
    glare: int
    """Percent of the picture that a reflection covers."""
    tilt: float | None
    """Degrees clockwise by which lines of the page, or of writing, lie askew, -45..45; None: nothing is straight."""


def measure(pixels: Grey, field: Grey | None, numbers: Sequence[Number]) -> Meters:
    """Of a frame (h, w). Focus is that of the `field`'s pixels, or of the middle of the frame."""
    small = half_size(pixels)
    light = quality.measure_light(small)
    focus = focus_of(field if field is not None else middle(pixels))
    tilt = tilt_of(small, numbers)
    shining = quality.broad_areas(quality.estimate_paper(small) > quality.REFLECTION).mean()
    return Meters(focus, round(light.brightest / 2.55), verdict(light), round(100 * float(shining)), tilt)


def middle(pixels: Grey) -> Grey:
    """At most MIDDLE px on a side."""
    height, width = pixels.shape
    top, left = max(0, (height - MIDDLE) // 2), max(0, (width - MIDDLE) // 2)
    return pixels[top : top + MIDDLE, left : left + MIDDLE]


def focus_of(pixels: Grey) -> int | None:
    """See Meters."""
    if min(pixels.shape) < SMALLEST:
        return None
    crispness, contrast = quality.edges(quality.relative_ink(pixels, quality.estimate_paper(pixels)))
    return None if contrast < INK else min(100, round(100 * crispness / SHARP))


def verdict(light: quality.Light) -> str:
    """See Meters."""
    status = quality.assess_light(light, None)
    if status is not Status.OK:
        return "too dark" if status is Status.TOO_DARK else "too bright"
    return "dim" if light.brightest < DIM else "good"


def tilt_of(small: Grey, numbers: Sequence[Number]) -> float | None:
    """The middle angle of long straight edges; without enough of them, of the longest number's base line."""
    edges = straight(small)
    if edges[:, 0].sum() > ENOUGH * small.shape[1]:
        order = np.argsort(edges[:, 1])
        lengths, angles = edges[order].T
        return round(float(angles[np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)]), 1)
    longest = max(numbers, key=lambda number: len(number.digits), default=None)
    if longest is None or len(longest.digits) < DIGITS:
        return None
    centres = np.array([(x + w / 2, y + h / 2) for x, y, w, h in (digit.box for digit in longest.digits)])
    if np.ptp(centres[:, 0]) < 1:
        return None
    slope = np.polyfit(centres[:, 0], centres[:, 1], 1)[0]
    return round(float(np.degrees(np.arctan(slope))), 1)


def straight(small: Grey) -> NDArray[np.float64]:
    """(n, 2): length in pixels and angle to the nearer axis in degrees of each long straight edge."""
    found = cv2.createLineSegmentDetector().detect(small)[0]
    if found is None:
        return np.zeros((0, 2))
    ends = found.reshape(-1, 4).astype(np.float64)
    across, down = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    lengths = np.hypot(across, down)
    angles = (np.degrees(np.arctan2(down, across)) + 45) % 90 - 45
    return np.asarray(np.stack([lengths, angles], axis=1)[lengths > LONG * small.shape[1]], np.float64)

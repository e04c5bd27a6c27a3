"""Measures how well the camera is set up: focus, light, glare and tilt of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey, Number, Status
from edge_daemon.fields import quality
from edge_daemon.images import half_size

MIDDLE = 640
"""Pixels on a side of the middle of the picture, in which focus is measured if no field is chosen."""
SHARP = 0.36
"""The crispness (see quality) of ink that is as sharp as pixels can show."""
INK = 0.12
"""A contrast, as a share of the paper's brightness: below it there is no ink to measure focus on."""
LONG = 0.12
"""The shortest straight edge that counts, as a share of the picture's width."""
MIN_EDGE_LENGTH = 0.4
"""The least length of all of them together, as a share of the picture's width."""
MIN_DIGITS = 3
"""A number with fewer digits has no base line to measure tilt on."""
MIN_SIDE = 24
"""Pixels on the shorter side: in a smaller picture focus cannot be measured."""
DIM = 90
"""Brightness of paper, 0..255: below it more light would help."""
ASKEW = 8.0
"""Degrees: a larger tilt is to be corrected."""
LIGHT_REMEDIES = {
    "too dark": "More light is needed.",
    "dim": "More light would help.",
    "good": "",
    "too bright": "Everything is white: less light, or a lower exposure, is needed.",
}
"""Meters.verdict -> what to do about it."""


@dataclass(frozen=True, slots=True)
class Meters:
    """The measurements that the page shows."""

    focus: int | None
    """0 to 100: how sharp the sharpest ink is, in any light. None: there is no ink to focus on."""
    light: int
    """0 to 100: how bright the brightest twentieth is."""
    verdict: str
    """The light in a word: "too dark", "dim", "good" or "too bright"."""
    glare: int
    """Percent of the picture covered by reflections."""
    tilt: float | None
    """Degrees clockwise, -45..45, by which edges of the page or lines of writing are tilted; None: no line is found."""


def measure(pixels: Grey, field: Grey | None, numbers: Sequence[Number]) -> Meters:
    """The measurements of a frame (h, w); focus is measured in the pixels of `field`, or (None) in the middle."""
    small = half_size(pixels)
    light = quality.measure_light(small)
    focus = focus_of(field if field is not None else middle(pixels))
    tilt = tilt_of(small, numbers)
    shining = quality.broad_areas(quality.estimate_paper(small) > quality.REFLECTION).mean()
    return Meters(focus, round(light.brightest / 2.55), verdict(light), round(100 * float(shining)), tilt)


class Remark(NamedTuple):
    """One measurement in words."""

    text: str
    remedy: str = ""
    """What to do about it; empty: nothing."""
    is_measured: bool = True


def remarks(meters: Meters) -> dict[str, Remark]:
    """Focus, light, glare and tilt in words."""
    return {
        "focus": _focus_remark(meters.focus),
        "light": Remark(f"{meters.light} of 100, {meters.verdict}", LIGHT_REMEDIES[meters.verdict]),
        "glare": _glare_remark(meters.glare),
        "tilt": _tilt_remark(meters.tilt),
    }


def _focus_remark(focus: int | None) -> Remark:
    if focus is None:
        return Remark("no writing to measure it on", "Hold some writing in front of the camera.", is_measured=False)
    return Remark(f"{focus} of 100")


def _glare_remark(glare: int) -> Remark:
    return Remark(f"{glare} % of the picture", "Move the lamp, or turn the camera.") if glare else Remark("none")


def _tilt_remark(tilt: float | None) -> Remark:
    if tilt is None:
        return Remark("no straight edge to measure it by", is_measured=False)
    text = f"{abs(tilt):.0f}°"
    if abs(tilt) < ASKEW:
        return Remark(text)
    back = "anticlockwise" if tilt > 0 else "clockwise"
    return Remark(text, f"Turn the paper {back}, or the camera {'clockwise' if tilt > 0 else 'anticlockwise'}.")


def middle(pixels: Grey) -> Grey:
    """The middle of a picture, at most MIDDLE px on a side."""
    height, width = pixels.shape
    top, left = max(0, (height - MIDDLE) // 2), max(0, (width - MIDDLE) // 2)
    return pixels[top : top + MIDDLE, left : left + MIDDLE]


def focus_of(pixels: Grey) -> int | None:
    """Meters.focus of these pixels (h, w)."""
    if min(pixels.shape) < MIN_SIDE:
        return None
    crispness, contrast = quality.edges(quality.relative_ink(pixels, quality.estimate_paper(pixels)))
    return None if contrast < INK else min(100, round(100 * crispness / SHARP))


def verdict(light: quality.Light) -> str:
    """Meters.verdict of this light."""
    status = quality.assess_light(light, None)
    if status is not Status.OK:
        return "too dark" if status is Status.TOO_DARK else "too bright"
    return "dim" if light.brightest < DIM else "good"


def tilt_of(small: Grey, numbers: Sequence[Number]) -> float | None:
    """The median angle of long straight edges; if there are too few, the angle of the longest number's base line."""
    edges = straight_edges(small)
    if edges[:, 0].sum() > MIN_EDGE_LENGTH * small.shape[1]:
        order = np.argsort(edges[:, 1])
        lengths, angles = edges[order].T
        return round(float(angles[np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)]), 1)
    longest = max(numbers, key=lambda number: len(number.digits), default=None)
    if longest is None or len(longest.digits) < MIN_DIGITS:
        return None
    centres = np.array([(x + w / 2, y + h / 2) for x, y, w, h in (digit.box for digit in longest.digits)])
    if np.ptp(centres[:, 0]) < 1:
        return None
    slope = np.polyfit(centres[:, 0], centres[:, 1], 1)[0]
    return round(float(np.degrees(np.arctan(slope))), 1)


def straight_edges(small: Grey) -> NDArray[np.float64]:
    """Each long straight edge: (n, 2), length in pixels and angle to the nearer axis in degrees."""
    found = cv2.createLineSegmentDetector().detect(small)[0]
    if found is None:
        return np.zeros((0, 2))
    ends = found.reshape(-1, 4).astype(np.float64)
    across, down = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    lengths = np.hypot(across, down)
    angles = (np.degrees(np.arctan2(down, across)) + 45) % 90 - 45
    return np.asarray(np.stack([lengths, angles], axis=1)[lengths > LONG * small.shape[1]], np.float64)

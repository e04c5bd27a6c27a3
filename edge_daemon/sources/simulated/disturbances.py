"""Disturbances between camera and page: night, glare, a hand, a lens out of focus, a camera that was pushed.

Light is modelled physically: a hand absorbs light and casts a shadow, glare adds light that is reflected by neither
paper nor ink, and a saturated sensor gives 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Disturbance = Literal["none", "night", "glare", "hand", "blur", "nudge", "knock"]
Point = tuple[float, float]

PERIOD = 60.0
"""Seconds from one disturbance to the next."""
LASTS = 15.0
"""Seconds that a disturbance lasts."""
SKIN = 0.45
"""Share of the light that a hand reflects."""
HAND = ((0, 0), (0.35, -0.25), (0.9, -0.35), (1.5, 0.1), (6, 3.4), (5, 4.6), (0.9, 1.1), (0.35, 0.75), (-0.1, 0.25))
"""The outline of a hand and its arm, from the finger tips, in widths of the hand."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one picture. The defaults are without any disturbance."""

    light: float = 1.0
    """Factor on the scene's light: 0.02 is a room at night, 3 saturates the sensor."""
    blur: float = 0.0
    """Pixels (sigma) of blur in addition to that of the lens."""
    glare: Point | None = None
    """The middle of a lamp's reflection, in pixels of the frame."""
    hand: Point | None = None
    """The finger tips that hold the pen, in pixels of the frame; the arm comes from the lower right."""
    nudge: Point = (0.0, 0.0)
    """Pixels by which the camera was pushed."""


CLEAR = Conditions()


def conditions_at(disturbance: Disturbance, seconds: float, size: tuple[int, int], pen: Point | None) -> Conditions:
    """The conditions at `seconds` with one kind of disturbance at the end of each minute.

    A hand is there whenever something is written or wiped, where the `pen` is. A pushed camera stays pushed until the
    next minute begins.
    """
    if disturbance == "hand":
        return Conditions(hand=pen)
    into = (seconds % PERIOD - (PERIOD - LASTS)) / LASTS
    if into < 0:
        return CLEAR
    depth = float(min(1.0, 6 * into, 6 * (1 - into)))
    width, height = size
    match disturbance:
        case "night":
            return Conditions(light=1 - 0.985 * depth)
        case "glare":
            return Conditions(glare=((1.4 * into - 0.2) * width, 0.45 * height))
        case "blur":
            return Conditions(blur=0.018 * height * depth)
        case "nudge":
            return Conditions(nudge=(0.008 * width, -0.006 * height))
        case "knock":
            return Conditions(nudge=(0.13 * width, 0.11 * height))
    return CLEAR


def with_hand(lit: Plane, light: Plane, tips: Point) -> Plane:
    """A lit page (h, w) with a hand on it, in the page's light, and the hand's soft shadow."""
    height, width = lit.shape
    unit = 0.22 * height  # the width of the hand
    shape = _hand(tips, unit)
    cover = np.zeros(lit.shape, np.uint8)
    cv2.fillPoly(cover, [np.rint(shape * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    cast = cv2.warpAffine(cover, np.array([[1, 0, -0.15 * unit], [0, 1, 0.1 * unit]], np.float32), (width, height))
    cast = cv2.blur(cast, (max(3, int(0.2 * unit)) | 1,) * 2)
    shaded = lit * (1 - np.float32(0.45 / 255) * cast)
    skin = light * np.float32(SKIN)
    there = cover / np.float32(255)
    return np.asarray(shaded + (skin - shaded) * there, np.float32)


def _hand(tips: Point, unit: float) -> NDArray[np.float32]:
    """The outline (n, 2) of a hand and its arm, finger tips at `tips`."""
    return np.array([(tips[0] + x * unit, tips[1] + y * unit) for x, y in HAND], np.float32)


def glare(shape: tuple[int, ...], middle: Point) -> Plane:
    """The light that a glossy surface reflects into the lens, in grey levels to add: (h, w), over 255 in its middle."""
    height, width = shape[:2]
    x = (np.arange(width, dtype=np.float32) - np.float32(middle[0])) / np.float32(0.11 * height)
    y = (np.arange(height, dtype=np.float32) - np.float32(middle[1])) / np.float32(0.08 * height)
    return np.asarray(420 * np.exp(-(x[None] ** 2) / 2) * np.exp(-(y[:, None] ** 2) / 2), np.float32)

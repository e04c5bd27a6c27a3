"""Has anything changed? Asked of every frame, so that a still scene costs next to nothing.

Two steps, both on the frame at half its size, where four pixels' noise is one's. `Glance` asks of the whole frame
whether anything has moved beyond the noise since it last struck: three passes in whole numbers. Only then
`differs` compares a part of it, as light and shadow have it now, with what was last read there; that reference stays,
so what comes slowly is noticed too.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

FEW = 16
"""So many pixels (at half size) beyond their tolerance are chance; one thin digit is more."""
GLANCE, SURE = 4.0, 3.5
"""Standard deviations of the noise that a pixel may be off, at a glance and in the comparison."""
TREMBLE, EDGE = 0.25, 0.35
"""Of the contrast right around a pixel it may be off as well, likewise: edges tremble, and never quite come back."""
RIM = 3
"""Pixels at the border of a picture that are not compared: there, what shifts comes from nowhere."""
PATCH, IN_PATCH = 5, 6
"""Pixels on a side of a patch, and how many of its pixels must be off: noise is spread out, strokes are not."""
LIGHT = 1.3
"""Light that is so many times brighter, or darker, than it was is a change, even where nothing else is."""
CELL = 8
"""Pixels (at half size) to which the light is levelled out."""
FIRST_NOISE = 2.0
"""Grey levels, until it has been measured."""


class Glance:
    """Whether anything in the frame has moved beyond the noise since this last said so."""

    def __init__(self) -> None:
        self.noise = FIRST_NOISE
        """Standard deviation of the difference of two frames at half size, in grey levels."""
        self._before: Grey | None = None
        self._reference: Grey | None = None
        self._low, self._high = _NOTHING, _NOTHING
        self._within = _NOTHING
        self._seen = 0

    def strikes(self, small: Grey) -> Grey | None:
        """Where `small` (from `half`) is off, 255 in a picture of 0; None: nowhere. The first is all 255."""
        if self._reference is None or self._reference.shape != small.shape:
            self._within = np.empty_like(small)
            self._renew(small)
            return np.full_like(small, 255)
        before, self._before = self._before, small
        cv2.inRange(small, self._low, self._high, dst=self._within)
        self._seen += 1
        if self._seen > 1 and small.size - cv2.countNonZero(self._within) < FEW:
            return None
        if before is not None:
            self._learn(small, before)
        self._renew(small)
        return np.asarray(cv2.bitwise_not(self._within), np.uint8) if self._seen > 1 else None

    def _learn(self, small: Grey, before: Grey) -> None:
        """The noise between two frames in a row, where nothing moved; what moved is left out."""
        step = cv2.absdiff(small, before)
        still = (step <= max(12.0, 4 * self.noise)).astype(np.uint8)
        measured = 1.2533 * cv2.mean(step, still)[0]  # of a normal distribution: from mean to standard deviation
        self.noise = max(0.5, measured if self._seen == 1 else 0.8 * self.noise + 0.2 * measured)

    def _renew(self, small: Grey) -> None:
        self._before = self._reference = small
        contrast = cv2.subtract(cv2.dilate(small, _AROUND), cv2.erode(small, _AROUND))
        tolerance = cv2.convertScaleAbs(contrast, alpha=TREMBLE, beta=max(3.0, GLANCE * self.noise))
        self._low = np.asarray(cv2.subtract(small, tolerance), np.uint8)
        self._high = np.asarray(cv2.add(small, tolerance), np.uint8)


_NOTHING = np.empty((0, 0), np.uint8)
_AROUND = np.ones((3, 3), np.uint8)


def differs(now: Grey, then: Grey, noise: float) -> bool:
    """Whether two pictures (h, w) of one place show different things; light that changed a little is no difference.

    `noise` is the standard deviation of the difference of two frames.
    """
    light = lighting(now, then)
    if light.max() > LIGHT or light.min() < 1 / LIGHT:
        return True
    expected = then * cv2.resize(light, now.shape[::-1], interpolation=cv2.INTER_LINEAR)
    contrast = cv2.dilate(expected, _AROUND) - cv2.erode(expected, _AROUND)
    off = np.abs(now - expected) > max(2.5, SURE * noise) + EDGE * contrast
    off[:RIM], off[-RIM:], off[:, :RIM], off[:, -RIM:] = False, False, False, False
    crowd = cv2.boxFilter(off.astype(np.uint8), -1, (PATCH, PATCH), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return bool(crowd.max() >= IN_PATCH)


def lighting(now: Grey, then: Grey) -> NDArray[np.float32]:
    """How many times brighter each part of a picture is than it was: (h / CELL, w / CELL), smooth."""
    size = (max(1, now.shape[1] // CELL), max(1, now.shape[0] // CELL))
    cells = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) for picture in (now, then)]
    smooth = [cv2.blur(cell, (5, 5), borderType=cv2.BORDER_REPLICATE) + 4 for cell in cells]  # + 4: the dark is noise
    return np.asarray(smooth[0] / smooth[1], np.float32)

"""Change detection: a still scene costs next to nothing.

Two steps, both on the frame at half size, where each pixel is the mean of four and has half the noise.
`ChangeDetector.changed_mask` compares every frame with the last one that differed beyond the noise: three integer
operations per pixel. Only where it finds something, `differs` compares one place with a reference picture of it,
corrected for light and shadow. The caller keeps that reference until it reads the place again, so slow changes are
found too.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

MIN_CHANGED = 16
"""Pixels at half size. Fewer changed pixels are chance; one thin digit has more."""
MASK_SIGMAS = 4.0
"""Standard deviations of the noise that a pixel may differ before `changed_mask` counts it."""
MASK_EDGE = 0.25
"""Share of the local contrast that a pixel may differ in addition: edges move a little in every frame."""
COMPARE_SIGMAS = 3.5
"""As MASK_SIGMAS, for `differs`: lower, because several changed pixels must lie together."""
COMPARE_EDGE = 0.35
"""As MASK_EDGE, for `differs`: higher, because the light correction never restores an edge exactly."""
BORDER = 3
"""Pixels at the border of a picture that are not compared: after a shift their content is made up."""
CLUSTER_SIDE = 5
"""Pixels on a side of the square in which changed pixels are counted."""
CLUSTER = 6
"""Changed pixels in one such square that make a change: noise is spread out, strokes are not."""
MAX_BRIGHTNESS_RATIO = 1.3
"""A brightness ratio beyond this, up or down, counts as a change even where nothing else differs."""
CELL = 8
"""Pixels at half size on a side of the cells over which brightness is averaged."""
FIRST_NOISE = 2.0
"""Grey levels: the assumed noise until it has been measured."""
NOISE_SAMPLE = 12.0
"""Grey levels. Pixels that differ by no more than this, or 4 standard deviations, are used to measure the noise."""
MIN_NOISE = 0.5
"""Grey levels: the measured noise is never taken as lower than this; rounding alone makes 0.4."""

_NOTHING = np.empty((0, 0), np.uint8)
_NEIGHBOURS = np.ones((3, 3), np.uint8)


class ChangeDetector:
    """Finds where a frame differs from the last one that differed, and measures the camera's noise."""

    def __init__(self) -> None:
        self.noise = FIRST_NOISE
        """Standard deviation of the difference of two frames at half size, in grey levels."""
        self._previous: Grey | None = None
        self._reference: Grey | None = None
        self._low, self._high = _NOTHING, _NOTHING
        self._within = _NOTHING
        self._frames = 0

    def changed_mask(self, small: Grey) -> Grey | None:
        """255 where `small`, a frame at half size, has changed, else 0; None: nowhere. All 255 for the first frame."""
        if self._reference is None or self._reference.shape != small.shape:
            self._within = np.empty_like(small)
            self._set_reference(small)
            return np.full_like(small, 255)
        previous, self._previous = self._previous, small
        cv2.inRange(small, self._low, self._high, dst=self._within)
        self._frames += 1
        if self._frames > 1 and small.size - cv2.countNonZero(self._within) < MIN_CHANGED:
            return None
        if previous is not None:
            self._measure_noise(small, previous)
        self._set_reference(small)
        return np.asarray(cv2.bitwise_not(self._within), np.uint8) if self._frames > 1 else None

    def _measure_noise(self, small: Grey, previous: Grey) -> None:
        """Update the noise from two consecutive frames, without the pixels where something moved."""
        step = cv2.absdiff(small, previous)
        still = (step <= max(NOISE_SAMPLE, 4 * self.noise)).astype(np.uint8)
        measured = 1.2533 * cv2.mean(step, still)[0]  # normal distribution: mean deviation to standard deviation
        self.noise = max(MIN_NOISE, measured if self._frames == 1 else 0.8 * self.noise + 0.2 * measured)

    def _set_reference(self, small: Grey) -> None:
        self._previous = self._reference = small
        contrast = cv2.subtract(cv2.dilate(small, _NEIGHBOURS), cv2.erode(small, _NEIGHBOURS))
        tolerance = cv2.convertScaleAbs(contrast, alpha=MASK_EDGE, beta=max(3.0, MASK_SIGMAS * self.noise))
        self._low = np.asarray(cv2.subtract(small, tolerance), np.uint8)
        self._high = np.asarray(cv2.add(small, tolerance), np.uint8)


def differs(now: Grey, then: Grey, noise: float) -> bool:
    """Whether two pictures (h, w) of one place show different things; slightly different light is no difference.

    `noise` is the standard deviation of the difference of two frames, in grey levels.
    """
    ratio = brightness_ratio(now, then)
    if ratio.max() > MAX_BRIGHTNESS_RATIO or ratio.min() < 1 / MAX_BRIGHTNESS_RATIO:
        return True
    expected = then * cv2.resize(ratio, now.shape[::-1], interpolation=cv2.INTER_LINEAR)
    contrast = cv2.dilate(expected, _NEIGHBOURS) - cv2.erode(expected, _NEIGHBOURS)
    off = np.abs(now - expected) > max(2.5, COMPARE_SIGMAS * noise) + COMPARE_EDGE * contrast
    off[:BORDER], off[-BORDER:], off[:, :BORDER], off[:, -BORDER:] = False, False, False, False
    square = (CLUSTER_SIDE, CLUSTER_SIDE)
    near = cv2.boxFilter(off.astype(np.uint8), -1, square, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return bool(near.max() >= CLUSTER)


def brightness_ratio(now: Grey, then: Grey) -> NDArray[np.float32]:
    """Brightness now divided by brightness then, for each cell: (h / CELL, w / CELL), smoothed."""
    size = (max(1, now.shape[1] // CELL), max(1, now.shape[0] // CELL))
    cells = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) for picture in (now, then)]
    smooth = [cv2.blur(cell, (5, 5), borderType=cv2.BORDER_REPLICATE) + 4 for cell in cells]  # + 4: the dark is noise
    return np.asarray(smooth[0] / smooth[1], np.float32)

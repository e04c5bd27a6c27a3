"""Image registration: how far the content of a picture has shifted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

Shift = tuple[float, float]
"""x and y in pixels."""
Details = NDArray[np.float32]
"""A picture (h, w) minus its light and shadow."""

MAX_SIDE = 160
"""Pixels on the longer side of the pictures that are compared: more costs time and gains nothing."""
MIN_CORRELATION = 0.55
"""Correlation (-1..1) of the two pictures, shift undone, from which an estimate is accepted."""
NEW_HOME_AFTER = 300.0
"""Seconds after which a picture that can no longer be compared with the home picture becomes the new home picture."""
LARGE_SHIFT = 2
"""Pixels from which a shift must fit much better than no shift at all."""
CORRELATION_GAIN = 0.1
"""How far below the required correlation the unshifted pictures must be, for a large shift."""
PARTS = 4
"""Parts on a side into which a picture is divided to check that it has moved as a whole."""
AGREEMENT = 0.75
"""Share of all details that must lie in parts that have moved alike."""
BETTER_FIT = 0.5
"""A part has moved where its squared difference with the shift is below this share of the one without."""
MIN_SIGNAL = 2.0
"""Standard deviations of the noise that a picture's details must have to be compared."""
MEAN_WINDOW = 15
"""Pixels on a side of the window whose mean is taken as light and shadow."""


@dataclass(slots=True)
class ShiftTracker:
    """Measures how far a place has shifted since its first picture, so that errors do not add up.

    Where the place differs too much from that first picture, its home, the shift is measured from the last usable
    picture; when that lasts NEW_HOME_AFTER seconds, the last picture becomes the home.
    """

    min_correlation: float = MIN_CORRELATION
    """Correlation from which a shift is accepted."""
    as_a_whole: bool = True
    """Whether all parts must have moved alike. Not required where paper slips over a desk that stays."""
    shift: Shift = (0.0, 0.0)
    """The last measured shift, in pixels of the pictures."""
    _home: tuple[Grey, Shift] | None = None
    _last: tuple[Grey, Shift] | None = None
    _lost_since: float | None = None
    _is_lost: bool = True

    def measure(self, now: Grey, noise: float) -> Shift | None:
        """The shift of the picture `now`; None when it cannot be measured."""
        shift = self._from(self._home, now, noise)
        self._is_lost = shift is None
        shift = shift or self._from(self._last, now, noise)
        self.shift = shift or self.shift
        return shift

    def accept(self, now: Grey, mono: float) -> None:
        """Use `now`, the picture measured last, as a reference: nothing covers the place in it."""
        self._last = now, self.shift
        if not self._is_lost:
            self._lost_since = None
        elif self._home is None or (self._lost_since is not None and mono - self._lost_since > NEW_HOME_AFTER):
            self._home, self._lost_since = self._last, None
        else:
            self._lost_since = mono if self._lost_since is None else self._lost_since

    def _from(self, reference: tuple[Grey, Shift] | None, now: Grey, noise: float) -> Shift | None:
        if reference is None:
            return None
        step = estimate_shift(now, reference[0], noise, self.min_correlation, self.as_a_whole)
        return None if step is None else add(reference[1], step)


def estimate_shift(
    now: Grey, then: Grey, noise: float, min_correlation: float = MIN_CORRELATION, as_a_whole: bool = True
) -> Shift | None:
    """(x, y) in pixels by which the content of `then` (h, w) has moved in `now`; None where that cannot be measured.

    Phase correlation (Kuglin and Hines 1975) under a Hann window. It is accepted only if the two pictures correlate
    once the shift is undone, and clearly less without it. `as_a_whole`: the entire picture must have moved, not only
    something in it. `noise` is the standard deviation of the difference of two frames, in grey levels.
    """
    shrink = max(1.0, max(now.shape) / MAX_SIDE)
    size = (max(8, round(now.shape[1] / shrink)), max(8, round(now.shape[0] / shrink)))
    a, b = (_details(picture, size) for picture in (then, now))
    floor = MIN_SIGNAL * noise / (1.4 * shrink)
    if min(float(a.std()), float(b.std())) < floor:
        return None
    (x, y), _ = cv2.phaseCorrelate(a, b, cv2.createHanningWindow(size, cv2.CV_32F))
    if correlation(b, a, round(x), round(y)) < min_correlation:
        return None
    if max(abs(x), abs(y)) >= LARGE_SHIFT:
        if correlation(b, a, 0, 0) > min_correlation - CORRELATION_GAIN:
            return None
        if as_a_whole and not moved_as_a_whole(b, a, round(x), round(y), floor):
            return None
    return x * now.shape[1] / size[0], y * now.shape[0] / size[1]


def add(shift: Shift, step: Shift) -> Shift:
    """The sum of two shifts."""
    return shift[0] + step[0], shift[1] + step[1]


def translate(picture: Grey, x: float, y: float) -> Grey:
    """The picture moved by (x, y) pixels; the gap at its edges repeats the edge pixels."""
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return np.asarray(cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def correlation(now: Details, then: Details, x: int, y: int) -> float:
    """The correlation, -1..1, of two pictures where they overlap if `then` has moved by (x, y) whole pixels.

    0 where they do not overlap.
    """
    here, there = _overlap(now, x, y), _overlap(then, -x, -y)
    size = float(np.sqrt((here * here).sum() * (there * there).sum()))
    return float((here * there).sum()) / size if size else 0.0


def moved_as_a_whole(now: Details, then: Details, x: int, y: int, floor: float) -> bool:
    """Whether the picture has moved, and not something in it.

    Nearly all parts, each weighted by its details, must fit much better with the shift; none with details above
    the noise `floor` may fit much better without it. (On squared paper a shift by one square fits as well as none.)
    """
    here, there, unmoved = _overlap(now, x, y), _overlap(then, -x, -y), _overlap(then, x, y)
    if min(here.shape) < PARTS:
        return False
    moved, stayed, detail = (_part_means(d * d) for d in (here - there, here - unmoved, here))
    against = detail[stayed < BETTER_FIT * moved].max(initial=0.0)
    return bool(detail[moved < BETTER_FIT * stayed].sum() > AGREEMENT * detail.sum() and against < floor * floor)


def _overlap(details: Details, x: int, y: int) -> Details:
    """The part of a picture, moved by (x, y), that is also in the picture before it moved."""
    height, width = details.shape
    return details[max(0, y) : max(0, height + min(0, y)), max(0, x) : max(0, width + min(0, x))]


def _part_means(squares: Details) -> Details:
    """The means over PARTS x PARTS parts of a picture."""
    return np.asarray(cv2.resize(squares, (PARTS, PARTS), interpolation=cv2.INTER_AREA), np.float32)


def _details(picture: Grey, size: tuple[int, int]) -> Details:
    """The picture, shrunk, minus its local mean (light and shadow), slightly smoothed against noise."""
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    plain = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 0.8)
    return np.asarray(plain - cv2.blur(plain, (MEAN_WINDOW, MEAN_WINDOW)), np.float32)

"""How far what a picture shows has shifted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey

Shift = tuple[float, float]
"""x and y in pixels."""
Details = NDArray[np.float32]
"""A picture (h, w) less its light and shadow."""

LARGEST = 160
"""Pixels on the longer side of what is compared: more would only cost."""
ALIKE = 0.55
"""Correlation of the two, the shift undone, from which it is believed."""
LOST = 300.0
"""Seconds after which pictures that cannot be compared with the first any more get a new one to be compared with."""
FAR, MUCH = 2, 0.1
"""Pixels from which on a shift must be a much better fit than none, and by how much less none must be alike."""
PARTS, AGREE, BETTER = 4, 0.75, 0.5
"""Parts on a side into which a picture is divided; the share of all details that must have moved alike; how much less
than unmoved they must differ then."""
STRUCTURE = 2.0
"""A picture whose details stand out of the noise less than so many times has nothing to hold on to."""


@dataclass(slots=True)
class Anchor:
    """A place whose shift is measured from how it looked at first, so that errors do not add up.

    When so much is new there that its home cannot be made out, it is measured from how it looked a moment ago; when
    that lasts, there is a new home.
    """

    alike: float = ALIKE
    """How alike two pictures must be for a shift to be believed."""
    together: bool = True
    """Whether they must have moved as a whole: not where paper slips over a desk that stays."""
    shift: Shift = (0.0, 0.0)
    """As last made out, in pixels of the pictures."""
    _home: tuple[Grey, Shift] | None = None
    _last: tuple[Grey, Shift] | None = None
    _lost: float | None = None
    _is_lost: bool = True

    def measure(self, now: Grey, noise: float) -> Shift | None:
        """The shift of `now`; None when it cannot be made out."""
        shift = self._from(self._home, now, noise)
        self._is_lost = shift is None
        shift = shift or self._from(self._last, now, noise)
        self.shift = shift or self.shift
        return shift

    def rest(self, now: Grey, mono: float) -> None:
        """`now`, measured last, shows the place as it is, with nothing in the way: it may be measured from."""
        self._last = now, self.shift
        if not self._is_lost:
            self._lost = None
        elif self._home is None or (self._lost is not None and mono - self._lost > LOST):
            self._home, self._lost = self._last, None
        else:
            self._lost = mono if self._lost is None else self._lost

    def _from(self, before: tuple[Grey, Shift] | None, now: Grey, noise: float) -> Shift | None:
        if before is None:
            return None
        step = drift(now, before[0], noise, self.alike, self.together)
        return None if step is None else added(before[1], step)


def drift(now: Grey, then: Grey, noise: float, least: float = ALIKE, together: bool = True) -> Shift | None:
    """(x, y) in pixels by which what `then` shows (h, w) has moved in `now`; None where that cannot be told.

    By phase correlation (Kuglin and Hines 1975) under a Hann window, believed only if the two are alike once the
    shift is undone, and less so if it is not. `together` asks that the picture has moved as a whole, and not only
    something in it. `noise` is the standard deviation of the difference of two frames.
    """
    shrink = max(1.0, max(now.shape) / LARGEST)
    size = (max(8, round(now.shape[1] / shrink)), max(8, round(now.shape[0] / shrink)))
    a, b = (_details(p, size) for p in (then, now))
    floor = STRUCTURE * noise / (1.4 * shrink)
    if min(float(a.std()), float(b.std())) < floor:
        return None
    (x, y), _ = cv2.phaseCorrelate(a, b, cv2.createHanningWindow(size, cv2.CV_32F))
    if alike(b, a, round(x), round(y)) < least:
        return None
    far = max(abs(x), abs(y)) >= FAR
    if far and (alike(b, a, 0, 0) > least - MUCH or (together and not all_agree(b, a, round(x), round(y), floor))):
        return None
    return x * now.shape[1] / size[0], y * now.shape[0] / size[1]


def added(shift: Shift, step: Shift) -> Shift:
    return shift[0] + step[0], shift[1] + step[1]


def shifted(picture: Grey, x: float, y: float) -> Grey:
    """The picture moved by (x, y) pixels; what comes in at its edges repeats them."""
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return np.asarray(cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def alike(now: Details, then: Details, x: int, y: int) -> float:
    """The correlation, -1..1, of what both show when `then` has moved by (x, y) whole pixels; 0 where they part."""
    here, there = _common(now, x, y), _common(then, -x, -y)
    size = float(np.sqrt((here * here).sum() * (there * there).sum()))
    return float((here * there).sum()) / size if size else 0.0


def all_agree(now: Details, then: Details, x: int, y: int, floor: float) -> bool:
    """Whether it is the picture that has moved and not something in it: nearly all parts fit much better so, each
    with the weight of its details, and none with details above the noise's `floor` fits much better unmoved.

    On squared paper a shift by one square fits as well as none, and is none.
    """
    here, there, unmoved = _common(now, x, y), _common(then, -x, -y), _common(then, x, y)
    if min(here.shape) < PARTS:
        return False
    moved, stayed, detail = (_parts(d * d) for d in (here - there, here - unmoved, here))
    against = detail[stayed < BETTER * moved].max(initial=0.0)
    return bool(detail[moved < BETTER * stayed].sum() > AGREE * detail.sum() and against < floor * floor)


def _common(details: Details, x: int, y: int) -> Details:
    """Of a picture that has moved by (x, y) what is in both, the one before and this."""
    height, width = details.shape
    return details[max(0, y) : max(0, height + min(0, y)), max(0, x) : max(0, width + min(0, x))]


def _parts(squares: Details) -> Details:
    """Means over PARTS by PARTS parts of a picture."""
    return np.asarray(cv2.resize(squares, (PARTS, PARTS), interpolation=cv2.INTER_AREA), np.float32)


def _details(picture: Grey, size: tuple[int, int]) -> Details:
    """What light and shadow leave: the picture shrunk, less its surroundings, smoothed a little against noise."""
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    plain = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 0.8)
    return np.asarray(plain - cv2.blur(plain, (15, 15)), np.float32)

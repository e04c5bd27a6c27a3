"""Which pieces of ink may be digits: a small network looks at each piece in its surroundings, before anyone reads it.

A digit's own shape says little where it is thin: a table line, a fold, a hair and a 1 are all bars. What goes on
beyond it does: a line that runs on, a texture, a word, neighbours of the same size on one base line.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.ink import Blob

SIDE = 32
"""Width and height in px of what the network sees."""
VIEWS = 3
"""The piece of ink itself; what is around it, near and far."""
NEAR, FAR = 2.0, 6.0
"""Sides of the two windows, in longer sides of the piece of ink."""
_FIT = 28
_PEAK = 200.0  # the darkness of the piece's own ink in all views: what is darker around it stays darker


def views(ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.uint8]:
    """What the network sees of each piece of ink, (len(blobs), SIDE, SIDE, VIEWS). `ink` is the contrast map."""
    shown = np.zeros((len(blobs), SIDE, SIDE, VIEWS), np.uint8)
    levels = pyramid(ink)
    for blob, view in zip(blobs, shown, strict=True):
        view[:, :, 0] = alone(blob)
        for channel, reach in enumerate((NEAR, FAR), start=1):
            view[:, :, channel] = around(levels, blob, reach)
    return shown


def pyramid(ink: Grey) -> list[Grey]:
    """The map at full, half, quarter... size, so that a large window is averaged, not sampled."""
    levels = [ink]
    while min(levels[-1].shape) >= 2 * SIDE:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8))
    return levels


def alone(blob: Blob) -> Grey:
    """The piece's own ink in the middle of a SIDE x SIDE picture, its longer side _FIT px."""
    scale = _FIT / max(blob.w, blob.h)
    w, h = max(1, round(blob.w * scale)), max(1, round(blob.h * scale))
    x, y = (SIDE - w) // 2, (SIDE - h) // 2
    picture = np.zeros((SIDE, SIDE), np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture[y : y + h, x : x + w] = cv2.resize(blob.ink, (w, h), interpolation=how)
    return picture


def around(levels: Sequence[Grey], blob: Blob, reach: float) -> Grey:
    """A window on the map `reach` times as wide as the piece is long, the piece in its middle."""
    step = reach * max(blob.w, blob.h) / SIDE  # pixels of the map in one of the window
    level = min(len(levels) - 1, max(0, int(np.log2(max(step, 1.0)))))
    step, shrunk = step / (1 << level), 1 << level
    x, y = (blob.x + blob.w / 2) / shrunk - 0.5, (blob.y + blob.h / 2) / shrunk - 0.5
    corner = step * (SIDE - 1) / 2
    matrix = np.array([[step, 0.0, x - corner], [0.0, step, y - corner]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    window = cv2.warpAffine(levels[level], matrix, (SIDE, SIDE), flags=how)
    return cv2.convertScaleAbs(window, alpha=_PEAK / max(1, blob.peak)).astype(np.uint8)

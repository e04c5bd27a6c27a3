"""Other looks at the same patch: what is truly written is read alike when it is shifted, scaled, darker or lighter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge_daemon.decision.formats import Format
from edge_daemon.decision.observations import opinion_on
from edge_daemon.domain import Grey, Number, Patch, Status

SHIFTS = ((2.3, 1.4), (-1.6, -2.2))
"""Pixels to the right and down."""
SCALES = (0.88, 1.13)
GAMMAS = (0.75, 1.33)
"""Below 1 the ink becomes lighter, above 1 darker: faint edges fall below the threshold, or above it."""
ENOUGH = 5
"""So many of the six must say the same."""


def agree(patch: Patch, text: str, form: Format, read: Callable[[Patch], Sequence[Number]]) -> bool:
    """Whether nearly all perturbed views of the patch say this text."""
    others = (replace(patch, pixels=pixels) for pixels in views(patch.pixels))
    said = (opinion_on(read(other), form, other) for other in others)
    return sum(o.status is Status.OK and o.text == text for o in said) >= ENOUGH


def views(pixels: Grey) -> Iterator[Grey]:
    """Six grey pictures of about the same size."""
    height, width = pixels.shape
    for across, down in SHIFTS:
        move = np.array([[1, 0, across], [0, 1, down]], np.float32)
        yield np.asarray(cv2.warpAffine(pixels, move, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    for scale in SCALES:
        yield np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.uint8)
    for gamma in GAMMAS:
        yield (255 * (pixels / 255.0) ** gamma).astype(np.uint8)

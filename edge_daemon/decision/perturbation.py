"""Perturbed views of a patch: what is truly written is read the same when it is shifted, scaled, darker or lighter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge_daemon.decision.formats import Format
from edge_daemon.decision.observations import observation_of
from edge_daemon.domain import Grey, Number, Patch, Status

SHIFTS = ((2.3, 1.4), (-1.6, -2.2))
"""Pixels to the right and down, with fractions, so that edges fall between pixels."""
SCALES = (0.88, 1.13)
"""Factors of the size."""
GAMMAS = (0.75, 1.33)
"""Exponents. Below 1 ink becomes lighter, above 1 darker: faint edges fall below the threshold, or above it."""
MIN_AGREEING = 5
"""The number of the six views that must be read the same."""


def agree(patch: Patch, text: str, form: Format, read: Callable[[Patch], Sequence[Number]]) -> bool:
    """Whether at least MIN_AGREEING perturbed views of the patch are read as `text`."""
    # each view is a picture of its own: the frame shows nothing beside it
    others = (
        replace(patch, pixels=pixels, frame=replace(patch.frame, pixels=pixels), to_frame=np.eye(3))
        for pixels in views(patch.pixels)
    )
    observations = (observation_of(read(other), form, other) for other in others)
    return sum(o.status is Status.OK and o.text == text for o in observations) >= MIN_AGREEING


def views(pixels: Grey) -> Iterator[Grey]:
    """Six perturbed pictures (h, w) of about the size of `pixels`."""
    height, width = pixels.shape
    for across, down in SHIFTS:
        move = np.array([[1, 0, across], [0, 1, down]], np.float32)
        yield np.asarray(cv2.warpAffine(pixels, move, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    for scale in SCALES:
        yield np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.uint8)
    for gamma in GAMMAS:
        yield (255 * (pixels / 255.0) ** gamma).astype(np.uint8)

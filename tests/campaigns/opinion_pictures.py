"""Pictures of fields with a known number, drawn by the simulated camera."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import Grey
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions
from scripts.training.lines.measured_sets import Item

SIZES = (1.0, 0.5, 0.35)
"""Of a drawn number: from near, and from further and further away."""


def simulated(count: int, seed: int = 0) -> Iterator[Item]:
    """From pages of the simulated camera: a loose box around each number, sometimes far away."""
    rng, found = np.random.default_rng(seed), 0
    for page in range(count):
        camera = SimulatedCamera(SimulatedOptions(seed=1000 * seed + page, numbers=4, hold=4.0, realtime=False))
        for moment in (30, 70):
            picture = camera.picture(moment)
            for truth in camera.truth_at(moment):
                if found == count:
                    return
                found += 1
                yield Item("simulated", "report", str(found), truth.text, loosely(rng, picture, truth.box))


def loosely(rng: Generator, picture: Grey, box: tuple[int, int, int, int]) -> Grey:
    """The number in the box with some paper around it, in one of SIZES."""
    x, y, w, h = box
    left, top, right, bottom = (int(share * h) for share in rng.uniform(0.2, 0.7, 4))
    part = picture[max(0, y - top) : y + h + bottom, max(0, x - left) : x + w + right]
    size = float(rng.choice(SIZES))
    small = cv2.resize(part, None, fx=size, fy=size, interpolation=cv2.INTER_AREA) if size < 1 else part
    return np.ascontiguousarray(small)

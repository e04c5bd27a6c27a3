"""Pictures of fields with a known number: drawn, photographed, or a crop on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import Grey
from edge_daemon.sources.image_file import load_grey
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions
from scripts.evaluation import sets

SIZES = (1.0, 0.5, 0.35)
"""Of a drawn number: from near, and from further and further away."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldPicture:
    """What a field shows, and what is written there."""

    truth: str
    pixels: Grey


def simulated(count: int, seed: int = 0) -> Iterator[FieldPicture]:
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
                yield FieldPicture(truth.text, loosely(rng, picture, truth.box))


def loosely(rng: Generator, picture: Grey, box: tuple[int, int, int, int]) -> Grey:
    x, y, w, h = box
    left, top, right, bottom = (int(share * h) for share in rng.uniform(0.2, 0.7, 4))
    part = picture[max(0, y - top) : y + h + bottom, max(0, x - left) : x + w + right]
    size = float(rng.choice(SIZES))
    small = cv2.resize(part, None, fx=size, fy=size, interpolation=cv2.INTER_AREA) if size < 1 else part
    return np.ascontiguousarray(small)


def photographed(folder: Path) -> Iterator[FieldPicture]:
    """The pictures of the sets in `folder` that show one number alone."""
    for place in sorted(path.parent for path in folder.glob("*/truth.json")):
        for photo in sets.photos(place):
            picture = load_grey(str(photo.path)) if len(photo.numbers) == 1 else None
            if picture is not None and picture.shape[1] > picture.shape[0]:
                yield FieldPicture(photo.numbers[0], picture)


def crops(folder: Path, count: int, seed: int = 0) -> Iterator[FieldPicture]:
    """Single digits of the sets (*.npz: x, y) in `folder`, each as ink on paper; about as many of each set."""
    rng = np.random.default_rng(seed)
    files = sorted(folder.glob("*.npz"))
    for path in files:
        with np.load(path) as held:
            inks, labels = held["x"], held["y"]
        if labels.dtype.kind not in "iu":
            continue  # signs, not digits
        for i in rng.permutation(np.flatnonzero(labels < 10))[: -(-count // len(files))]:
            yield FieldPicture(str(int(labels[i])), on_paper(np.asarray(inks[i], np.uint8)))


def on_paper(crop: Grey) -> Grey:
    """Dark on light, a digit about 40 px high, with as much paper around it as a field has."""
    scale = 40 / max(crop.shape)
    large = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.uint8)
    if np.median(large) > 127:  # as it was photographed
        return np.asarray(cv2.copyMakeBorder(large, 10, 10, 40, 40, cv2.BORDER_REPLICATE), np.uint8)
    padded = cv2.copyMakeBorder(large, 20, 20, 40, 40, cv2.BORDER_CONSTANT, value=(0,))
    return np.asarray(210 - padded * (170 / 255), np.uint8)

"""Training glyphs for the digit network, cut out of scenes by the daemon's own segmenter and sieve."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT
from edge_daemon.inference import normalise
from edge_daemon.recognition.sieve import Sieve
from scripts.training.common import pool
from scripts.training.digits import sets
from scripts.training.scenes import page, scene

OTHERS = 8
"""Glyphs without a digit, at most, from one scene: clutter must not outweigh writing."""

Pictures = NDArray[np.uint8]


def make(source: page.Sources, count: int, seed: int, workers: int) -> tuple[Pictures, sets.Labels]:
    """The glyphs of `count` scenes, normalised (n, 28, 28, VIEWS), and their labels 0..10."""
    made = pool.map_parallel(partial(_glyphs, source, seed), range(count), workers)
    return np.concatenate([pictures for pictures, _ in made]), np.concatenate([labels for _, labels in made])


def _glyphs(source: page.Sources, seed: int, index: int) -> tuple[Pictures, sets.Labels]:
    """All digits and at most OTHERS others of scene `index`."""
    rng = np.random.default_rng([seed, index])
    found = scene.glyph_samples(scene.make_scene(rng, source), _sieve().filter)
    others = [i for i, (_, label) in enumerate(found) if label == NOT_A_DIGIT]
    dropped = set(rng.permutation(others)[OTHERS:].tolist())
    kept = [(normalise.normalise(ink), label) for i, (ink, label) in enumerate(found) if i not in dropped]
    shape = (-1, normalise.SIDE, normalise.SIDE, normalise.VIEWS)
    return np.array([x for x, _ in kept], np.uint8).reshape(shape), np.array([y for _, y in kept], np.int64)


@cache
def _sieve() -> Sieve:
    """One for each process: an interpreter cannot be used after a fork."""
    return Sieve()

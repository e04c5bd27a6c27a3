"""Batches of training lines: how strips are degraded. Needs neither the training sets nor TensorFlow."""

from __future__ import annotations

import numpy as np

from edge_daemon.recognition.lines.line_extent import HEIGHT, WIDTH
from scripts.training.lines import batches
from scripts.training.lines.shards import Samples


def strips(count: int, first: int = 20, last: int = 39) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Strips of which 60 columns are used, with ink from one column to another."""
    made = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    made[:, :, :60] = 30
    made[:, 8:24, first : last + 1] = 255
    return made


def test_paper_is_cut_off_but_never_ink() -> None:
    """On each side of some lines, not of all, and independently."""
    starts, ends = batches.ink_ends(strips(400), np.full(400, 60), np.random.default_rng(1))
    assert set(starts.tolist()) == {0, 20}
    assert set(ends.tolist()) == {60, 41}
    assert len({*zip(starts.tolist(), ends.tolist(), strict=True)}) == 4


def test_a_strip_without_ink_keeps_its_length() -> None:
    starts, ends = batches.ink_ends(np.zeros((50, HEIGHT, WIDTH), np.uint8), np.ones(50, int), np.random.default_rng(1))
    assert not starts.any()
    assert (ends == 1).all()


def test_degraded_strips_keep_their_ink() -> None:
    """As much as before, give or take stretching; values stay in 0..1, and the width is one the network can halve."""
    made = batches.degraded(strips(64), np.full(64, 60), np.random.default_rng(2))
    assert made.shape[:2] == (64, HEIGHT)
    assert made.shape[2] % 8 == 0
    assert 0 <= made.min() <= made.max() <= 1
    inked = (made > 0.6).sum(axis=(1, 2, 3))
    assert (inked > 0.5 * 16 * 20).all()


def test_batches_have_lines_of_one_length() -> None:
    """Short lines are not padded to the length of the longest of the set."""
    x = np.concatenate((strips(64), strips(64)))
    x[64:, 8:24, :250] = 200
    widths = {made.shape[2] for made, _ in batches.batches(Samples(x, ["1"] * 128), np.random.default_rng(3))}
    assert min(widths) < 120
    assert max(widths) > 200

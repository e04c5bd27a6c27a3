"""Pictures that a network sees again during fine-tuning, so that it does not forget other handwriting.

All are drawn from the project's own strokes and from fonts: a person with a hundred corrected digits has no training
sets. Their targets are the probabilities of the network before (Li & Hoiem, "Learning without forgetting", 2016).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.sources.simulated.handwriting import Writer, alone
from scripts.training.digits import dataset, sets
from scripts.training.scenes import fonts

WRITERS = 400
"""Number of simulated writers; each writes each digit once."""
FIRST = 10_000
"""Seed of the first of them; the golden pictures and comparisons use other seeds."""
SIDE = 64


def drawn_digits(writers: range) -> tuple[list[Grey], sets.Labels]:
    """Each digit by each writer, (SIDE, SIDE) light on black, and labels."""
    inks = [alone(Writer(seed), digit, SIDE, 0.7) for seed in writers for digit in DIGITS]
    return inks, np.tile(np.arange(len(DIGITS)), len(writers))


def rehearsal_parts(seed: int, workers: int, most: int) -> list[dataset.Part]:
    """Parts with about `most` pictures in all."""
    to_train, _ = fonts.split_held_back(fonts.files())
    stock = dataset.Stock(*drawn_digits(range(FIRST, FIRST + WRITERS)), to_train)
    shares = {"plain": 0.15, "heavy": 0.35, "synthetic": 0.20, "printed": 0.20, "letters": 0.10}
    kinds = [kind for kind in shares if to_train or kind not in ("printed", "letters")]
    return [
        dataset.part(dataset.Job(f"drawn {kind}", shares[kind], kind, round(shares[kind] * most)), stock, seed, workers)
        for kind in kinds
    ]


def own_parts(folder: Path, seed: int, workers: int, copies: int) -> list[dataset.Part]:
    """A person's crops, unchanged and degraded `copies` times each. Raises ValueError if there are none."""
    stock = dataset.Stock(*sets.load_extra(folder), [])
    count = len(stock.inks)
    return [
        dataset.part(dataset.Job("own plain", 0.5, "plain", count), stock, seed, workers),
        dataset.part(dataset.Job("own heavy", 0.5, "heavy", count * copies), stock, seed, workers),
    ]

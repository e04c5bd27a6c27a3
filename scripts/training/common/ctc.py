"""What both line networks are trained with: targets, the loss of CTC (Graves et al., 2006), and batches by width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


def targets(texts: Sequence[str], symbols: str, longest: int) -> NDArray[np.int32]:
    """The indices of the symbols (n, longest), filled up with -1."""
    rows = np.full((len(texts), longest), -1, np.int32)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = [symbols.index(char) for char in text]
    return rows


def loss(truth: Any, logits: Any, soften: Callable[[Any], Any] = lambda aligned: aligned) -> Any:
    """The loss (n,) of targets (n, longest) and logits (n, frames, scores), of which the last is blank.

    `soften` changes the losses of texts that are not empty.
    """
    import tensorflow as tf

    frames = tf.fill(tf.shape(logits)[:1], tf.shape(logits)[1])
    symbols = tf.cast(truth, tf.int32)
    empty = tf.reduce_all(symbols < 0, axis=1)
    filled = tf.where(empty[:, None] & (tf.range(tf.shape(symbols)[1]) == 0), 0, symbols)  # it refuses empty texts
    sparse = tf.SparseTensor(tf.where(filled >= 0), filled[filled >= 0], tf.cast(tf.shape(filled), tf.int64))
    aligned = tf.compat.v1.nn.ctc_loss(
        sparse, logits, frames, ignore_longer_outputs_than_inputs=True, time_major=False
    )  # its blank is the last class
    all_blank = -tf.reduce_sum(tf.nn.log_softmax(logits)[..., -1], axis=1)
    return tf.where(empty, all_blank, soften(aligned))


def by_width(used: NDArray[np.int64], widths: Sequence[int], batch: int) -> Callable[[Generator], list[Any]]:
    """Makes, for each epoch, all full batches in a new order: the indices of lines, and the width that holds them.

    `used`: columns that each line fills.
    """
    groups = [
        np.flatnonzero((used > least) & (used <= most)) for least, most in zip((0, *widths), widths, strict=False)
    ]

    def epoch(rng: Generator) -> list[Any]:
        chosen = []
        for group, width in zip(groups, widths, strict=True):
            order = rng.permutation(group)
            chosen += [(order[i : i + batch], width) for i in range(0, len(order) - batch + 1, batch)]
        return [chosen[i] for i in rng.permutation(len(chosen))]

    return epoch

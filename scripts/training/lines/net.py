"""The field network: about 720,000 weights, a row of SCORES for every two columns of a strip."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.recognition.lines.field_decoder import SCORES, SYMBOLS
from edge_daemon.recognition.lines.line_extent import HEIGHT, WIDTH
from scripts.training.common import ctc
from scripts.training.lines.labels import LONGEST

CHANNELS = 16, 40, 80, 128
"""Channels of the blocks. Full convolutions: separable ones of the same cost were less accurate."""
CONTEXT_BLOCKS = 3
"""Residual blocks of 1 x 5 convolutions, for context along the line."""
WIDEST = 10.0
"""Logits further from 0 than this are made dearer: the wider their range, the coarser are their steps in int8."""
RANGE_WEIGHT = 0.02
"""Weight of that in the loss."""
HARD_LOSS = 9.0
"""Above this loss a line counts only with its logarithm: its text is wrong, or nobody could read it."""


def build(batch: int | None = None) -> Any:
    """A Keras model, input in 0..1: (batch, HEIGHT, width, 1) -> (batch, width / 2, SCORES), any width that 4 divides.

    batch=1 is what ships: (1, HEIGHT, WIDTH, 1) -> (1, 1, WIDTH / 4, 2 * SCORES) logits, without any operator that
    would fix the width: the daemon runs it at the width of the line.
    """
    import keras
    from keras import layers

    count = itertools.count(1)

    def block(x: Any, width: int, size: tuple[int, int] = (3, 3), padding: str = "same") -> Any:
        x = layers.Conv2D(width, size, padding=padding, use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    def further(x: Any, size: tuple[int, int]) -> Any:
        """A residual block (He et al., 2016). At first it adds nothing: x, the output of a ReLU, passes unchanged.

        The ReLU comes after the sum: before it, the gradient of a block that adds nothing would stay zero for ever.
        """
        more = layers.Conv2D(x.shape[-1], size, padding="same", use_bias=False)(x)
        more = layers.BatchNormalization(momentum=0.98, gamma_initializer="zeros", name=f"further_{next(count)}")(more)
        return layers.ReLU()(layers.Add()([x, more]))

    strip = keras.Input(batch_shape=(batch, HEIGHT, WIDTH if batch else None, 1))
    x = layers.MaxPooling2D()(block(strip, CHANNELS[0]))
    x = layers.MaxPooling2D()(block(x, CHANNELS[1]))
    x = further(block(block(x, CHANNELS[2]), CHANNELS[2]), (3, 3))
    x = layers.MaxPooling2D((2, 1))(x)
    x = block(block(x, CHANNELS[3]), CHANNELS[3], (4, 1), "valid")
    x = layers.Dropout(0.1)(block(block(x, CHANNELS[3], (1, 5)), CHANNELS[3], (1, 5)))
    for _ in range(CONTEXT_BLOCKS):
        x = further(x, (1, 5))
    x = layers.Conv2D(2 * SCORES, 1, dtype="float32")(x)  # two frames side by side
    return keras.Model(strip, x if batch else layers.Reshape((-1, SCORES))(x))


def first_layers(model: Any, count: int) -> list[Any]:
    """The first `count` convolutions of a model and their normalisations."""
    return [layer for layer in model.layers if type(layer).__name__ in ("Conv2D", "BatchNormalization")][: 2 * count]


def targets(texts: Sequence[str]) -> NDArray[np.int32]:
    """The indices of the symbols (n, LONGEST), filled up with -1."""
    return ctc.targets(texts, SYMBOLS, LONGEST)


def loss(truth: Any, logits: Any) -> Any:
    """Connectionist temporal classification: (n, LONGEST) symbols and -1, (n, frames, SCORES) logits -> (n,)."""
    import tensorflow as tf

    def soften(aligned: Any) -> Any:
        hard = HARD_LOSS * (1 + tf.math.log(tf.maximum(aligned, HARD_LOSS) / HARD_LOSS))
        return tf.where(aligned > HARD_LOSS, hard, aligned)

    return ctc.loss(truth, logits, soften)


def range_loss(logits: Any) -> Any:
    """How far logits (n, frames, SCORES) are beyond WIDEST: the mean square, weighted."""
    import tensorflow as tf

    return RANGE_WEIGHT * tf.reduce_mean(tf.nn.relu(tf.abs(logits) - WIDEST) ** 2)

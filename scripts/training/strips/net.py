"""The strip network: twelve convolutions, about 379,000 weights, a row of eleven scores for every two columns."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.recognition.line_recognizer import BLANK, HEIGHT, SCORES, WIDTH

LONGEST = 12
"""Digits on one strip at most; shorter texts are filled up with -1."""


def build(batch: int | None = None) -> Any:
    """A Keras model, input in 0..1: (batch, HEIGHT, width, 1) -> (batch, width / 2, SCORES), any width that 4 divides.

    batch=1 is what ships: (1, HEIGHT, WIDTH, 1) -> (1, 1, WIDTH / 4, 2 * SCORES) logits, without any operator that
    would fix the width: the daemon runs it at the width of the line.
    """
    import keras
    from keras import layers

    def block(x: Any, width: int, size: tuple[int, int] = (3, 3), padding: str = "same") -> Any:
        x = layers.Conv2D(width, size, padding=padding, use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    def further(x: Any, size: tuple[int, int]) -> Any:
        """What a block sees, added to what is known (He et al., 2016). At first it adds nothing.

        The ReLU comes after the sum: before it, the gradient of a block that adds nothing would stay zero for ever.
        """
        seen = layers.Conv2D(x.shape[-1], size, padding="same", use_bias=False)(x)
        seen = layers.BatchNormalization(momentum=0.98, gamma_initializer="zeros", name=f"further_{next(count)}")(seen)
        return layers.ReLU()(layers.Add()([x, seen]))

    count = itertools.count(1)
    strip = keras.Input(batch_shape=(batch, HEIGHT, WIDTH if batch else None, 1))
    x = layers.MaxPooling2D()(block(strip, 16))
    x = layers.MaxPooling2D()(block(x, 32))
    x = further(block(block(x, 64), 64), (3, 3))
    x = layers.MaxPooling2D((2, 1))(x)
    x = block(block(x, 96), 96, (4, 1), "valid")
    x = layers.Dropout(0.1)(block(block(x, 96, (1, 5)), 96, (1, 5)))
    x = further(further(x, (1, 5)), (1, 5))
    x = layers.Conv2D(2 * SCORES, 1, dtype="float32")(x)  # two frames side by side
    return keras.Model(strip, x if batch else layers.Reshape((-1, SCORES))(x))


def targets(texts: Sequence[str]) -> NDArray[np.int32]:
    """(n, LONGEST), filled up with -1."""
    rows = np.full((len(texts), LONGEST), -1, np.int32)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = [int(char) for char in text]
    return rows


def loss(truth: Any, outputs: Any) -> Any:
    """Connectionist temporal classification: (n, LONGEST) digits and -1, (n, frames, SCORES) logits -> (n,)."""
    import tensorflow as tf

    frames = tf.fill(tf.shape(outputs)[:1], tf.shape(outputs)[1])
    digits = tf.cast(truth, tf.int32)
    empty = tf.reduce_all(digits < 0, axis=1)
    filled = tf.where(empty[:, None] & (tf.range(LONGEST) == 0), 0, digits)  # the operation refuses empty texts
    sparse = tf.SparseTensor(tf.where(filled >= 0), filled[filled >= 0], tf.cast(tf.shape(filled), tf.int64))
    spelled = tf.compat.v1.nn.ctc_loss(
        sparse, outputs, frames, ignore_longer_outputs_than_inputs=True, time_major=False
    )  # its blank is the last class
    nothing = -tf.reduce_sum(tf.nn.log_softmax(outputs)[..., BLANK], axis=1)
    return tf.where(empty, nothing, spelled)

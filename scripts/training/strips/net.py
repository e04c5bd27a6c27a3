"""The strip network: twelve convolutions, about 379,000 weights, a row of eleven scores for every two columns."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS
from edge_daemon.recognition.lines.line_recognizer import HEIGHT, SCORES, WIDTH
from scripts.training.common import ctc

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
    return ctc.targets(texts, DIGITS, LONGEST)


def loss(truth: Any, outputs: Any) -> Any:
    """Connectionist temporal classification: (n, LONGEST) digits and -1, (n, frames, SCORES) logits -> (n,)."""
    return ctc.loss(truth, outputs)

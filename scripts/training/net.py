"""The network: four 3x3 convolutions, about 95,000 weights, ten digits and 'not a digit'."""

from __future__ import annotations

from typing import Any

from edge_daemon.domain import NOT_A_DIGIT

CLASSES = NOT_A_DIGIT + 1
_WIDTHS = (20, 40, 76, 76)


def build(batch: int | None = None) -> Any:
    """A Keras model, input (batch, 28, 28, 1) in 0..1, output logits (batch, 11). batch=1 is what ships."""
    import keras
    from keras import layers

    def block(x: Any, width: int) -> Any:
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    picture = keras.Input(batch_shape=(batch, 28, 28, 1))
    x = layers.MaxPooling2D()(block(picture, _WIDTHS[0]))
    x = layers.MaxPooling2D()(block(x, _WIDTHS[1]))
    x = layers.MaxPooling2D()(block(block(x, _WIDTHS[2]), _WIDTHS[3]))
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    return keras.Model(picture, layers.Dense(CLASSES)(x))

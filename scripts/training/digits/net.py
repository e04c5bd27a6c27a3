"""The network: four 3x3 convolutions, about 112,000 weights, ten digits and 'not a digit'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_daemon.domain import NOT_A_DIGIT
from edge_daemon.inference import normalise

PICTURE = (normalise.SIDE, normalise.SIDE, normalise.VIEWS)
CLASSES = NOT_A_DIGIT + 1
WIDTHS = (24, 48, 80, 80)  # multiples of 8: vector units work in eights, 76 channels took longer than 80
HIGHEST = 3e-3
"""Learning rate of the first cycle."""


def build(batch: int | None = None) -> Any:
    """A Keras model, input (batch, *PICTURE) in 0..1, output logits (batch, 11). batch=1 is what ships."""
    from keras import layers

    def block(x: Any, width: int) -> Any:
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    return _of(block, batch)


def folded(batch: int | None = None) -> Any:
    """The same network as it ships, each normalisation folded into the convolution before it."""
    from keras import layers

    return _of(lambda x, width: layers.Conv2D(width, 3, padding="same", activation="relu")(x), batch)


def _of(block: Callable[[Any, int], Any], batch: int | None) -> Any:
    import keras
    from keras import layers

    picture = keras.Input(batch_shape=(batch, *PICTURE))
    x = layers.MaxPooling2D()(block(picture, WIDTHS[0]))
    x = layers.MaxPooling2D()(block(x, WIDTHS[1]))
    x = layers.MaxPooling2D()(block(block(x, WIDTHS[2]), WIDTHS[3]))
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    return keras.Model(picture, layers.Dense(CLASSES)(x))


def trainer(steps: int, seed: int, highest: float = HIGHEST) -> Any:
    """The network with its recipe: bytes in, AdamW on one cycle over `steps`, label smoothing. Compiled.

    One cycle (Smith, 2018): the rate climbs to the highest in a fifth of the steps, then falls along a cosine.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input(PICTURE), keras.layers.Rescaling(1 / 255), build()])
    warm = max(1, steps // 5)
    rate = keras.optimizers.schedules.CosineDecay(1e-4, max(1, steps - warm), warmup_target=highest, warmup_steps=warm)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05),
        metrics=["accuracy"],
    )
    return model

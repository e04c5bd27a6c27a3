"""Converts a trained Keras network to float32 and int8 .tflite files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from scripts.training.digits import net


def to_tflite(
    trained: Any, sample: NDArray[np.uint8], build: Callable[[int | None], Any] = net.build
) -> dict[str, bytes]:
    """By kind the bytes of a .tflite file, batch 1. `sample` (n, h, w) or (n, h, w, channels) uint8 is typical
    input, for the quantisation; `build` builds the trained network for a batch size.

    The int8 network takes the picture's bytes: its input is uint8 with scale 1/255 and zero point 0.
    """
    import tensorflow as tf

    shipped = build(1)
    shipped.set_weights(trained.get_weights())
    plain = tf.lite.TFLiteConverter.from_keras_model(shipped)
    small = tf.lite.TFLiteConverter.from_keras_model(shipped)
    small.optimizations = [tf.lite.Optimize.DEFAULT]
    small.representative_dataset = lambda: ([picture.reshape(shipped.input_shape)] for picture in _full_range(sample))
    small.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    small.inference_input_type = small.inference_output_type = tf.uint8
    return {"float32": plain.convert(), "int8": small.convert()}


def _full_range(sample: NDArray[np.uint8]) -> NDArray[np.float32]:
    """In 0..1; the first picture touches both ends, so that the input's scale is exactly 1/255."""
    ends: Grey = sample[0].copy()
    ends.flat[0], ends.flat[1] = 0, 255
    return np.asarray(np.concatenate((ends[None], sample[1:])) / 255, np.float32)

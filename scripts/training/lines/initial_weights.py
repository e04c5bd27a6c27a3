"""Initial weights of a field network from the strip network, which is narrower (Chen, Goodfellow and Shlens, 2016).

The channels of the strip network come first and are not connected to the new ones, which start with random weights:
the network reads digits as before. Signs, other writing and cuts are unlikely at first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.recognition.lines import line_recognizer
from edge_daemon.recognition.lines.field_decoder import BLANK, SCORES
from scripts.training.strips.initial_weights import Layers, convolutions, is_further

UNKNOWN_BIAS = -3.0
"""Bias of the symbols that the strip network does not have."""
LINES = 600
"""Lines from which the statistics of the normalisation are measured."""


def widen(model: Any, known: Layers, lines: NDArray[np.uint8]) -> None:
    """Sets the weights of `model` (net.build) from a strip network, in place. `lines` are (n, HEIGHT, WIDTH)."""
    import keras

    every = convolutions(model)
    shown = lines[:LINES, ..., None].astype(np.float32) / 255
    pairs = [pair for pair in every if not is_further(pair[1])]
    for (layer, norm), (kernel, bias) in zip(pairs, known, strict=True):
        if norm is None:
            layer.set_weights(last_layer(layer.kernel.shape, kernel, bias))
            continue
        wide = np.array(layer.kernel)
        into, out = kernel.shape[2:]
        wide[:, :, into:, :out] = 0
        wide[:, :, :into, :out] = kernel
        layer.set_weights([wide])
        outputs = np.asarray(
            keras.Model(model.input, layer.output).predict(shown, batch_size=100, verbose=0), np.float32
        )
        mean, variance = outputs.mean(axis=(0, 1, 2)), outputs.var(axis=(0, 1, 2))
        gamma, beta = (np.array(v) for v in norm.get_weights()[:2])
        gamma[:out], beta[:out] = np.sqrt(variance[:out] + norm.epsilon), mean[:out] + bias
        norm.set_weights([gamma, beta, mean, variance])


def last_layer(
    shape: tuple[int, ...], kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Kernel and bias of the last layer, which gives two frames: digits and blank as in the strip network."""
    wide, offset = np.zeros(shape, np.float32), np.full(2 * SCORES, UNKNOWN_BIAS, np.float32)
    for frame in range(2):
        for old in range(line_recognizer.SCORES):
            new = frame * SCORES + (old if old < line_recognizer.BLANK else BLANK)
            column = frame * line_recognizer.SCORES + old
            wide[:, :, : kernel.shape[2], new] = kernel[..., column]
            offset[new] = bias[column]
    return [wide, offset]

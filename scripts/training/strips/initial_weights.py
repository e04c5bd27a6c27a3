"""Restores a trainable network from a .tflite file: float32 weights, with batch normalisation unfolded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.inference.manifest import bundled, read_file
from edge_daemon.recognition.lines.line_recognizer import read_manifest
from scripts.training.common import weights

STRIPS = 1_000
"""Strips from which the statistics of the normalisation are measured."""


Layers = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def load_layers(path: str) -> Layers:
    """Kernels and biases of the network whose manifest is at `path`, or of the `bundled` one. Raises ModelError."""
    manifest = bundled("strips") if path == "bundled" else Path(path)
    return weights.layers(read_file(manifest.parent, read_manifest(manifest).files["int8"]))


def restore(model: Any, known: Layers, strips: NDArray[np.uint8]) -> None:
    """Sets the weights of `model` to `known`, in place.

    A .tflite file has each normalisation folded into the convolution before it. Its mean and variance are measured on
    `strips` (n, HEIGHT, WIDTH). Blocks that the other network does not have (net.build: further) are not changed; they
    add nothing. Raises ModelError if the shapes differ.
    """
    import keras

    every = convolutions(model)
    pairs = every if len(every) == len(known) else [pair for pair in every if not is_further(pair[1])]
    if [layer.kernel.shape for layer, _ in pairs] != [kernel.shape for kernel, _ in known]:
        raise ModelError("--from: this network has another shape; training cannot continue from it")
    shown = strips[:STRIPS, ..., None].astype(np.float32) / 255
    for (layer, norm), (kernel, bias) in zip(pairs, known, strict=True):
        if norm is None:
            layer.set_weights([kernel, bias])
            continue
        layer.set_weights([kernel])
        seen = keras.Model(model.input, layer.output).predict(shown, batch_size=100, verbose=0)
        mean, variance = seen.mean(axis=(0, 1, 2)), seen.var(axis=(0, 1, 2))
        norm.set_weights([np.sqrt(variance + norm.epsilon), mean + bias, mean, variance])


def is_further(norm: Any) -> bool:
    """Whether a normalisation belongs to a block that a network may lack."""
    return norm is not None and norm.name.startswith("further")


def convolutions(model: Any) -> list[tuple[Any, Any]]:
    """Each convolution with the normalisation after it, or None, in order."""
    layers = [layer for layer in model.layers if type(layer).__name__ in ("Conv2D", "BatchNormalization")]
    return [
        (layer, following if type(following).__name__ == "BatchNormalization" else None)
        for layer, following in zip(layers, [*layers[1:], None], strict=True)
        if type(layer).__name__ == "Conv2D"
    ]

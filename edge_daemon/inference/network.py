"""Runs a network of ours, which has a manifest: pictures in, logits out, and the check by golden pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.inference.interpreter import Runtime, Tensor
from edge_daemon.inference.manifest import Manifest, read_file
from edge_daemon.inference.runtime import ANY, find_runtime

GOLDEN_TOLERANCE = 0.1
"""How far the probability of a golden picture may be from the manifest's: runtimes round int8 differently, and versions
of OpenCV draw the edges of strokes differently."""


class Network:
    """One loaded network file."""

    def __init__(self, runtime: Runtime, content: bytes, name: str, picture: tuple[int, int, int], logits: int) -> None:
        """A network that takes one `picture` (height, width, channels) and gives that many `logits`.

        `content` must be trusted: check its hash first. `name` stands in messages. Raises ModelError.
        """
        try:
            self._interpreter = runtime.open(content)
            self._interpreter.prepare()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{name} does not load: {' '.join(str(error).split())}; reinstall the model") from error
        (takes,), (gives,) = self._interpreter.inputs(), self._interpreter.outputs()
        _check("takes", name, takes, (1, *picture), (np.uint8, np.float32))
        columns = len(gives.shape) == 4  # (1, 1, columns, ...): no shape in it is constant, so any width runs
        gives = gives._replace(shape=(1, math.prod(gives.shape))) if columns else gives
        _check("gives", name, gives, (1, logits), (np.uint8, np.int8, np.float32))
        if takes.dtype == np.uint8 and not np.allclose(takes.quantization, (1 / 255, 0)):
            raise ModelError(f"{name} takes bytes scaled by {takes.quantization}, not (1/255, 0); convert it again")
        self._picture, self._logits, self._runs_any_width = picture, logits, columns
        self._width = picture[1]
        self._takes_bytes = takes.dtype == np.uint8
        quantised = gives.dtype != np.float32
        self._scale, self._zero = map(np.float32, gives.quantization if quantised else (1.0, 0.0))

    def logits(self, pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """The logits (n, logits) of n uint8 pictures.

        They run one at a time: a fixed batch of 1 is the fastest that both TFLite libraries support.
        """
        rows = np.zeros((len(pictures), self._logits), np.float32)
        for row, picture in zip(rows, pictures, strict=True):
            row[:] = self._run(picture)
        return rows

    def strip_logits(self, strip: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The logits of one picture (height, w) that is at most as wide as the network's, in proportion to its width.

        A narrow picture takes less time, where the network runs at any width; elsewhere it is filled up with 0.
        """
        height, full, _ = self._picture
        width = strip.shape[1]
        if self._runs_any_width or width == full:
            return self._run(strip)
        filled = np.zeros((height, full), np.uint8)
        filled[:, :width] = strip
        return self._run(filled)[: self._logits * width // full]

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, _, channels = self._picture
        shape = (1, height, picture.shape[1], channels)
        if shape[2] != self._width:
            self._interpreter.prepare(shape)
            self._width = shape[2]
        given: NDArray[Any] = picture.reshape(shape)
        if not self._takes_bytes:
            given = given * np.float32(1 / 255)
        found = self._interpreter.run(given).reshape(-1)
        return np.asarray((found.astype(np.float32) - self._zero) * self._scale, np.float32)


def open_network(
    path: Path, manifest: Manifest, kind: str, load: Callable[[Runtime, bytes, str], Network], package: str = ANY
) -> Network:
    """The network of a kind that the manifest at `path` names, its hash checked, on the runtime `package`.

    `load` makes a Network of (runtime, content, name). Raises ModelError, or RuntimeMissingError.
    """
    file = manifest.files[kind]
    content = read_file(path.parent, file)
    return load(find_runtime(package), content, str(path.with_name(file.name)))


def check_golden(path: Path, probabilities: NDArray[np.float32], golden: Sequence[Any]) -> None:
    """Raise ModelError unless a network reads its golden pictures as its manifest at `path` says."""
    off = float(np.abs(probabilities - np.array(golden, np.float32)).max())
    if not off <= GOLDEN_TOLERANCE:
        raise ModelError(
            f"{path}: the network does not read its golden pictures as it should (off by {off:.2f}):"
            " model and runtime do not fit; install another ai-edge-litert, or reinstall the model"
        )


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Rows of logits -> rows of probabilities, each summing to 1. Logits are divided by `temperature` first."""
    scaled = logits / np.float32(temperature)
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def _check(verb: str, name: str, tensor: Tensor, shape: tuple[int, ...], dtypes: tuple[Any, ...]) -> None:
    if tensor.shape != shape or tensor.dtype not in dtypes:
        wanted = " or ".join(np.dtype(dtype).name for dtype in dtypes)
        raise ModelError(
            f"{name} {verb} {np.dtype(tensor.dtype).name} {tensor.shape}, not {wanted} {shape}: not one of our models"
        )

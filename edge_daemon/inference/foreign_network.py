"""Runs any digit classifier: one picture in, one score for each label out.

A file that does not fit is refused with a message that names the file, what it has and what is expected.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, NOT, NOT_A_DIGIT
from edge_daemon.errors import ModelError
from edge_daemon.inference.interpreter import Runtime, Tensor
from edge_daemon.inference.options import Scale

LARGEST_SIDE = 1024
"""Pixels of an input's width or height: more is not a digit classifier."""
MOST_LABELS = 1000
"""Scores of a network at most."""
LARGEST_LABELS = 64 * 1024
"""Bytes of a labels file that are read."""
DTYPES = (np.float32, np.uint8, np.int8)
"""Types of inputs and outputs that can be used."""
SCALES: dict[Scale, tuple[float, float]] = {
    "0..1": (0.0, 1.0),
    "0..255": (0.0, 255.0),
    "-1..1": (-1.0, 1.0),
    "-128..127": (-128.0, 127.0),
}
"""Scale -> the numbers of black and white."""


class ForeignNetwork:
    """A loaded .tflite file: pictures in, a row of scores each out."""

    def __init__(self, runtime: Runtime, content: bytes, name: str) -> None:
        """`content` must be trusted. `name` stands in messages. Raises ModelError."""
        self.name = name
        try:
            self._interpreter = runtime.open(content)
            self._takes = self._single("input", self._interpreter.inputs())
            self._shape = self._picture_shape(self._takes)
            self._interpreter.prepare(self._shape if self._shape != self._takes.shape else None)
        except ModelError:
            raise
        except (RuntimeError, ValueError) as error:
            if "edgetpu-custom-op" in str(error):
                raise ModelError(
                    f"{name} is compiled for the Edge TPU and runs on no CPU; name the file it was compiled from"
                ) from error
            raise ModelError(f"{name} does not load: {' '.join(str(error).split())}") from error
        self._gives = self._single("output", self._interpreter.outputs())
        self.scores = self._count_scores(self._gives)
        self.height, self.width = self._shape[1:3]
        self.scale: Scale = "auto"
        """The numbers of black and white that its quantisation implies; "auto" where it has none."""
        if self._takes.dtype != np.float32 and self._takes.scale > 0:
            self.scale = _scale(self._takes)

    def raw(self, pictures: NDArray[np.uint8], scale: Scale, dark: bool) -> NDArray[np.float32]:
        """The scores (n, scores) of pictures (n, height, width) uint8, light ink on black; dequantised.

        The network sees them in `scale`, and where `dark` as dark ink on white. A recurrent network is reset before
        each picture.
        """
        rows = np.zeros((len(pictures), self.scores), np.float32)
        inputs = self._inputs(np.asarray(255 - pictures, np.uint8) if dark else pictures, scale)
        for row, picture in zip(rows, inputs, strict=True):
            self._interpreter.reset()
            row[:] = self._interpreter.run(picture).reshape(-1)
        step, zero = self._gives.quantization
        if self._gives.dtype == np.float32:
            return rows
        if step == 0:  # not stated: take the scores as shares of the whole range
            step, zero = 1 / 255, np.iinfo(self._gives.dtype).min
        return (rows - np.float32(zero)) * np.float32(step)

    def _inputs(self, pictures: NDArray[np.uint8], scale: Scale) -> NDArray[Any]:
        """The pictures in the shape, scale and dtype of the network's input."""
        black, white = SCALES[scale]
        inputs = pictures.astype(np.float32) * np.float32((white - black) / 255) + np.float32(black)
        if len(self._shape) == 4:
            inputs = np.repeat(inputs[..., None], self._shape[3], axis=3)
        dtype, (step, zero) = self._takes.dtype, self._takes.quantization
        if dtype != np.float32:
            limits = np.iinfo(dtype)
            inputs = np.round(inputs / np.float32(step) + zero) if step > 0 else np.round(inputs)
            inputs = np.clip(inputs, limits.min, limits.max)
        return inputs.astype(dtype)[:, None]

    def _single(self, what: str, tensors: Sequence[Tensor]) -> Tensor:
        if len(tensors) != 1:
            raise ModelError(f"{self.name} has {len(tensors)} {what}s; a digit classifier has one {what}")
        return tensors[0]

    def _picture_shape(self, takes: Tensor) -> tuple[int, ...]:
        """The shape of a batch of one picture. Raises ModelError."""
        shape, signature = (1, *takes.shape[1:]), takes.signature[1:]
        sides, channels = shape[1:3], shape[3:]
        if (
            len(shape) not in (3, 4)
            or channels not in ((), (1,), (3,))
            or -1 in signature
            or not 4 <= min(sides) <= max(sides) <= LARGEST_SIDE
        ):
            found = ", ".join(map(str, [1, *signature]))
            raise ModelError(
                f"{self.name} takes ({found}); a digit classifier takes one picture: (1, height, width), or"
                " (1, height, width, channels) with 1 or 3 channels"
            )
        if takes.dtype not in DTYPES:
            raise ModelError(
                f"{self.name} takes {np.dtype(takes.dtype).name}; expected float32, uint8 or int8: convert it again"
            )
        return shape

    def _count_scores(self, gives: Tensor) -> int:
        count = int(np.prod(gives.shape))
        if max(gives.shape, default=0) != count or not len(DIGITS) <= count <= MOST_LABELS:
            raise ModelError(f"{self.name} gives {gives.shape}; ten digits need a row of at least 10 scores")
        if gives.dtype not in DTYPES:
            raise ModelError(f"{self.name} gives {np.dtype(gives.dtype).name}; expected float32, uint8 or int8")
        return count


def _scale(takes: Tensor) -> Scale:
    """The numbers of black and white, from the range that a quantised input can hold."""
    limits = np.iinfo(takes.dtype)
    low, high = (limits.min - takes.zero) * takes.scale, (limits.max - takes.zero) * takes.scale
    if high > 16:
        return "-128..127" if low < -16 else "0..255"
    return "-1..1" if low < -0.4 else "0..1"


def labels(given: str, content: bytes, beside: Path, scores: int) -> list[str]:
    """A label for each score: from the file `given`, from the metadata in `content`, else 0 to 9. Raises ModelError."""
    found, whose = _labels(given, content)
    if not found:
        found, whose = [*DIGITS, *[NOT][: max(0, scores - len(DIGITS))]], "without a labels file: 0 to 9"
    if len(found) != scores:
        raise ModelError(
            f"{beside.name}: {len(found)} labels for {scores} outputs ({whose});"
            " name a file with one line for each output: [model.foreign] labels"
        )
    missing = [digit for digit in DIGITS if found.count(digit) != 1]
    if missing:
        raise ModelError(f"{beside.name}: its labels ({whose}) should name each digit once: {', '.join(missing)}?")
    return found


def _labels(given: str, content: bytes) -> tuple[list[str], str]:
    if given:
        try:
            with Path(given).expanduser().open(encoding="utf-8-sig") as file:
                return _lines(file.read(LARGEST_LABELS)), given
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{given}: expected a file with a label in each line; got: {error}") from None
    return _labels_in_metadata(content), "from its metadata"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _labels_in_metadata(content: bytes) -> list[str]:
    """The labels in a TFLite file's metadata, a ZIP archive after the network; [] where there are none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if "label" in entry.filename.lower() and entry.file_size <= LARGEST_LABELS:
                    return _lines(archive.read(entry).decode())
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        pass
    return []


def columns(names: Sequence[str]) -> NDArray[np.intp]:
    """For each score the column of domain.Classifier's result to which it is added."""
    return np.array([DIGITS.index(name) if name in DIGITS else NOT_A_DIGIT for name in names])

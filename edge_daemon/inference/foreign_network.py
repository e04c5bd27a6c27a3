"""What any digit classifier must be to be driven: one picture in, one score for each label out.

Nothing here knows who trained it. What does not fit is refused with a sentence that names the file and both sides.
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
from edge_daemon.inference.options import Scale

LARGEST_SIDE = 1024
MOST_LABELS = 1000
LARGEST_LABELS = 64 * 1024
"""Bytes of a file of labels."""
SCALES: dict[Scale, tuple[float, float]] = {
    "0..1": (0.0, 1.0),
    "0..255": (0.0, 255.0),
    "-1..1": (-1.0, 1.0),
    "-128..127": (-128.0, 127.0),
}
"""What black and white are."""


class ForeignNetwork:
    """A loaded .tflite file that keeps the contract: pictures in, a row of logits each."""

    def __init__(self, runtime: Any, content: bytes, name: str) -> None:
        """`runtime` is the class Interpreter; `content` must be trusted. Raises ModelError."""
        self.name = name
        try:
            self._interpreter = runtime(model_content=content, num_threads=1)
            takes = self._single("input", self._interpreter.get_input_details())
            self._shape = self._picture(takes)
            if self._shape != tuple(takes["shape"]):
                self._interpreter.resize_tensor_input(takes["index"], self._shape)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            if "edgetpu-custom-op" in str(error):
                raise ModelError(
                    f"{name} is compiled for the Edge TPU and runs on no CPU; name the file it was compiled from"
                ) from error
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"{name} does not load: {' '.join(str(error).split())}") from error
        gives = self._single("output", self._interpreter.get_output_details())
        self.scores = self._scores(gives)
        self.takes, self.gives = takes, gives
        self.height, self.width = self._shape[1:3]
        self.scale: Scale = "auto"
        """What its quantisation says that black and white are; "auto" where it says nothing."""
        if takes["dtype"] != np.float32 and takes["quantization"][0] > 0:
            self.scale = _range(takes)

    def raw(self, pictures: NDArray[np.uint8], scale: Scale, dark: bool) -> NDArray[np.float32]:
        """(n, height, width) uint8, light ink on black -> (n, scores) as they come, dequantised.

        A recurrent network forgets the picture before.
        """
        rows = np.zeros((len(pictures), self.scores), np.float32)
        fed = self._fed(np.asarray(255 - pictures, np.uint8) if dark else pictures, scale)
        for row, picture in zip(rows, fed, strict=True):
            self._interpreter.reset_all_variables()
            self._interpreter.set_tensor(self.takes["index"], picture)
            self._interpreter.invoke()
            row[:] = self._interpreter.get_tensor(self.gives["index"]).reshape(-1)
        step, zero = self.gives["quantization"]
        if self.gives["dtype"] == np.float32:
            return rows
        if step == 0:  # it does not say what its numbers are: shares of the whole range
            step, zero = 1 / 255, np.iinfo(self.gives["dtype"]).min
        return (rows - np.float32(zero)) * np.float32(step)

    def _fed(self, pictures: NDArray[np.uint8], scale: Scale) -> NDArray[Any]:
        """As the network takes them: its shape, its scale, its dtype."""
        black, white = SCALES[scale]
        fed = pictures.astype(np.float32) * np.float32((white - black) / 255) + np.float32(black)
        if len(self._shape) == 4:
            fed = np.repeat(fed[..., None], self._shape[3], axis=3)
        dtype, (step, zero) = self.takes["dtype"], self.takes["quantization"]
        if dtype != np.float32:
            room = np.iinfo(dtype)
            fed = np.round(fed / np.float32(step) + zero) if step > 0 else np.round(fed)
            fed = np.clip(fed, room.min, room.max)
        return fed.astype(dtype)[:, None]

    def _single(self, what: str, tensors: Sequence[dict[str, Any]]) -> dict[str, Any]:
        if len(tensors) != 1:
            raise ModelError(f"{self.name} has {len(tensors)} {what}s; a digit classifier has one {what}")
        return tensors[0]

    def _picture(self, takes: dict[str, Any]) -> tuple[int, ...]:
        """The shape of one picture, batch and all. Raises ModelError."""
        shape = (1, *(int(n) for n in takes["shape"][1:]))
        signature = [int(n) for n in takes.get("shape_signature", shape)[1:]]
        sides, channels = shape[1:3], shape[3:]
        if (
            len(shape) not in (3, 4)
            or channels not in ((), (1,), (3,))
            or -1 in signature
            or not 4 <= min(sides) <= max(sides) <= LARGEST_SIDE
        ):
            said = ", ".join(map(str, [1, *signature]))
            raise ModelError(
                f"{self.name} takes ({said}); a digit classifier takes one picture: (1, height, width), with 1 or 3"
                " channels behind where it wants them"
            )
        if takes["dtype"] not in (np.float32, np.uint8, np.int8):
            raise ModelError(
                f"{self.name} takes {np.dtype(takes['dtype']).name}; expected float32, uint8 or int8: convert it anew"
            )
        return shape

    def _scores(self, gives: dict[str, Any]) -> int:
        shape = tuple(int(n) for n in gives["shape"])
        count = int(np.prod(shape))
        if max(shape, default=0) != count or not len(DIGITS) <= count <= MOST_LABELS:
            raise ModelError(f"{self.name} gives {shape}; ten digits need a row of at least 10 scores")
        if gives["dtype"] not in (np.float32, np.uint8, np.int8):
            raise ModelError(f"{self.name} gives {np.dtype(gives['dtype']).name}; expected float32, uint8 or int8")
        return count


def _range(takes: dict[str, Any]) -> Scale:
    """What a quantised input can stand for tells what black and white are."""
    step, zero = takes["quantization"]
    room = np.iinfo(takes["dtype"])
    low, high = (room.min - zero) * step, (room.max - zero) * step
    if high > 16:
        return "-128..127" if low < -16 else "0..255"
    return "-1..1" if low < -0.4 else "0..1"


def labels(given: str, content: bytes, beside: Path, scores: int) -> list[str]:
    """A label for each score: of the file that is given, of the metadata, or 0 to 9. Raises ModelError."""
    found, whose = _labels(given, content)
    if not found:
        found, whose = [*DIGITS, *[NOT][: max(0, scores - len(DIGITS))]], "without a file of labels, 0 to 9"
    if len(found) != scores:
        raise ModelError(
            f"{beside.name}: {len(found)} labels for {scores} outputs ({whose});"
            " name a file with a line for each output: [model] labels"
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
    return _packed(content), "of its metadata"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _packed(content: bytes) -> list[str]:
    """TFLite metadata pack the file of labels behind the network, as a ZIP archive; [] where there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if "label" in entry.filename.lower() and entry.file_size <= LARGEST_LABELS:
                    return _lines(archive.read(entry).decode())
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        pass
    return []


def columns(names: Sequence[str]) -> NDArray[np.intp]:
    """For each score the column of a domain.Classifier that it counts for."""
    return np.array([DIGITS.index(name) if name in DIGITS else NOT_A_DIGIT for name in names])

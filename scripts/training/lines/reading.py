"""Reads many fields with a network that is being measured, as FieldRecognizer does, but always with all looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Candidate, Grey
from edge_daemon.inference.runtime import ANY, find_runtime
from edge_daemon.recognition.lines import field_decoder, field_recognizer, line_recognizer
from edge_daemon.recognition.lines.field_decoder import BLANK, SCORES, LineReading
from edge_daemon.recognition.lines.field_line import frames_per_height, locate_line
from edge_daemon.recognition.lines.field_recognizer import CUT_PENALTY, FRAMES, LOOKS
from edge_daemon.recognition.lines.line_extent import Extent, Strip
from scripts.training.lines import net

Logits = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Strips (n, HEIGHT, WIDTH) -> logits (n, FRAMES, SCORES)."""
SecondVoice = Callable[[Sequence[Grey]], list[tuple[Candidate, ...]]]
"""Strips -> for each the candidates of the strip network; strips that are too long for it are left out."""
NOTHING = LineReading((("", 1.0),), "none", ())
"""The reading of a field without a line."""
BATCH = 64
"""Strips in one run of a Keras model."""
BLANK_LOGIT = 20.0
"""Logit of blank, and negative of the others, in frames behind the end of a line."""


def load_network(path: Path, package: str = ANY) -> Logits:
    """A network from a .tflite file, on the interpreter of `package`, or from a file of weights (.h5)."""
    return load_tflite(path, package) if path.suffix == ".tflite" else load_weights(path)


def load_tflite(path: Path, package: str = ANY) -> Logits:
    """Raises ModelError when the file is no field network."""
    network = field_recognizer.network(find_runtime(package), path.read_bytes(), str(path))

    def run(strips: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = np.full((len(strips), FRAMES, SCORES), -BLANK_LOGIT, np.float32)
        rows[..., BLANK] = BLANK_LOGIT
        for row, strip in zip(rows, strips, strict=True):  # at the width of the line, as the daemon does
            found = network.strip_logits(line_recognizer.used_part(strip)).reshape(-1, SCORES)
            row[: len(found)] = found
        return rows

    return run


def load_weights(path: Path) -> Logits:
    """A Keras model with the weights of `path`."""
    model = net.build()
    model.load_weights(path)

    def run(strips: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = [
            np.asarray(model(strips[i : i + BATCH, ..., None].astype(np.float32) / 255, training=False))
            for i in range(0, len(strips), BATCH)
        ]
        return np.concatenate(rows)

    return run


def open_second_voice() -> SecondVoice:
    """The bundled strip network, as FieldRecognizer uses it."""
    reader, width = line_recognizer.LineRecognizer(), line_recognizer.WIDTH

    def read(strips: Sequence[Grey]) -> list[tuple[Candidate, ...]]:
        short = [np.ascontiguousarray(strip[:, :width]) for strip in strips if not strip[:, width:].any()]
        return [line_recognizer.decode_texts(reader.probabilities(strip)) for strip in short]

    return read


class Looks(NamedTuple):
    """The line of a field, cut out for each look."""

    extent: Extent
    """In pixels of the working picture."""
    strips: tuple[Strip, ...]

    @property
    def per_height(self) -> float:
        """Frames of the first strip that are as long as the line is high."""
        return frames_per_height(self.extent, self.strips[0])


def cut_looks(field: Grey, looks: Sequence[tuple[float, float, float]] = LOOKS) -> Looks | None:
    """The line of a field (h, w) for each look; None where nothing could be a line."""
    line = locate_line(field)
    strips = tuple(strip for look in looks if (strip := line.look(look)) is not None) if line else ()
    return Looks(line.extent, strips) if line and strips else None


def read_looks(
    looks: Looks,
    logits: Sequence[NDArray[np.float32]],
    second: Sequence[tuple[Candidate, ...]],
    temperature: float,
) -> LineReading:
    """The reading of one line. `logits` (FRAMES, SCORES) of each look; `second`: the candidates of the second voice."""
    return without_signs(field_decoder.fuse(decode(looks, logits, temperature, CUT_PENALTY), second))


def decode(looks: Looks, logits: Sequence[NDArray[np.float32]], temperature: float, penalty: float) -> LineReading:
    """The reading of one line by the field network alone."""
    each = [field_decoder.probabilities(one, temperature, penalty) for one in logits]
    return field_decoder.decode_looks(each, looks.per_height)


def without_signs(reading: LineReading) -> LineReading:
    """The reading with the digits of its numbers only: the truths of the measured sets have no signs."""
    bare = tuple((field_decoder.without_signs(text), p) for text, p in reading.candidates)
    return reading._replace(candidates=bare)

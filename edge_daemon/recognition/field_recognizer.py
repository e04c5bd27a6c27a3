"""Reads the number in a field as a whole line: finds the line, looks at it several times, and decodes it.

The network knows ten digits, signs, "other writing" and "cut off by the border", so that letters beside a number and
half a digit at the border do not become digits. The strip network, which knows only digits, is the second voice.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_daemon.domain import DIGITS, Box, Candidate, Digit, Grey, Number
from edge_daemon.errors import ModelError
from edge_daemon.geometry import bounding_box
from edge_daemon.inference.manifest import Manifest, bundled, decode, read_file
from edge_daemon.inference.network import Network, check_golden, open_network
from edge_daemon.inference.runtime import ANY
from edge_daemon.recognition import ctc, line_extent, line_recognizer
from edge_daemon.recognition import field_decoder as decoder
from edge_daemon.recognition.ctc import Probabilities
from edge_daemon.recognition.field_decoder import LineReading
from edge_daemon.recognition.line_extent import HEIGHT, WIDTH, Extent, Strip
from edge_daemon.recognition.line_recognizer import LineRecognizer

FRAMES = WIDTH // 2
"""Columns for which the network gives scores."""
LOOKS = ((1.0, 1.0, 0.0), (0.88, 0.95, 0.04), (1.12, 1.05, -0.04))
"""Width, height and shift of each look at a line, see line_extent.cut_line. The first is always taken."""
CONFIDENT = 0.98
"""Confidence of the first look from which the others are not needed."""
SECOND_LOOKS = 2
"""Looks that the second voice reads."""
MIN_CONFIDENCE = 0.2
"""Confidence below which nothing is returned: what stands there is not a number that could be named."""
DOUBTFUL = 0.3
"""Confidence at most of a number that may be incomplete: too low to be accepted, however many frames agree on it."""


class Calibration(NamedTuple):
    """Constants of the confidence, chosen on the choose half of the measured sources (models/README.md)."""

    cut_penalty: float = 2.0
    """See field_decoder.probabilities."""
    share: float = 0.5
    """Weight of the second voice, 0..1."""
    slope: float = 1.467
    """See field_decoder.calibrate."""
    offset: float = 0.726
    """See field_decoder.calibrate."""


class FieldManifest(Manifest, frozen=True):
    """The manifest of a field network."""

    strip: int
    """line_extent.VERSION that the network was trained with."""
    symbols: str
    """Its classes, as field_decoder.SYMBOLS; blank comes after them."""
    golden: list[list[float]]
    """For each strip on the golden sheet the probability of each class, highest over all frames."""


class FieldLine(NamedTuple):
    """The line of a field, on the contrast map of the working picture."""

    ink: Grey
    extent: Extent
    """In pixels of the working picture."""
    scale: float
    """Pixels of the working picture per pixel of the field."""

    def look(self, look: Sequence[float]) -> Strip | None:
        """The line cut out for one of LOOKS; None where it is too long for the strip."""
        return line_extent.cut_line(self.ink, self.extent, *look)


class Looks(NamedTuple):
    """The line of a field, cut out for each look."""

    extent: Extent
    """In pixels of the working picture."""
    scale: float
    """Pixels of the working picture per pixel of the field."""
    strips: tuple[Strip, ...]

    @property
    def per_height(self) -> float:
        """Frames of the first strip that are as long as the line is high."""
        return frames_per_height(self.extent, self.strips[0])


def frames_per_height(extent: Extent, strip: Strip) -> float:
    """Frames of a strip that are as long as its line is high."""
    return extent.height / float(np.linalg.norm(strip.matrix[:, 0])) / 2


def locate_line(field: Grey) -> FieldLine | None:
    """The line of a field (h, w); None where nothing could be one."""
    if min(field.shape) < line_extent.MIN_SIDE:
        return None
    small, scale = line_extent.working_size(field)
    if min(small.shape) < line_extent.MIN_SIDE:
        return None
    ink = line_extent.line_contrast(small)
    extent = line_extent.find_line(ink)
    return FieldLine(ink, extent, scale) if extent else None


def cut_looks(field: Grey, looks: Sequence[tuple[float, float, float]] = LOOKS) -> Looks | None:
    """The line of a field (h, w) for each look; None where nothing could be a line."""
    line = locate_line(field)
    strips = tuple(strip for look in looks if (strip := line.look(look)) is not None) if line else ()
    return Looks(line.extent, line.scale, strips) if line and strips else None


class FieldRecognizer:
    """The bundled field network, checked and ready, with the strip network beside it."""

    def __init__(
        self,
        strips: LineRecognizer,
        manifest: Path | None = None,
        runtime: str = ANY,
        calibration: Calibration = Calibration(),  # noqa: B008  (immutable)
    ) -> None:
        """Raises ModelError, or RuntimeMissingError without an interpreter."""
        path = manifest or bundled("lines")
        facts = read_manifest(path)
        self._strips, self._calibration = strips, calibration
        self._network = open_network(path, facts, "int8", network, runtime)
        self._temperature = facts.temperature["int8"]
        sheet = read_file(path.parent, facts.files["golden"])
        shown = line_recognizer.golden_strips(sheet, len(facts.golden), WIDTH)
        scores = np.array([self._probabilities(strip).max(axis=0) for strip in shown], np.float32)
        check_golden(path, scores, facts.golden)

    def read(self, field: Grey) -> Number | None:
        """The number in a field (h, w), boxes in pixels of the field; None where there is none.

        A number that may be incomplete, or several numbers, have at most the confidence DOUBTFUL.
        """
        line = locate_line(field)
        strip = line.look(LOOKS[0]) if line else None
        if line is None or strip is None:
            return None
        per_height = frames_per_height(line.extent, strip)
        looks = [self._probabilities(strip.pixels, self._calibration.cut_penalty)]
        second = self._second_voice([strip])
        reading = self._decode(looks, per_height, second)
        if reading.candidates[0][1] < CONFIDENT:
            again = [s for look in LOOKS[1:] if (s := line.look(look)) is not None]
            looks += [self._probabilities(s.pixels, self._calibration.cut_penalty) for s in again]
            second += self._second_voice(again[: SECOND_LOOKS - 1])
            reading = self._decode(looks, per_height, second) if again else reading
        return number_from(line, strip, reading, looks[0])

    def _decode(
        self, looks: Sequence[Probabilities], per_height: float, second: Sequence[Sequence[Candidate]]
    ) -> LineReading:
        reading = decoder.decode_looks(looks, per_height)
        reading = decoder.mix(reading, second, self._calibration.share)
        return decoder.calibrate(reading, self._calibration.slope, self._calibration.offset)

    def _second_voice(self, strips: Sequence[Strip]) -> list[tuple[Candidate, ...]]:
        """What the strip network reads in each strip; one that is too long for it is left out."""
        width = line_recognizer.WIDTH
        short = [np.ascontiguousarray(s.pixels[:, :width]) for s in strips if not s.pixels[:, width:].any()]
        return [line_recognizer.decode_texts(self._strips.probabilities(strip)) for strip in short]

    def _probabilities(self, strip: Grey, cut_penalty: float = 0.0) -> Probabilities:
        """(frames, SCORES) for a strip (HEIGHT, WIDTH), without the frames of its empty right end."""
        logits = self._network.strip_logits(line_recognizer.used_part(strip)).reshape(-1, decoder.SCORES)
        return decoder.probabilities(logits, self._temperature, cut_penalty)


def number_from(line: FieldLine, strip: Strip, reading: LineReading, first: Probabilities) -> Number | None:
    """The reading as a number, its digits where the first look found them; None for no number."""
    text, confidence = reading.candidates[0]
    if not text or confidence < MIN_CONFIDENCE or not all(char in DIGITS for char in text):
        return None
    candidates = tuple((t, c) for t, c in reading.candidates if t and all(char in DIGITS for char in t))
    if reading.doubt and confidence > DOUBTFUL:
        candidates = tuple((t, c * DOUBTFUL / confidence) for t, c in candidates)
    folded, symbols = decoder.fold(first)
    spans = reading.frames or ctc.align(folded, symbols, text)
    boxes = digit_boxes(line, strip, spans)
    digits = tuple(Digit(top_three(folded, span), box) for span, box in zip(spans, boxes, strict=True))
    return Number(bounding_box(boxes), candidates, digits)


def top_three(folded: Probabilities, span: tuple[int, int]) -> tuple[Candidate, ...]:
    """The three most likely digits in the frames of one digit, best first."""
    scores = folded[span[0] : span[1] + 1, : len(DIGITS)].max(axis=0)
    shares = scores / max(1e-6, float(scores.sum()))
    best = np.argsort(-shares, kind="stable")[:3]
    return tuple((DIGITS[i], round(float(shares[i]), 4)) for i in best)


def digit_boxes(line: FieldLine, strip: Strip, spans: Sequence[tuple[int, int]]) -> list[Box]:
    """The box of each digit in pixels of the field: as high as the line, and half the way to its neighbours wide."""
    matrix, extent, scale = strip.matrix, line.extent, line.scale
    middles = [(first + last + 1) for first, last in spans]  # two pixels of the strip per frame
    usual = min((b - a for a, b in itertools.pairwise(middles)), default=0.7 * line_extent.BAND) / 2
    inner = [(a + b) / 2 for a, b in itertools.pairwise(middles)]
    starts, ends = [middles[0] - usual, *inner], [*inner, middles[-1] + usual]
    boxes = []
    for start, end in zip(starts, ends, strict=True):
        left, right = (float(matrix[0, 0] * x + matrix[0, 2]) for x in (start, end))
        drift = extent.slope * ((left + right) / 2 - (extent.left + extent.right) / 2)
        top, bottom = extent.top + drift, extent.bottom + drift
        x, y = round(max(0.0, left) / scale), round(max(0.0, top) / scale)
        boxes.append((x, y, max(1, round(right / scale) - x), max(1, round(bottom / scale) - y)))
    return boxes


def read_manifest(path: Path) -> FieldManifest:
    """Read and check a manifest. Raises ModelError when it cannot be read, or does not fit this program."""
    manifest = decode(path, FieldManifest)
    fits = manifest.strip == line_extent.VERSION and manifest.symbols == decoder.SYMBOLS
    if not fits or not {"int8", "golden"} <= manifest.files.keys() or "int8" not in manifest.temperature:
        raise ModelError(f"{path} is not a field network of this edge-daemon; reinstall the model")
    return manifest


def network(runtime: Any, content: bytes, name: str) -> Network:
    """A network from trusted `content`. Raises ModelError when it is no field network."""
    return Network(runtime, content, name, (HEIGHT, WIDTH, 1), FRAMES * decoder.SCORES)

"""Reads the number in a field as a whole line: finds the line, looks at it several times, and decodes it.

The network knows ten digits, signs, "other writing" and "cut off by the border", so that letters beside a number and
half a digit at the border do not become digits. The strip network, which knows only digits, is the second voice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_daemon.domain import DIGITS, Candidate, Digit, Grey, Number, Patch, digits_of
from edge_daemon.errors import ModelError
from edge_daemon.geometry import bounding_box
from edge_daemon.inference.manifest import Manifest, bundled, decode, read_file
from edge_daemon.inference.network import Network, check_golden, open_network
from edge_daemon.inference.runtime import ANY
from edge_daemon.recognition.lines import ctc, line_extent, line_recognizer
from edge_daemon.recognition.lines import field_decoder as decoder
from edge_daemon.recognition.lines.ctc import Probabilities
from edge_daemon.recognition.lines.digit_boxes import digit_boxes, has_ink_before, is_after_leader, strip_ink
from edge_daemon.recognition.lines.field_decoder import CUT, OTHER, SYMBOLS, LineReading
from edge_daemon.recognition.lines.field_line import (
    BEYOND,
    HALF_DIGIT,
    NEXT,
    FieldLine,
    Part,
    frame_x,
    frames_per_height,
    locate_line,
    own_part,
    widen,
)
from edge_daemon.recognition.lines.line_extent import HEIGHT, WIDTH, Strip
from edge_daemon.recognition.lines.line_recognizer import LineRecognizer

FRAMES = WIDTH // 2
"""Columns for which the network gives scores."""
LOOKS = ((1.0, 1.0, 0.0), (0.88, 0.95, 0.04), (1.12, 1.05, -0.04))
"""Width, height and shift of each look at a line, see line_extent.cut_line. The first is always taken."""
CONFIDENT = 0.98
"""Confidence of the first look from which the others are not needed."""
CUT_PENALTY = 2.0
"""See field_decoder.probabilities; chosen by scripts/training/lines/calibrate.py."""
SECOND_LOOKS = 2
"""Looks that the second voice reads."""
MIN_CONFIDENCE = 0.2
"""Confidence below which nothing is returned: what stands there is not a number that could be named."""
DOUBTFUL = 0.3
"""Confidence at most of a number that may be incomplete: too low to be accepted, however many frames agree on it."""


class FieldManifest(Manifest, frozen=True):
    """The manifest of a field network."""

    strip: int
    """line_extent.VERSION that the network was trained with."""
    symbols: str
    """Its classes, as field_decoder.SYMBOLS; blank comes after them."""
    golden: list[list[float]]
    """For each strip on the golden sheet the probability of each class, highest over all frames."""


class FieldRecognizer:
    """The bundled field network, checked and ready, with the strip network beside it."""

    def __init__(
        self,
        strips: LineRecognizer,
        manifest: Path | None = None,
        runtime: str = ANY,
    ) -> None:
        """Raises ModelError, or RuntimeMissingError without an interpreter."""
        path = manifest or bundled("lines")
        facts = read_manifest(path)
        self._strips = strips
        self._network = open_network(path, facts, "int8", network, runtime)
        self._temperature = facts.temperature["int8"]
        sheet = read_file(path.parent, facts.files["golden"])
        shown = line_recognizer.golden_strips(sheet, len(facts.golden), WIDTH)
        scores = np.array([self._scores(strip).max(axis=0) for strip in shown], np.float32)
        check_golden(path, scores, facts.golden)

    def read(self, patch: Patch) -> Number | None:
        """The number in a field, boxes in pixels of the patch; None where there is none.

        What the frame shows directly beside the field tells whether the number goes on there. A number that may be
        incomplete, or several numbers, have at most the confidence DOUBTFUL.
        """
        line = locate_line(patch.pixels)
        strip = line.look(LOOKS[0]) if line else None
        if line is None or strip is None:
            return None
        first = self.probabilities(strip)
        part, goes_on = Part(0.0, math.inf, False, False), False
        is_shown = False
        near = ends_near_border(line, strip, first)
        wider = widen(line, patch, *near) if any(near) else line
        if wider.is_wider and wider.has_ink_beyond and (wide := wider.look(LOOKS[0])) is not None:
            rows = self.probabilities(wide)
            own = own_part(wider, wide, rows, self._strips)
            goes_on = own.goes_on
            is_shown = (wider.start > 0 or not near[0]) and (wider.stop < wider.ink.shape[1] or not near[1])
            if own.is_crossed:  # what the field alone shows is cut
                line, strip, first, part = wider, wide, rows, own
        reading = self._read_part(line, strip, first, part)
        if goes_on or (is_shown and reading.doubt == "cut"):  # the frame decides on it
            reading = reading._replace(doubt="cut" if goes_on else "")
        return number_from(line, strip, reading, first[part.frames(strip)], part.frames(strip).start)

    def read_line(self, line: FieldLine) -> Number | None:
        """The number on a line, boxes in pixels of its picture; nothing beyond the picture is looked at."""
        strip = line.look(LOOKS[0])
        if strip is None:
            return None
        first, part = self.probabilities(strip), Part(0.0, math.inf, False, False)
        reading, frames = self._read_part(line, strip, first, part), part.frames(strip)
        return number_from(line, strip, reading, first[frames], frames.start)

    def _read_part(self, line: FieldLine, strip: Strip, first: Probabilities, part: Part) -> LineReading:
        """What a part of a line says; `first` are the answers for its first look."""
        looks, second = [first[part.frames(strip)]], self._second_voice([strip], part)
        per_height = frames_per_height(line.extent, strip)
        reading = decoder.fuse(decoder.decode_looks(looks, per_height), second)
        again = [s for look in LOOKS[1:] if (s := line.look(look))] if reading.candidates[0][1] < CONFIDENT else []
        if not again:
            return reading
        looks += [self.probabilities(s)[part.frames(s)] for s in again]
        second += self._second_voice(again[: SECOND_LOOKS - 1], part)
        return decoder.fuse(decoder.decode_looks(looks, per_height), second)

    def _second_voice(self, strips: Sequence[Strip], part: Part) -> list[tuple[Candidate, ...]]:
        """What the strip network reads in a part of each strip; one that is too long for it is left out."""
        width = line_recognizer.WIDTH
        short = [strip for strip in strips if not strip.pixels[:, width:].any()]
        rows = [self._strips.probabilities(np.ascontiguousarray(s.pixels[:, :width]))[part.frames(s)] for s in short]
        return [line_recognizer.decode_texts(row) for row in rows if len(row)]

    def probabilities(self, strip: Strip) -> Probabilities:
        """(frames, SCORES) for a strip, without the frames of its empty right end."""
        return self._scores(strip.pixels, CUT_PENALTY)

    def _scores(self, pixels: Grey, cut_penalty: float = 0.0) -> Probabilities:
        logits = self._network.strip_logits(line_recognizer.used_part(pixels)).reshape(-1, decoder.SCORES)
        return decoder.probabilities(logits, self._temperature, cut_penalty)


def ends_near_border(line: FieldLine, strip: Strip, rows: Probabilities) -> tuple[bool, bool]:
    """Whether the first and the last digit of a line are so near to the border that the number may go on beyond it."""
    slack = (NEXT - line_extent.BESIDE) * line.extent.height
    if line.extent.left > slack and line.extent.right < line.ink.shape[1] - slack:
        return False, False  # no ink at all is so near
    text = ctc.search_texts(rows, SYMBOLS, runs=OTHER + CUT)[0][0]
    digits = [at for at, char in zip(ctc.align(rows, SYMBOLS, text), text, strict=True) if char in DIGITS]
    if not digits:
        return False, False
    first, last = (frame_x(strip, (a + b + 1) / 2) for a, b in (digits[0], digits[-1]))
    near = (BEYOND + HALF_DIGIT) * line.extent.height  # a gap, and a part of the next digit
    return first < near, last > line.ink.shape[1] - near


def number_from(line: FieldLine, strip: Strip, reading: LineReading, first: Probabilities, start: int) -> Number | None:
    """The reading as a number, its digits where the first look found them; None for no number.

    `first` are the frames of the strip from `start` on that belong to the field.
    """
    text, confidence = reading.candidates[0]
    if not text or confidence < MIN_CONFIDENCE or OTHER in text:
        return None
    candidates = tuple((t, c) for t, c in reading.candidates if t and OTHER not in t)
    if reading.doubt and confidence > DOUBTFUL:
        candidates = tuple((t, c * DOUBTFUL / confidence) for t, c in candidates)
    spans = reading.frames or ctc.align(first, SYMBOLS, digits_of(text))
    places, ink = [(a + start, b + start) for a, b in spans], strip_ink(strip)
    boxes = digit_boxes(line, strip, ink, places)
    digits = tuple(Digit(top_three(first, span), box) for span, box in zip(spans, boxes, strict=True))
    if text.startswith("-") and is_after_leader(ink, places):
        candidates = decoder.without_leader(reading._replace(candidates=candidates)).candidates
    return Number(
        bounding_box(boxes),
        candidates,
        digits,
        cut_off=reading.doubt == "cut",
        has_signs=True,
        ink_before=candidates[0][0][0] in DIGITS and has_ink_before(ink, places),
    )


def top_three(rows: Probabilities, span: tuple[int, int]) -> tuple[Candidate, ...]:
    """The three most likely digits in the frames of one digit, best first."""
    scores = rows[span[0] : span[1] + 1, : len(DIGITS)].max(axis=0)
    shares = scores / max(1e-6, float(scores.sum()))
    best = np.argsort(-shares, kind="stable")[:3]
    return tuple((DIGITS[i], round(float(shares[i]), 4)) for i in best)


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

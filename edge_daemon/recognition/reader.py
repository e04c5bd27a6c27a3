"""Patch -> [Number]: a patch that may be one line is read as a line; otherwise ink is segmented, decoded and fused.

A whole frame that reads badly is also tried in its other three orientations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Classifier, Digit, Grey, Number, Patch
from edge_daemon.geometry import bounding_box
from edge_daemon.images import MIN_HEIGHT, rotate_left, shrink
from edge_daemon.inference import classifier as classifiers
from edge_daemon.inference import digits as digit_network
from edge_daemon.inference.edgetpu import EdgeTpu
from edge_daemon.inference.options import ModelOptions
from edge_daemon.inference.runtime import default_kind
from edge_daemon.recognition.fusion import combine, merge_gaps
from edge_daemon.recognition.ink import Blob, patch_contrast
from edge_daemon.recognition.lattice import decode
from edge_daemon.recognition.lines.field_recognizer import FieldRecognizer
from edge_daemon.recognition.lines.line_extent import WORK_HEIGHT
from edge_daemon.recognition.lines.line_recognizer import CONFIDENT, LineRecognizer, digit_boxes
from edge_daemon.recognition.orientation import CHECK_EVERY, CHECK_SIDE, Orientation, unrotate_number
from edge_daemon.recognition.rereading import read_again
from edge_daemon.recognition.segment import segment
from edge_daemon.recognition.sieve import Sieve

MIN_CONFIDENCE = 0.5
"""Confidence below which ink is not returned as a number."""
MIN_LINE_CONFIDENCE = 0.2
"""Confidence below which the text of a whole line is ignored, and the glyphs decide. Lower than MIN_CONFIDENCE: on
lines that hard the glyphs are wrong more often still."""
ONE_LINE_HEIGHT = 128
"""Pixels of height up to which a picture wider than high is taken for one line of writing, as a field is."""

EDGE = 0.3
"""Digit heights. A number of a whole frame that is nearer to the left or right border of the picture may go on beyond
it: digits of one number stand that far apart."""
CERTAIN = 0.9
"""Confidence per digit from which a number is writing. (From photos; so are the next two.)"""
LARGE = 0.25
"""Share of the frame's height: a taller number is what the camera was pointed at, and is kept alone."""
SMALL = 0.6
"""Share of the median height of the certain numbers: a smaller uncertain one is a piece, a stain, part of a letter."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was read in one orientation of a patch."""

    numbers: list[Number]
    """In reading order, boxes in pixels of the turned patch."""
    read: int
    """Pieces of ink that passed the sieve."""
    found: int
    """All pieces of ink."""


@dataclass(slots=True)
class Reader:
    """Reads patches: the networks, and the orientation of frames without fields."""

    sieve: Sieve
    classifier: Classifier
    strips: LineRecognizer | None
    """None: digits are read one by one only."""
    orientation: Orientation = field(default_factory=Orientation)
    fields: FieldRecognizer | None = None
    """None: fields are read as any other patch."""

    def fresh(self) -> Reader:
        """A reader with the same networks that has not seen a frame: its orientation is not known yet."""
        return replace(self, orientation=Orientation(self.orientation.check_every))

    def read(self, patch: Patch) -> list[Number]:
        """The numbers of a patch in reading order, boxes in pixels of the patch; none in one lower than any digit."""
        if min(patch.pixels.shape) < MIN_HEIGHT:
            return []
        if patch.field is not None and self.fields:
            number = self.fields.read(patch)
            if number or patch.pixels.shape[0] <= WORK_HEIGHT:
                return [number] if number else []
            # the field was shrunk to find its line, and small digits may have been lost: it is read as any other patch
        line = self._read_as_line(patch, self.strips) if self.strips and is_one_line(patch) else None
        if line and line.confidence >= CONFIDENT:
            return [line]
        is_upright = patch.field is not None or is_one_line(patch)
        turn = 0 if is_upright else self.orientation.turn
        result = self._recognise(patch, turn)
        likely = [number for number in result.numbers if number.confidence >= MIN_CONFIDENCE]
        if line:
            return [combine(line, likely)]
        if not is_upright and self._must_check(patch, likely, result) and self._turn(patch, likely):
            turn = self.orientation.turn
            result = self._recognise(patch, turn)
        return self._read_again(patch, result.numbers, turn)

    def _must_check(self, patch: Patch, likely: Sequence[Number], result: Recognition) -> bool:
        return self.orientation.must_check(patch.frame.mono, likely, result.read, result.found)

    def _turn(self, patch: Patch, numbers: Sequence[Number]) -> bool:
        """Try the other orientations; whether one is better, which is then remembered."""
        small = replace(patch, pixels=shrink(patch.pixels, CHECK_SIDE))
        present = self.orientation.turn
        others = {turn: self._recognise(small, (present + turn) % 4).numbers for turn in (1, 2, 3)}
        return self.orientation.update(numbers, others)

    def _read_as_line(self, patch: Patch, strips: LineRecognizer) -> Number | None:
        """The whole patch read as one line; None where there is no text, or none that is likely enough."""
        height, width = patch.pixels.shape
        ink, box = patch_contrast(patch), (0, 0, width, height)
        line = strips.read(ink, box)
        if line is None:
            return None
        text, confidence = line.candidates[0]
        if not text or confidence < MIN_LINE_CONFIDENCE:
            return None
        boxes = digit_boxes(box, ink, line.spans)
        digits = tuple(Digit(((digit, confidence),), at) for digit, at in zip(text, boxes, strict=True))
        return Number(bounding_box(boxes), tuple(c for c in line.candidates if c[0]), digits)

    def _recognise(self, patch: Patch, turn: int) -> Recognition:
        """Segment and decode the patch after `turn` quarter turns to the left."""
        found = 0

        def filter_ink(ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.float32]:
            nonlocal found
            found += len(blobs)
            return self.sieve.filter(ink, blobs)

        turned = replace(patch, pixels=rotate_left(patch.pixels, turn)) if turn else patch
        lines = segment(turned, filter_ink)
        numbers = decode(lines, self.classifier)
        if self.strips:
            numbers = merge_gaps(turned.pixels, numbers, self.strips)
        numbers = self._drop_isolated(patch, numbers, turn)
        return Recognition(numbers, sum(line.nodes - 1 for line in lines), found)

    def _drop_isolated(self, patch: Patch, numbers: Sequence[Number], turn: int) -> list[Number]:
        """Of a frame without fields only the numbers that fit together as writing; of a field all."""
        if patch.field is not None or is_one_line(patch):
            return list(numbers)
        return drop_isolated_digits(numbers, patch.pixels.shape[turn % 2])

    def _read_again(self, patch: Patch, numbers: Sequence[Number], turn: int) -> list[Number]:
        """Numbers of the turned patch, read again with what stands beside them, boxes in pixels of the patch."""
        if self.fields:
            numbers = read_again(rotate_left(patch.pixels, turn), numbers, self.fields)
        upright = [unrotate_number(n, patch.pixels.shape, turn) for n in numbers if n.confidence >= MIN_CONFIDENCE]
        return upright if patch.field is not None else [mark_cut_off(n, patch.pixels.shape) for n in upright]


def open_reader(model: ModelOptions, check_every: float = CHECK_EVERY, device: EdgeTpu | None = None) -> Reader:
    """A reader with all three networks, the digit network as configured.

    `check_every` is in seconds, see Orientation. The line network is left out where the digit network is foreign, or
    was trained on a hand that the line network does not know. Raises ModelError or RuntimeMissingError.
    """
    classifier = classifiers.load(model, device)
    companions = {} if classifiers.is_foreign(model) else digit_network.companions(model.path)
    kind = default_kind(model.runtime) if model.precision == "auto" else model.precision
    sieve = Sieve(companions.get("sieve"), kind, model.runtime)
    strips = LineRecognizer(companions.get("strips"), runtime=model.runtime) if classifier.strips else None
    fields = FieldRecognizer(strips, runtime=model.runtime) if strips else None
    return Reader(sieve, classifier, strips, Orientation(check_every), fields)


def mark_cut_off(number: Number, shape: tuple[int, ...]) -> Number:
    """The number of a whole frame, marked as cut off where it may go on beyond the left or right of the picture."""
    x, _, w, h = number.box
    return replace(number, cut_off=min(x, shape[1] - x - w) < EDGE * h)


def is_one_line(patch: Patch) -> bool:
    """Whether a patch can only be one line: wider than high, and a field or a small picture."""
    height, width = patch.pixels.shape
    return width > 1.3 * height and (patch.field is not None or height <= ONE_LINE_HEIGHT)


def drop_isolated_digits(numbers: Sequence[Number], height: int) -> list[Number]:
    """Those of `numbers` that fit together as writing in a frame of `height` px."""
    certain = [number.box[3] for number in numbers if digit_confidence(number) >= CERTAIN]
    if not certain:
        return [number for number in numbers if number.box[3] > LARGE * height]
    least = SMALL * median(certain)
    return [number for number in numbers if number.box[3] >= least or digit_confidence(number) >= CERTAIN]


def digit_confidence(number: Number) -> float:
    """The mean confidence of one digit of a number: a long number is not less likely because it is long."""
    return float(number.confidence ** (1 / len(number.text)))

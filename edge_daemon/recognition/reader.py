"""Patch -> [Number]: segment and read; a whole frame that reads badly is also looked at from its other three sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Classifier, Digit, Grey, Line, Number, Patch
from edge_daemon.geometry import bounding_box, unrotate_box
from edge_daemon.images import rotate_left, shrink
from edge_daemon.inference import classifier as classifiers
from edge_daemon.inference import digits as tflite
from edge_daemon.inference.edgetpu import EdgeTpu
from edge_daemon.inference.options import ModelOptions
from edge_daemon.inference.runtime import default_kind
from edge_daemon.recognition.fusion import borne_out, jointly, may_be_one, rejoined, strip_of
from edge_daemon.recognition.ink import Blob, contrast
from edge_daemon.recognition.isolation import credible
from edge_daemon.recognition.lattice import read
from edge_daemon.recognition.line_recognizer import SETTLED, StripReader, boxes
from edge_daemon.recognition.segment import segment
from edge_daemon.recognition.sieve import Sieve

ON_ITS_SIDE, UPSIDE_DOWN = ("2345679", 1.0), ("347", 3.0)
"""Digits that are none when turned so, and of how many more it takes to leave the present way up. A 2 on its head is a
2, a 6 a 9; 0 and 8 stay what they are any way round, and any bar is a 1 to somebody."""
SURE = 0.7
"""A frame whose digits are this sure on average stands the right way up."""
LEAST = 0.5
"""Confidence below which ink is not called a number."""
TELLS = 0.2
"""A strip that is less sure of its likeliest text does not tell it, and the glyphs are asked. Less than LEAST: on
lines that hard the glyphs are wrong more often still."""
WRITTEN = 0.03
"""Of all pieces of ink so many must be read at all for a look from the other sides. Of photographed writing, turned,
one in fifteen is at least, mostly half of them; of many a picture of anything else, one in fifty."""
LOOK_ROUND = 10.0
"""Seconds between looks from the other sides, where nothing else is said."""
GLANCE = 640
"""Pixels on the longer side of what is looked at from the other sides: it only has to tell the way up."""
ONE_LINE = 128
"""Pixels of height up to which a picture wider than high is taken for one line of writing, as a field is."""
CLEARLY = 1.25
"""Another way up must have so many times the evidence of the present one, and some digits on top."""


@dataclass(slots=True)
class Reader:
    """The eyes of the daemon: the networks, and which way up unconfigured frames stand."""

    sieve: Sieve
    classifier: Classifier
    strips: StripReader | None
    """None: digits are read one by one only."""
    look_round_every: float = LOOK_ROUND
    """Seconds (of frames' monotonic time) between two looks from the other sides at frames that read badly."""
    turn: int = 0
    """Quarter turns to the left that unconfigured frames need, as last found out."""
    _next_look: float = 0.0

    def read(self, patch: Patch) -> list[Number]:
        """The numbers of a patch in reading order, boxes in pixels of the patch."""
        one_line = is_one_line(patch)
        spelled = self._as_one_line(patch, self.strips) if one_line and self.strips else None
        if spelled and spelled.confidence >= SETTLED:
            return [spelled]
        as_it_stands = one_line or patch.field is not None
        turn = 0 if as_it_stands else self.turn
        numbers, pieces, all_pieces = self._seen(patch, turn)
        likely = [number for number in numbers if number.confidence >= LEAST]
        if spelled:
            return [borne_out(spelled, likely)]
        settled = as_it_stands or patch.frame.mono < self._next_look or pieces <= WRITTEN * all_pieces
        if not settled and not reads_well(likely, pieces):
            self._next_look = patch.frame.mono + self.look_round_every
            if self._looked_round(patch, likely):
                turn = self.turn
                numbers, _, _ = self._seen(patch, turn)
        return self._told(patch, numbers, turn)

    def _looked_round(self, patch: Patch, numbers: Sequence[Number]) -> bool:
        """Whether the picture stands better another way up, which it then is taken to do from now on."""
        small = replace(patch, pixels=shrink(patch.pixels, GLANCE))
        others = {turn: self._seen(small, (self.turn + turn) % 4)[0] for turn in (1, 2, 3)}
        gains = {
            turn: gain(numbers, seen, *(UPSIDE_DOWN if turn == 2 else ON_ITS_SIDE)) for turn, seen in others.items()
        }
        best = max(gains, key=lambda turn: gains[turn])
        if gains[best] <= 0:
            return False
        self.turn = (self.turn + best) % 4
        return True

    def _as_one_line(self, patch: Patch, strips: StripReader) -> Number | None:
        """The whole patch read as a strip; None where that says nothing, or not surely enough."""
        height, width = patch.pixels.shape
        ink, box = contrast(patch.pixels), (0, 0, width, height)
        said = strips.read(ink, box)
        if said is None:
            return None
        text, sure = said.candidates[0]
        if not text or sure < TELLS:
            return None
        where = boxes(box, ink, said.spans)
        digits = tuple(Digit(((digit, sure),), at) for digit, at in zip(text, where, strict=True))
        return Number(bounding_box(where), tuple(c for c in said.candidates if c[0]), digits)

    def _seen(self, patch: Patch, turn: int) -> tuple[list[Number], int, int]:
        """The numbers after `turn` quarter turns to the left, boxes in pixels of the turned patch, how many pieces of
        ink were read, and how many there are."""
        sifted: list[NDArray[np.float32]] = []

        def sift(ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.float32]:
            sifted.append(self.sieve.sift(ink, blobs))
            return sifted[-1]

        pixels = rotate_left(patch.pixels, turn)
        lines = segment(replace(patch, pixels=pixels), sift)
        numbers = read(lines, self.classifier)
        if self.strips:
            numbers = mended(pixels, numbers, self.strips)
        return self._credible(patch, numbers, turn), pieces_of(lines), sum(map(len, sifted))

    def _credible(
        self, patch: Patch, numbers: Sequence[Number], turn: int, beside: Sequence[Number] = ()
    ) -> list[Number]:
        """Of a frame without fields those that fit together as writing; all of a field's."""
        if patch.field is not None or is_one_line(patch):
            return list(numbers)
        return credible(numbers, patch.pixels.shape[turn % 2], beside)

    def _told(self, patch: Patch, numbers: Sequence[Number], turn: int) -> list[Number]:
        """`numbers` of the turned patch, with what strips say of those that are not sure; boxes in px of the patch."""
        if self.strips:
            told = heard(rotate_left(patch.pixels, turn), numbers, self.strips)
            numbers = self._credible(patch, told, turn, beside=numbers)
        return [turned_back(n, patch.pixels.shape, turn) for n in numbers if n.confidence >= LEAST]


def open_reader(model: ModelOptions, look_round_every: float = LOOK_ROUND, device: EdgeTpu | None = None) -> Reader:
    """With all three networks, the digits' as configured. Raises ModelError, or RuntimeMissingError.

    Strips are left out where the digit network is somebody's own, or was taught a hand that they do not know.
    """
    classifier = classifiers.load(model, device)
    brought = {} if classifiers.is_foreign(model) else tflite.companions(model.path)
    kind = default_kind(model.runtime) if model.precision == "auto" else model.precision
    sieve = Sieve(brought.get("sieve"), kind, model.runtime)
    strips = StripReader(brought.get("strips"), runtime=model.runtime) if classifier.strips else None
    return Reader(sieve, classifier, strips, look_round_every)


def heard(pixels: Grey, numbers: Sequence[Number], strips: StripReader) -> list[Number]:
    """`numbers`, boxes in `pixels`, with the strips' word on those that are not sure."""
    unsure = {i: strip_of(pixels, n.box) for i, n in enumerate(numbers) if n.confidence < SETTLED}
    asked = {i: strip for i, strip in unsure.items() if strip is not None}
    said = dict(zip(asked, strips.read_each(list(asked.values())), strict=True))
    return [jointly(number, said[i]) if i in said else number for i, number in enumerate(numbers)]


def mended(pixels: Grey, numbers: Sequence[Number], strips: StripReader) -> list[Number]:
    """`numbers` in reading order, boxes in `pixels`: those made one again between which a digit was overlooked."""
    found: list[Number] = []
    for number in numbers:
        if found and may_be_one(found[-1], number):
            strip = strip_of(pixels, bounding_box([found[-1].box, number.box]))
            one = rejoined(found[-1], number, strips.read_each([strip])[0]) if strip is not None else None
            if one:
                found[-1] = one
                continue
        found.append(number)
    return found


def is_one_line(patch: Patch) -> bool:
    """Whether a patch can be one line and nothing else: wider than high, and a field, or a small picture."""
    height, width = patch.pixels.shape
    return width > 1.3 * height and (patch.field is not None or height <= ONE_LINE)


def pieces_of(lines: Sequence[Line]) -> int:
    return sum(line.nodes - 1 for line in lines)


def reads_well(numbers: Sequence[Number], pieces: int) -> bool:
    """Whether most of the ink was read, and surely; also when there is none."""
    digits = sum(len(number.text) for number in numbers)
    sure = sum(sureness(number) * len(number.text) for number in numbers)
    return digits >= 0.5 * pieces and sure >= SURE * digits


def sureness(number: Number) -> float:
    """0 at even odds, 1 when there is no doubt."""
    return max(0.0, 2 * number.confidence - 1)


def gain(present: Sequence[Number], other: Sequence[Number], telling: str, at_least: float) -> float:
    """In sure digits: how much more speaks for the other way up than it takes to leave the present one."""
    return evidence(other, telling) - CLEARLY * evidence(present, telling) - at_least


def evidence(numbers: Sequence[Number], telling: str) -> float:
    return sum(sureness(number) * sum(digit in telling for digit in number.text) for number in numbers)


def turned_back(number: Number, shape: tuple[int, ...], turn: int) -> Number:
    """Boxes of a turned picture as boxes of the picture, whose (height, width) is `shape`."""
    if not turn:
        return number
    digits = tuple(replace(digit, box=unrotate_box(digit.box, shape, turn)) for digit in number.digits)
    return replace(number, box=unrotate_box(number.box, shape, turn), digits=digits)

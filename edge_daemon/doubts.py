"""Which looks at a number are worth keeping: those that were unsure, contradicted, rejected or corrected.

Every frame says something; what was hard among it is known only when the votes have spoken. So the least sure look
at each text that was read in a field is remembered until the field's next reading is said.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge_daemon.domain import Box, Candidate, Event, Grey, Number, Patch, Reading, Record, Status, outline
from edge_daemon.opinions import box_in_frame, joined, main_line
from edge_daemon.samples import Sample, Samples, cut

log = logging.getLogger(__name__)

SURE = 0.9
"""What was read with more confidence, and not contradicted, is not hard."""
REMEMBERED = 6
"""Looks for each field; of the whole frame as many for each of its numbers."""
NUMBERS = 16
LONGEST = 320
"""Pixels on the longer side to which a cut-out is shrunk: enough to be read."""
DOUBTED = {Status.LOW_CONFIDENCE: "unsure", Status.WRONG_FORMAT: "unsure"} | dict.fromkeys(
    (Status.NOT_MONOTONE, Status.RATE_TOO_HIGH, Status.OUT_OF_RANGE), "rejected"
)
"""Statuses of which the newest look is kept, and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """One look at one number."""

    at: float
    box: Box
    """In pixels of the frame."""
    number: Number
    """Boxes in pixels of the cut-out."""
    pixels: Grey

    @property
    def text(self) -> str:
        return self.number.text


class Doubts:
    """Remembers looks, and hands the hard ones to the samples. Called from the path's thread."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._glimpses: dict[str | None, list[Glimpse]] = {}
        self._last: dict[str, Glimpse] = {}
        self._broken = False

    def saw(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """What was read in a patch (boxes in its pixels)."""
        if patch.field is not None and numbers:
            numbers = [joined(main_line(numbers))]
        kept = self._glimpses.setdefault(patch.field, [])
        for number in numbers:
            glimpse = glimpsed(patch, number)
            if patch.field is not None:
                self._last[patch.field] = glimpse
            known = next((g for g in kept if g.text == glimpse.text and overlap(g.box, glimpse.box)), None)
            if known is None:
                kept.append(glimpse)
            elif glimpse.number.confidence < known.number.confidence:
                kept[kept.index(known)] = glimpse
        del kept[: -REMEMBERED * (1 if patch.field else NUMBERS)]

    def said(self, record: Record) -> None:
        """What the votes have made of it."""
        if isinstance(record, Event):
            if record.type == "value_set" and record.field in self._last:
                label = digits_of(str(record.detail.get("text") or ""))
                self._keep(record.field, "corrected", self._last[record.field], [], label=label)
            return
        glimpses = [] if record.gone else self._about(record)
        if record.status is Status.OK and record.text is not None:
            truth = digits_of(record.text)
            for glimpse in glimpses:
                if glimpse.text != truth:
                    self._keep(record.field, "contradicted", glimpse, [(truth, record.confidence)], record.model)
                elif glimpse.number.confidence < SURE:
                    self._keep(record.field, "unsure", glimpse, [], record.model)
        elif glimpses and record.status in DOUBTED:
            self._keep(record.field, DOUBTED[record.status], glimpses[-1], [], record.model)

    def _about(self, reading: Reading) -> list[Glimpse]:
        """The looks at what a reading speaks of; they are forgotten."""
        if reading.field in self._glimpses:
            return self._glimpses.pop(reading.field)
        if not reading.digits:
            return []
        box = outline(digit.box for digit in reading.digits)
        everywhere = self._glimpses.get(None, [])
        self._glimpses[None] = [g for g in everywhere if not overlap(g.box, box)]
        return [g for g in everywhere if overlap(g.box, box)]

    def _keep(
        self, field: str, why: str, glimpse: Glimpse, first: list[Candidate], model: str = "", label: str | None = None
    ) -> None:
        """A disk that does not take it is told once and left alone: a sample is not worth a reading."""
        if self._broken:
            return
        texts = {text for text, _ in first}
        candidates = [*first, *(c for c in glimpse.number.candidates if c[0] not in texts)][:3]
        picture = cv2.imencode(".png", glimpse.pixels)[1].tobytes()
        digits = list(glimpse.number.digits)
        try:
            self._samples.add(Sample(glimpse.at, field, why, candidates, digits, model, picture, label), glimpse.pixels)
        except OSError as error:
            self._broken = True
            log.warning("%s: hard numbers cannot be kept there: %s", self._samples.folder, error.strerror)


def glimpsed(patch: Patch, number: Number) -> Glimpse:
    """The number cut out, not larger than LONGEST."""
    pixels, (left, top, _, _) = cut(patch.pixels, number.box)
    scale = min(1.0, LONGEST / max(pixels.shape))
    if scale < 1:
        pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)

    def moved(box: Box) -> Box:
        x, y, w, h = box
        return round((x - left) * scale), round((y - top) * scale), round(w * scale), round(h * scale)

    digits = tuple(replace(digit, box=moved(digit.box)) for digit in number.digits)
    there = replace(number, box=moved(number.box), digits=digits)
    return Glimpse(patch.frame.at, box_in_frame(number.box, patch.to_frame), there, pixels)


def overlap(a: Box, b: Box) -> bool:
    """Whether the middle of one lies in the other."""
    return _holds(a, b) or _holds(b, a)


def _holds(box: Box, other: Box) -> bool:
    x, y, w, h = box
    across, down = other[0] + other[2] / 2, other[1] + other[3] / 2
    return x <= across < x + w and y <= down < y + h


def digits_of(text: str) -> str:
    return "".join(filter(str.isdigit, text))

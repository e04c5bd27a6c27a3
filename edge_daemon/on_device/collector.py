"""Which looks at a number are worth keeping: those that were unsure, contradicted, rejected or corrected.

A look is contradicted when those right before and after it say the same, and it says something else: neither was
anything written meanwhile, nor wiped. Whether one was unsure or against the rules is known when the votes have spoken.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_daemon.decision.formats import digits_of
from edge_daemon.decision.observations import main_line, merge_line
from edge_daemon.decision.rules import RULES
from edge_daemon.domain import Box, Candidate, Event, Grey, Listener, Number, Patch, Record, Status
from edge_daemon.geometry import bounding_box, overlap
from edge_daemon.images import crop_number, encode_png, shrink
from edge_daemon.on_device.samples import Sample, Samples

log = logging.getLogger(__name__)

SURE = 0.9
"""What was read with more confidence, and not contradicted, is not hard."""
ENOUGH = 3
"""Looks that say the same, after which one that says something else is odd."""
MOST = 3
"""Contradictions that are kept of one writing."""
SELDOM = 1800.0
"""Seconds from one to the next once there is room for no more: a camera that is often unsure must not wear the disk."""
NUMBERS = 16
"""Of the whole frame so many numbers are followed."""
LONGEST = 320
"""Pixels on the longer side to which a cut-out is shrunk: enough to be read."""
DOUBTED = {Status.LOW_CONFIDENCE: "unsure", Status.WRONG_FORMAT: "unsure"} | {
    rule.status: "rejected" for rule in RULES.values()
}
"""Statuses of which the newest look is kept, and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One look at one number."""

    at: float
    box: Box
    """In pixels of the patch."""
    number: Number
    """Boxes in pixels of the cut-out."""
    pixels: Grey


@dataclass(slots=True, eq=False)
class NumberTrack:
    """The looks at one number as it stands there."""

    newest: Crop
    text: str
    box: Box
    looks: int = 1
    """That have said so."""
    odd: Crop | None = None
    """The newest look, where it says something else."""
    least: Crop | None = None
    """The least sure one of those that say the text."""
    kept: int = 0

    def __post_init__(self) -> None:
        self.least = self.newest


class HardSampleCollector(Listener):
    """Follows numbers, and hands the hard looks to the samples. Called from the path's thread."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._courses: dict[str | None, list[NumberTrack]] = {}
        self._broken = False
        self._kept_at = -SELDOM

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """What was read in a patch (boxes in its pixels)."""
        if patch.field is not None and numbers:
            numbers = [merge_line(main_line(numbers))]
        courses = self._courses.setdefault(patch.field, [])
        for number in numbers:
            course = next((c for c in courses if patch.field or overlap(c.box, number.box)), None)
            if course is None:
                courses.append(NumberTrack(crop_from(patch, number, number.box), number.text, number.box))
                del courses[:-NUMBERS]
            else:
                self._go_on(course, patch, number)

    def _go_on(self, course: NumberTrack, patch: Patch, number: Number) -> None:
        glimpse = course.newest = crop_from(patch, number, bounding_box([number.box, course.box]))
        if number.text == course.text:
            if course.odd and course.kept < MOST:
                truth = (course.text, number.confidence)
                course.kept += self._keep(patch.field or "auto", "contradicted", course.odd, truth)
            if course.least is None or number.confidence < course.least.number.confidence:
                course.least = glimpse
            course.box, course.odd, course.looks = number.box, None, course.looks + 1
        elif course.odd is None and course.looks >= ENOUGH:
            course.odd = glimpse
        else:  # something else is written by now
            course.text, course.box, course.looks, course.kept = number.text, number.box, 1, 0
            course.odd, course.least = None, glimpse

    def on_record(self, seq: int, record: Record) -> None:
        """What the votes have made of it."""
        course = self._course_of(record)
        if course is None:
            return
        if isinstance(record, Event):
            if record.type == "value_set":
                label = digits_of(str(record.detail.get("text") or ""))
                self._keep(record.field or "", "corrected", course.newest, label=label)
        elif record.status in DOUBTED:
            self._keep(record.field, DOUBTED[record.status], course.newest, model=record.model)
        elif record.status is Status.OK and course.least and course.text == digits_of(record.text or ""):
            if course.least.number.confidence < SURE:
                self._keep(record.field, "unsure", course.least, model=record.model)
            course.least = None

    def _course_of(self, record: Record) -> NumberTrack | None:
        """That of the number which a record speaks of."""
        if record.field in self._courses:
            return next(iter(self._courses[record.field]), None)
        if isinstance(record, Event) or not record.digits:
            return None
        box = bounding_box(digit.box for digit in record.digits)
        return next((c for c in self._courses.get(None, ()) if overlap(c.box, box)), None)

    def _keep(
        self, field: str, why: str, glimpse: Crop, truth: Candidate | None = None, model: str = "",
        label: str | None = None,
    ) -> bool:  # fmt: skip
        """A disk that does not take it is told once and left alone: a sample is not worth a reading."""
        seldom = self._samples.is_full and label is None
        if self._broken or (seldom and abs(glimpse.at - self._kept_at) < SELDOM):
            return False
        first = [truth] if truth else []
        candidates = [*first, *(c for c in glimpse.number.candidates if not truth or c[0] != truth[0])][:3]
        picture = encode_png(glimpse.pixels)
        digits = list(glimpse.number.digits)
        sample = Sample(glimpse.at, field, why, candidates, digits, model, picture, label)
        try:
            kept = self._samples.add(sample, glimpse.pixels)
            self._kept_at = glimpse.at if kept else self._kept_at
            return kept
        except OSError as error:
            self._broken = True
            log.warning("%s: hard numbers cannot be kept there: %s", self._samples.folder, error.strerror)
            return False


def crop_from(patch: Patch, number: Number, box: Box) -> Crop:
    """What is in `box` of the patch, with a number that was read there; not larger than LONGEST."""
    pixels, (left, top, _, _) = crop_number(patch.pixels, box)
    scale = min(1.0, LONGEST / max(pixels.shape))
    pixels = shrink(pixels, LONGEST)

    def moved(box: Box) -> Box:
        x, y, w, h = box
        return round((x - left) * scale), round((y - top) * scale), round(w * scale), round(h * scale)

    digits = tuple(replace(digit, box=moved(digit.box)) for digit in number.digits)
    return Crop(patch.frame.at, box, replace(number, box=moved(number.box), digits=digits), pixels)

"""Collects hard samples: crops of numbers that were unsure, contradicted, rejected or corrected.

A crop is contradicted when it was read as another text than those right before and after it: nothing was written or
wiped in between. Whether a crop was unsure or broke a rule is known when the voter has decided.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from edge_daemon.decision.observations import main_line, merge_line
from edge_daemon.decision.rules import RULES
from edge_daemon.domain import Box, Candidate, Event, Grey, Listener, Number, Patch, Record, Status, digits_of
from edge_daemon.geometry import bounding_box, map_boxes, overlap
from edge_daemon.images import crop_number, encode_png, shrink
from edge_daemon.on_device.samples import Sample, Samples

log = logging.getLogger(__name__)

CONFIDENT = 0.9
"""Confidence above which a crop that is not contradicted is not hard."""
MIN_READS = 3
"""Reads of the same text after which a single other text counts as contradicted."""
MAX_CONTRADICTIONS = 3
"""Contradicted crops that are stored of one written text."""
FULL_INTERVAL = 1800.0
"""Seconds between two samples once the store is full: a camera that is often unsure must not wear out the disk."""
MAX_TRACKS = 16
"""Numbers that are followed in the whole frame; the oldest is dropped."""
LONGEST = 320
"""Pixels on the longer side to which a crop is shrunk: enough to be read."""
HARD_STATUSES = {Status.LOW_CONFIDENCE: "unsure", Status.WRONG_FORMAT: "unsure"} | {
    rule.status: "rejected" for rule in RULES.values()
}
"""Statuses of readings whose newest crop is stored -> the reason that is stored with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One number as it was read in one frame."""

    at: float
    """When the frame was taken, seconds since 1970."""
    box: Box
    """In pixels of the patch."""
    number: Number
    """Boxes in pixels of the crop."""
    pixels: Grey


@dataclass(slots=True, eq=False)
class NumberTrack:
    """One number followed from frame to frame."""

    newest: Crop
    text: str
    box: Box
    """In pixels of the patch."""
    reads: int = 1
    """Reads of `text` so far."""
    other: Crop | None = None
    """The newest crop, if it was read as another text."""
    least: Crop | None = None
    """The crop of `text` with the lowest confidence that is not stored yet."""
    stored: int = 0
    """Contradicted crops that were stored."""

    def __post_init__(self) -> None:
        self.least = self.newest


class HardSampleCollector(Listener):
    """Follows numbers and stores their hard crops as samples. Called from the path's thread."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._tracks: dict[str | None, list[NumberTrack]] = {}
        self._broken = False
        self._stored_at = -FULL_INTERVAL

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Continue the track of each number in the patch, or start one."""
        if patch.field is not None and numbers:
            numbers = [merge_line(main_line(numbers))]
        tracks = self._tracks.setdefault(patch.field, [])
        for number in numbers:
            track = next((t for t in tracks if patch.field or overlap(t.box, number.box)), None)
            if track is None:
                tracks.append(NumberTrack(crop_from(patch, number, number.box), number.text, number.box))
                del tracks[:-MAX_TRACKS]
            else:
                self._continue(track, patch, number)

    def on_record(self, seq: int, record: Record) -> None:
        """Store the crop of a reading that is unsure, rejected or corrected."""
        track = self._track_of(record)
        if track is None:
            return
        if isinstance(record, Event):
            if record.type == "value_set":
                label = digits_of(str(record.detail.get("text") or ""))
                self._store(record.field or "", "corrected", track.newest, label=label)
        elif record.status in HARD_STATUSES:
            self._store(record.field, HARD_STATUSES[record.status], track.newest, model=record.model)
        elif record.status is Status.OK and track.least and track.text == digits_of(record.text or ""):
            if track.least.number.confidence < CONFIDENT:
                self._store(record.field, "unsure", track.least, model=record.model)
            track.least = None

    def _continue(self, track: NumberTrack, patch: Patch, number: Number) -> None:
        crop = track.newest = crop_from(patch, number, bounding_box([number.box, track.box]))
        if number.text == track.text:
            self._same_text(track, patch.field or "auto", crop)
            track.box, track.other, track.reads = number.box, None, track.reads + 1
        elif track.other is None and track.reads >= MIN_READS:
            track.other = crop
        else:  # another text is written there by now
            track.text, track.box, track.reads, track.stored = number.text, number.box, 1, 0
            track.other, track.least = None, crop

    def _same_text(self, track: NumberTrack, field: str, crop: Crop) -> None:
        confidence = crop.number.confidence
        if track.other and track.stored < MAX_CONTRADICTIONS:
            track.stored += self._store(field, "contradicted", track.other, (track.text, confidence))
        if track.least is None or confidence < track.least.number.confidence:
            track.least = crop

    def _track_of(self, record: Record) -> NumberTrack | None:
        """The track of the number in a record."""
        if record.field in self._tracks:
            return next(iter(self._tracks[record.field]), None)
        if isinstance(record, Event) or not record.digits:
            return None
        box = bounding_box(digit.box for digit in record.digits)
        return next((t for t in self._tracks.get(None, ()) if overlap(t.box, box)), None)

    def _store(
        self, field: str, why: str, crop: Crop, truth: Candidate | None = None, model: str = "",
        label: str | None = None,
    ) -> bool:  # fmt: skip
        """Whether the sample was stored. A disk error is logged once and ends collecting: readings matter more."""
        too_soon = self._samples.is_full and label is None and abs(crop.at - self._stored_at) < FULL_INTERVAL
        if self._broken or too_soon:
            return False
        first = [truth] if truth else []
        candidates = [*first, *(c for c in crop.number.candidates if not truth or c[0] != truth[0])][:3]
        picture, digits = encode_png(crop.pixels), list(crop.number.digits)
        try:
            stored = self._samples.add(
                Sample(crop.at, field, why, candidates, digits, model, picture, label), crop.pixels
            )
        except OSError as error:
            self._broken = True
            log.warning("%s: hard samples cannot be stored there: %s", self._samples.folder, error.strerror)
            return False
        self._stored_at = crop.at if stored else self._stored_at
        return stored


def crop_from(patch: Patch, number: Number, box: Box) -> Crop:
    """The crop of `box` in the patch with the number read there, at most LONGEST px on a side."""
    pixels, (left, top, _, _) = crop_number(patch.pixels, box)
    scale = min(1.0, LONGEST / max(pixels.shape))
    pixels = shrink(pixels, LONGEST)

    def moved(box: Box) -> Box:
        x, y, w, h = box
        return round((x - left) * scale), round((y - top) * scale), round(w * scale), round(h * scale)

    return Crop(patch.frame.at, box, map_boxes(number, moved), pixels)

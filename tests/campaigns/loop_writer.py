"""The simulated person of the loop campaign: the pages, their labels, and how well a model reads the handwriting."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from edge_daemon.domain import DIGITS, Box, Grey
from edge_daemon.geometry import bounding_box
from edge_daemon.images import crop_number
from edge_daemon.inference.options import ModelOptions
from edge_daemon.on_device.samples import Sample
from edge_daemon.recognition.reader import open_reader
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions
from edge_daemon.tools import training_set

WRITER = 4
HELD_OUT = range(1000, 1004)
"""Pages for the measurement."""
LOOKS = 600
"""Frames of a page from which its numbers are cut."""
NAMES = "top", "middle", "bottom"


def camera(writer: int, page: int, frames: int = LOOKS) -> SimulatedCamera:
    return SimulatedCamera(SimulatedOptions(seed=page, writer=writer, frames=frames, realtime=False))


@lru_cache(maxsize=64)
def fields(writer: int, page: int) -> dict[str, Box]:
    """A loose box around where each number is written, as a person would draw it after a while, in frame pixels."""
    truth = camera(writer, page).truth_at
    found: dict[int, list[Box]] = {}
    for seq in range(0, LOOKS, 5):
        for number in truth(seq):
            found.setdefault(number.box[1] * len(NAMES) // SimulatedOptions().size[1], []).append(number.box)
    width, height = SimulatedOptions().size
    regions = {}
    for row, boxes in sorted(found.items()):
        x, y, w, h = bounding_box(boxes)
        left, top = max(0, x - 20), max(0, y - 14)
        regions[NAMES[row]] = left, top, min(width - left, w + 40), min(height - top, h + 28)
    return regions


Truth = list[tuple[float, list[tuple[str, Box]]]]


def written_at(path: Path) -> Truth:
    """A camera's truth file: the numbers, their boxes, and since when they are there."""
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [(line["at"], [(n["text"], tuple(n["box"])) for n in line["numbers"]]) for line in lines]


def key_of(sample: Sample, truth: Truth, boxes: dict[str, Box]) -> str:
    """The keys of `edge-daemon label` for the true text; incomplete numbers are skipped."""
    now = bisect_right([at for at, _ in truth], sample.at + 1e-3) - 1
    if now < 0 or sample.field not in boxes:
        return "s"
    x, y, w, h = boxes[sample.field]
    there = [(text, box) for text, box in truth[now][1] if x <= box[0] < x + w and y <= box[1] < y + h]
    if len(there) != 1 or sample.pixels.shape[1] < there[0][1][2]:
        return "s"
    return there[0][0] + "\r"


class Hand:
    """The simulated person."""

    def __init__(self, writer: int) -> None:
        self.writer = writer

    def numbers(self, page: int) -> list[tuple[str, Grey]]:
        """The numbers on a page during LOOKS frames, each with its cut-out from its first frame."""
        seen = camera(self.writer, page)
        found: dict[tuple[str, int], tuple[str, Grey]] = {}
        for seq in range(0, LOOKS, 5):
            new = [truth for truth in seen.truth_at(seq) if (truth.text, truth.since) not in found]
            picture = seen.picture(seq) if new else None
            for truth in new:
                assert picture is not None
                found[truth.text, truth.since] = truth.text, crop_number(picture, truth.box)[0]
        return list(found.values())


def held_out(hand: Hand) -> list[tuple[str, Grey]]:
    """Number and cut-out of everything on the pages for the measurement."""
    return [number for page in HELD_OUT for number in hand.numbers(page)]


@dataclass(frozen=True, slots=True)
class Held:
    """How a model reads numbers that it was not trained on."""

    numbers: int
    numbers_right: int
    """Numbers read correctly from one frame, with all networks."""
    digits: int
    digits_right: int
    """Digits read correctly by the digit network alone, of those that the segmenter has found."""

    @classmethod
    def of(cls, held: list[tuple[str, Grey]], model: str) -> Held:
        reader, judge = open_reader(ModelOptions(model)), open_reader(ModelOptions("bundled"))
        right = sum(training_set.read_text(reader, pixels) == text for text, pixels in held)
        found = [pair for text, pixels in held for pair in training_set.split_digits(pixels, text, judge)]
        said = reader.classifier.classify([glyph for _, glyph in found]).argmax(axis=1)
        truth = np.array([DIGITS.index(label) for label, _ in found])
        return cls(len(held), right, len(found), int((said == truth).sum()))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

"""The numbers read in a patch -> the Observation of a field, which holds one number."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_daemon.decision.evidence import Observation
from edge_daemon.decision.formats import UNSEEN, Format
from edge_daemon.domain import Number, Patch, Status
from edge_daemon.geometry import bounding_box, map_boxes, transform_box
from edge_daemon.recognition.ink import patch_contrast
from edge_daemon.recognition.punctuation import find_marks


def observation_of(numbers: Sequence[Number], form: Format, patch: Patch, view: int = 0) -> Observation:
    """The observation of one frame: the numbers on the field's main line are one. Boxes in pixels of the patch."""
    frame = patch.frame
    if not numbers:
        return Observation(frame.mono, frame.at, Status.NO_DIGITS, view=view)
    whole = merge_line(main_line(numbers))
    if whole.has_signs:
        fitting = form.fit_signed(whole.candidates, whole.ink_before)
    else:
        seen = find_marks(patch_contrast(patch), [d.box for d in whole.digits]) if form.looks_for_marks else UNSEEN
        fitting = form.fit(whole.candidates, seen)
    status = Status.OK if fitting else Status.WRONG_FORMAT
    status = Status.CUT_OFF if whole.cut_off else status
    digits = in_frame(whole, patch.to_frame).digits
    return Observation(frame.mono, frame.at, status, (fitting or whole.candidates)[:3], digits, view)


def main_line(numbers: Sequence[Number]) -> list[Number]:
    """The numbers on the line of the tallest one, left to right."""
    tallest = max(numbers, key=lambda n: n.box[3])
    centre = tallest.box[1] + tallest.box[3] / 2
    line = [n for n in numbers if n.box[1] < centre < n.box[1] + n.box[3]]
    return sorted(line, key=lambda n: n.box[0])


def merge_line(numbers: Sequence[Number]) -> Number:
    """Several numbers of a line as one: texts joined, confidences multiplied."""
    if len(numbers) == 1:
        return numbers[0]
    combinations = itertools.product(*(n.candidates for n in numbers))
    texts = [("".join(t for t, _ in c), float(np.prod([p for _, p in c]))) for c in combinations]
    best = sorted(texts, key=lambda c: -c[1])[:3]
    return Number(bounding_box(n.box for n in numbers), tuple(best), tuple(d for n in numbers for d in n.digits))


def in_frame(number: Number, to_frame: NDArray[np.float64]) -> Number:
    """The same number with its boxes in pixels of the frame."""
    return map_boxes(number, lambda box: transform_box(box, to_frame))

"""Numbers -> Opinion: what one frame says of a field that holds one number."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_daemon.decision.evidence import Opinion
from edge_daemon.decision.formats import UNSEEN, Format
from edge_daemon.domain import Number, Patch, Status
from edge_daemon.geometry import bounding_box, transform_box
from edge_daemon.recognition.punctuation import marks


def opinion_on(numbers: Sequence[Number], form: Format, patch: Patch, view: int = 0) -> Opinion:
    """The pieces on a field's main line belong together. Boxes of `numbers` in pixels of the patch."""
    frame = patch.frame
    if not numbers:
        return Opinion(frame.mono, frame.at, Status.NO_DIGITS, view=view)
    whole = joined(main_line(numbers))
    seen = marks(patch.pixels, [d.box for d in whole.digits]) if form.looks_for_marks else UNSEEN
    fitting = form.fit(whole.candidates, seen)
    status = Status.OK if fitting else Status.WRONG_FORMAT
    digits = in_frame(whole, patch.to_frame).digits
    return Opinion(frame.mono, frame.at, status, fitting or whole.candidates, digits, view)


def main_line(numbers: Sequence[Number]) -> list[Number]:
    """The numbers that stand on one line with the tallest, left to right."""
    tallest = max(numbers, key=lambda n: n.box[3])
    centre = tallest.box[1] + tallest.box[3] / 2
    line = [n for n in numbers if n.box[1] < centre < n.box[1] + n.box[3]]
    return sorted(line, key=lambda n: n.box[0])


def joined(numbers: Sequence[Number]) -> Number:
    """Several numbers as one: texts joined, confidences multiplied."""
    if len(numbers) == 1:
        return numbers[0]
    combinations = itertools.product(*(n.candidates for n in numbers))
    texts = [("".join(t for t, _ in c), float(np.prod([p for _, p in c]))) for c in combinations]
    best = sorted(texts, key=lambda c: -c[1])[:3]
    return Number(bounding_box(n.box for n in numbers), tuple(best), tuple(d for n in numbers for d in n.digits))


def in_frame(number: Number, to_frame: NDArray[np.float64]) -> Number:
    """The same number with its boxes in pixels of the frame."""
    digits = tuple(replace(d, box=transform_box(d.box, to_frame)) for d in number.digits)
    return replace(number, box=transform_box(number.box, to_frame), digits=digits)

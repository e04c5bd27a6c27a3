"""Reads each number that was found in a frame again, as a line with what stands beside it: letters, operators, digits.

The glyphs say where digits may be. The field network sees them together with their neighbours: it finds the digits that
the glyphs missed, and tells numbers from words. What it reads between two signs or letters is one number.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from edge_daemon.domain import DIGITS, Box, Candidate, Grey, Number, digits_of
from edge_daemon.geometry import bounding_box, map_boxes
from edge_daemon.recognition.lines import ctc, line_extent
from edge_daemon.recognition.lines.field_decoder import CUT, NEAR, OTHER, SYMBOLS
from edge_daemon.recognition.lines.field_line import FieldLine, frames_per_height
from edge_daemon.recognition.lines.field_recognizer import DOUBTFUL, LOOKS, FieldRecognizer
from edge_daemon.recognition.lines.line_extent import Extent, Strip

BESIDE = 1.5
"""Heights of the number that are read with it on its left and on its right."""
ABOVE = 0.5
"""Heights of the number of paper above and below, to tell ink from paper."""
SPACE = 0.6
"""Heights beside a number that are read with it once its surroundings are known."""
GROWN = 0.4
"""Heights by which a number must be wider than it was thought to be: then it is read again, with more beside it."""
MOST_READINGS = 3
"""Times that one number is read."""
LEAST = 0.35
"""Probability of a number among its surroundings below which it is none."""
FAR, FARTHER = 1.5, 1.9
"""Heights between the middles of two digits, and times the usual distance, from which they are two numbers."""
CLEAR = 0.8
"""Confidence of the glyphs from which a number is kept where the field network reads nothing, and not joined with such
another one that is APART."""
APART = 0.6
"""Heights between two clear numbers from which they are two."""
SURE = 0.5
"""Probability of a text with other writing at a place from which no number stands there."""
VISIBLE = 0.5
"""Confidence of the glyphs from which they count as digits between others."""
SAME = 0.4
"""Shared part of the smaller of two numbers from which both are the same."""
ALIKE = 0.15
"""Heights by which the glyphs' digit and the field network's digit may be apart."""

Frames = tuple[float, float]
"""First and last frame of something on a strip."""


class Run(NamedTuple):
    """Digits of a line that are one number."""

    text: str
    at: Frames
    room: Frames
    """Up to half of the way to what stands before and behind it."""
    is_cut: bool
    """Whether a mark beside it is cut off by the border."""


def read_again(picture: Grey, numbers: Sequence[Number], fields: FieldRecognizer) -> list[Number]:
    """The numbers as the field network reads them, boxes in pixels of the picture.

    Those that it does not read are left out, unless the glyphs are CLEAR; several parts of one number become one.
    """
    seen = [digit.box for number in numbers if number.confidence >= VISIBLE for digit in number.digits]
    clear = [number for number in numbers if number.confidence >= CLEAR]
    whole = (_read_whole(picture, number, seen, clear, fields) for number in numbers)
    found = [replace(number, candidates=number.candidates[:3]) for number in whole if number]
    kept: list[Number] = []
    for number in sorted(found, key=lambda n: (-len(n.text), -n.confidence)):
        if all(shared_part(number.box, other.box) < SAME for other in kept):
            kept.append(number)
    return [number for number in found if any(number is other for other in kept)]


def _read_whole(
    picture: Grey, number: Number, seen: Sequence[Box], clear: Sequence[Number], fields: FieldRecognizer
) -> Number | None:
    """The whole number of which the glyphs found a part or all; None where none stands there.

    `seen`: the digits that the glyphs found in the picture; `clear`: numbers of theirs that are not joined.
    """
    box, whole = number.box, number
    is_clear = number.confidence >= CLEAR
    for _ in range(MOST_READINGS):
        read, is_other = _read_around(picture, box, fields)
        if read is None:
            return number if is_clear and not is_other else None
        whole = split_at_strokes(read, seen, box, is_clear)
        lost_ends = len(whole.text) < len(number.text) and whole.text in number.text
        others = [other for other in clear if shared_part(whole.box, other.box) > SAME]
        if is_clear and (lost_ends or is_apart(number, others)):
            return number
        x, _, w, _ = bounding_box([box, whole.box])
        if w - box[2] < GROWN * box[3]:
            break
        box = x, box[1], w, box[3]
    return whole


def is_apart(number: Number, others: Sequence[Number]) -> bool:
    """Whether there are other numbers on its line, and the nearest is further away than the next digit would be."""
    gaps = [-shared_length(ends(number.box), ends(other.box)) for other in others if other is not number]
    return min(gaps, default=0.0) > APART * number.box[3]


def _read_around(picture: Grey, box: Box, fields: FieldRecognizer) -> tuple[Number | None, bool]:
    """The number that overlaps `box` most, read with BESIDE on both sides; and whether other writing stands there."""
    x, y, w, h = box
    left, top = max(0, round(x - BESIDE * h)), max(0, round(y - ABOVE * h))
    part = picture[top : round(y + (1 + ABOVE) * h), left : round(x + w + BESIDE * h)]
    if min(part.shape) < line_extent.MIN_SIDE:
        return None, False
    small, scale = line_extent.working_size(part)
    extent = Extent(0.0, float(small.shape[1]), (y - top) * scale, (y - top + h) * scale)
    light = line_extent.is_light(small)
    line = FieldLine(line_extent.line_contrast(small, light), extent, scale, light, 0.0, float(small.shape[1]))
    strip = line.look(LOOKS[0])
    if strip is None:
        return None, False
    run, is_other = find_run(fields, line, strip, ((x - left) * scale, (x - left + w) * scale))
    number = fields.read_line(line._replace(extent=cut_out(extent, strip, run))) if run else None
    if run is None or number is None:
        return None, is_other
    chances: dict[str, float] = defaultdict(float)
    for text, chance in number.candidates:
        chances[digits_of(text)] += chance
    most = DOUBTFUL if run.is_cut else 1.0
    candidates = tuple((text, min(most, chance)) for text, chance in chances.items())
    return moved(replace(number, candidates=candidates), left, top), False


def find_run(
    fields: FieldRecognizer, line: FieldLine, strip: Strip, within: tuple[float, float]
) -> tuple[Run | None, bool]:
    """The run of digits that overlaps the columns `within` of a line most, and whether other writing stands there."""
    across, _, left = strip.matrix[0]
    place = ((within[0] - left) / across / 2, (within[1] - left) / across / 2)
    each = fields.probabilities(strip)
    texts = ctc.search_texts(each, SYMBOLS, runs=OTHER + CUT)
    text, chance = texts[0]
    spans = ctc.align(each, SYMBOLS, text)
    found = runs(text, spans, frames_per_height(line.extent, strip))
    best = max(found, key=lambda run: shared_length(run.at, place), default=None)
    if best and shared_length(best.at, place) > 0:
        return (best if run_chance(texts, best.text) >= LEAST else None), False
    others = [span for char, span in zip(text, spans, strict=True) if char == OTHER]
    return None, chance > SURE and any(shared_length((a, b + 1), place) > 0 for a, b in others)


def runs(text: str, spans: Sequence[tuple[int, int]], per_height: float) -> list[Run]:
    """The runs of digits in a text. `spans`: the frames of each symbol; `per_height`: frames of a line height."""
    middles = [(first + last) / 2 for first, last in spans]
    pairs = [i for i in range(len(text) - 1) if text[i] in DIGITS and text[i + 1] in DIGITS]
    found = []
    groups: list[list[int]] = []
    for i in (i for i, char in enumerate(text) if char in DIGITS):
        if i - 1 in pairs and not _is_gap(middles, pairs, i - 1, per_height):
            groups[-1].append(i)
        else:
            groups.append([i])
    for own in groups:
        before, after = own[0] - 1, own[-1] + 1
        first, last = spans[own[0]][0], spans[own[-1]][1] + 1
        is_cut = any(
            0 <= k < len(text) and text[k] == CUT and abs(middles[k] - middles[i]) < NEAR * per_height
            for k, i in ((before, own[0]), (after, own[-1]))
        )
        start = (spans[before][1] + 1 + first) / 2 if before >= 0 else float("-inf")
        end = (spans[after][0] + last) / 2 if after < len(text) else float("inf")
        found.append(Run("".join(text[i] for i in own), (first, last), (start, end), is_cut))
    return found


def _is_gap(middles: Sequence[float], pairs: Sequence[int], at: int, per_height: float) -> bool:
    """Whether the distance after symbol `at` separates two numbers: it is long, and longer than those of the others."""
    distance = middles[at + 1] - middles[at]
    others = sorted(middles[i + 1] - middles[i] for i in pairs if i != at)
    usual = others[len(others) // 2] if others else distance
    return distance > FAR * per_height and distance > FARTHER * usual


def run_chance(texts: Sequence[Candidate], run: str) -> float:
    """The probability of the texts in which `run` stands between other symbols."""
    return sum(
        chance
        for text, chance in texts
        if any(is_digit and "".join(part) == run for is_digit, part in itertools.groupby(text, DIGITS.__contains__))
    )


def cut_out(extent: Extent, strip: Strip, run: Run) -> Extent:
    """Where a run stands on the map, with SPACE beside it."""
    space = SPACE * frames_per_height(extent, strip)
    ends = max(run.room[0], run.at[0] - space), min(run.room[1], run.at[1] + space)
    left, right = (2 * frame * strip.matrix[0, 0] + strip.matrix[0, 2] for frame in ends)
    return extent._replace(left=max(extent.left, left), right=min(extent.right, right))


def split_at_strokes(number: Number, seen: Sequence[Box], box: Box, is_clear: bool = True) -> Number:
    """The part of a number that overlaps `box` most, if there is a 1 in it that no digit `seen` by the glyphs covers.

    A slash and a 1 look alike to the field network; the glyphs were compared with their neighbours. At an end of
    glyphs that are not clear it is a 1 that they missed.
    """
    if len(number.text) != len(number.digits):
        return number
    covered = [any(covers(other, digit.box) for other in seen) for digit in number.digits]
    inner = range(covered.index(True), len(covered) - covered[::-1].index(True)) if any(covered) else range(0)
    where = range(len(covered)) if is_clear and any(covered) else inner
    strokes = [i for i in where if not covered[i] and number.digits[i].top[0][0] == "1"]
    if not strokes:
        return number
    places = [slice(a + 1, b) for a, b in itertools.pairwise([-1, *strokes, len(covered)]) if b - a > 1]
    boxes = [bounding_box([digit.box for digit in number.digits[place]]) for place in places]
    best = max(range(len(places)), key=lambda i: shared_length(ends(boxes[i]), ends(box)))
    chances: dict[str, float] = defaultdict(float)
    for text, chance in number.candidates:
        if len(text) == len(covered):
            chances[text[places[best]]] += chance
    return Number(boxes[best], tuple(chances.items()), number.digits[places[best]])


def covers(box: Box, other: Box) -> bool:
    """Whether the middle of `other` lies within a box, or nearly."""
    x, y, near = other[0] + other[2] / 2, other[1] + other[3] / 2, ALIKE * box[3]
    return -near <= x - box[0] <= box[2] + near and -near <= y - box[1] <= box[3] + near


def ends(box: Box) -> tuple[float, float]:
    """The left and the right end of a box."""
    return box[0], box[0] + box[2]


def shared_length(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The length that two ranges share; negative: the gap between them."""
    return min(a[1], b[1]) - max(a[0], b[0])


def shared_part(a: Box, b: Box) -> float:
    """The area that two boxes share, as a share of the smaller one."""
    wide = shared_length(ends(a), ends(b))
    tall = shared_length((a[1], a[1] + a[3]), (b[1], b[1] + b[3]))
    return max(0.0, wide) * max(0.0, tall) / max(1, min(a[2] * a[3], b[2] * b[3]))


def moved(number: Number, right: int, down: int) -> Number:
    """The number with its boxes moved."""
    return map_boxes(number, lambda box: (box[0] + right, box[1] + down, box[2], box[3]))

"""Decodes what the field network gives for a line: the most likely number, what stands beside it, and where.

Texts are found by prefix beam search over the probabilities of all frames (ctc.py). Signs within a number, and a minus,
point or comma before it, are part of it: the format decides what they mean. Other writing separates numbers.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Candidate
from edge_daemon.inference.network import softmax
from edge_daemon.recognition.lines import ctc
from edge_daemon.recognition.lines.ctc import Probabilities

SIGNS = "-.,/:"
"""Signs that the network knows."""
LEADING = "-.,"
"""Signs that belong to a number before its first digit."""
OTHER = "o"
"""A run of other writing: letters, words, operators, drawings."""
CUT = "#"
"""Ink that the border cuts off."""
SYMBOLS = DIGITS + SIGNS + OTHER + CUT
"""The classes of the network, by column."""
BLANK = len(SYMBOLS)
"""The last column: nothing here, or still the same symbol."""
SCORES = BLANK + 1
"""Scores of a frame."""
NEAR = 1.5
"""Line heights: a cut symbol as near as this to a digit belongs to its number."""
FAR = 2.6
"""Line heights between the middles of two digits: further apart they may be two numbers,"""
FARTHER = 2.4
"""if they are also this many times as far apart as digits of the line usually are."""
MINUS_REACH = 1.7
"""Line heights between the middles of a minus and the first digit, at most: a dash further away only leads there."""
MOST_TEXTS = 6
"""Texts that are kept until the second network has been asked."""
LEAST = 1e-4
"""The lowest probability that a network gives to a number, or to there being none."""


class Fusion(NamedTuple):
    """Weights of a conditional logit (McFadden, 1974): which of the numbers that two networks name is right, or none.

    Fitted on the choose half of the measured sets by scripts/training/lines/calibrate.py.
    """

    number: float
    """Of any number."""
    first: float
    """Of the log of its probability by the field network."""
    second: float
    """The same, by the second network."""
    leads: float
    """Of the most likely number of the field network."""
    digit: float
    """Of each of its digits: a longer one of the same probability has clearer digits."""
    first_none: float
    """Of no number: of the log of the rest of the field network's probability."""
    second_none: float
    """The same, by the second network."""


FUSION = Fusion(-0.63, 0.78, 0.38, 0.87, 0.99, 2.22, 1.77)
MOST_DIGITS = 6
"""Digits that count for Fusion.digit: the measured sets have few longer numbers."""


class LineReading(NamedTuple):
    """What one line says."""

    candidates: tuple[Candidate, ...]
    """Up to three numbers, best first; "" says that there is none."""
    doubt: str
    """Why the best one must not be published, whatever its confidence: "" (no reason), "cut" (it goes on beyond the
    border), "several" (numbers beside each other) or "none"."""
    frames: tuple[tuple[int, int], ...]
    """The first and last frame of each digit or sign of the best one; () where the first look does not spell it."""


def probabilities(logits: Probabilities, temperature: float = 1.0, cut_penalty: float = 0.0) -> Probabilities:
    """Softmax. `cut_penalty` is taken from the logits of CUT: in fields it is rarer than among the training lines."""
    scaled = logits / np.float32(temperature)
    scaled[..., SYMBOLS.index(CUT)] -= np.float32(cut_penalty)
    return softmax(scaled, 1.0)


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, with the signs in them: what stands between other writing and borders."""
    parts = text.replace(CUT, OTHER).split(OTHER)
    return [trim_signs(part) for part in parts if any(char in DIGITS for char in part)]


def trim_signs(part: str) -> str:
    """A number without the signs behind it, and without those before it that are no minus, point or comma."""
    number = part.strip(SIGNS)
    before = part[: part.index(number)]
    return "".join(char for char in before if char in LEADING)[-2:] + number


def number_of(text: str) -> str:
    """The number of a folded text, "" where there is none; several are joined by OTHER."""
    return OTHER.join(numbers_in(text))


def decode_looks(looks: Sequence[Probabilities], per_height: float) -> LineReading:
    """The number on a line, from one or more looks at it, each of which counts alike.

    `per_height` is the number of frames that are as long as the line is high. The first look decides on what is cut.
    """
    chances: dict[str, float] = defaultdict(float)
    in_first: dict[str, str] = {}
    for look, each in enumerate(looks):
        for text, chance in ctc.search_texts(each, SYMBOLS, runs=OTHER + CUT):
            number = number_of(text)
            chances[number] += chance / len(looks)
            if look == 0:
                in_first.setdefault(number, text)
    ranked = sorted(chances.items(), key=lambda item: -item[1])
    best = ranked[0][0]
    text = in_first.get(best, "")
    if not best or not text:
        return LineReading(tuple(ranked[:3]), "" if best else "none", ())
    spans = ctc.align(looks[0], SYMBOLS, text)
    doubt = _doubt(text, spans, per_height) or ("several" if OTHER in best else "")
    single = tuple((number, chance) for number, chance in ranked if OTHER not in number)[:MOST_TEXTS]
    digits = tuple(span for char, span in zip(text, spans, strict=True) if char in DIGITS)
    reading = LineReading(single or tuple(ranked[:1]), doubt, digits)
    return without_leader(reading) if _is_leader(text, spans, per_height) else reading


def without_leader(reading: LineReading) -> LineReading:
    """The reading without the dash before the number, which stands too far from it to be its minus."""
    chances: dict[str, float] = defaultdict(float)
    for number, chance in reading.candidates:
        chances[number.lstrip(LEADING)] += chance
    return reading._replace(candidates=tuple(sorted(chances.items(), key=lambda item: -item[1])))


def fusion_features(
    reading: LineReading, second: Sequence[Sequence[Candidate]]
) -> tuple[list[str], NDArray[np.float64]]:
    """The numbers that either network names, without signs, and what FUSION weighs: a row for each, the last for none.

    `reading` is what decode_looks gives, `second` the texts of the second network, one list for each of its looks. For
    a line that is too long for that network the first one counts twice.
    """
    first: dict[str, float] = defaultdict(float)
    other: dict[str, float] = defaultdict(float)
    for text, chance in reading.candidates:
        first[without_signs(text)] += chance
    for text, chance in itertools.chain.from_iterable(second):
        other[text] += chance / len(second)
    numbers = [text for text in dict.fromkeys((*first, *sorted(other, key=lambda t: -other[t])[:3])) if text]
    if not second:
        other = first
    none = [math.log(max(LEAST, 1 - sum(p for text, p in own.items() if text))) for own in (first, other)]
    leader = max(first, key=lambda text: first[text])
    rows = [
        Fusion(
            1.0,
            math.log(max(LEAST, first[text])),
            math.log(max(LEAST, other[text])),
            float(text == leader),
            float(min(MOST_DIGITS, len(text))),
            0.0,
            0.0,
        )
        for text in numbers
    ]
    rows.append(Fusion(0.0, 0.0, 0.0, 0.0, 0.0, *none))
    return numbers, np.array(rows, np.float64)


def fuse(reading: LineReading, second: Sequence[Sequence[Candidate]]) -> LineReading:
    """A reading with the texts of a second network, which knows only digits: its probabilities are calibrated.

    Texts that differ only in their signs are one number here, and share its probability as before: what the signs are
    is another question than what the digits are. Other writing and cuts are decided by the first network.
    """
    numbers, rows = fusion_features(reading, second)
    if not numbers:
        return reading
    chances = softmax(rows @ np.array(FUSION), 1.0)[:-1].tolist()
    ranked = []
    for number, chance in sorted(zip(numbers, chances, strict=True), key=lambda item: -item[1]):
        own = [(text, p) for text, p in reading.candidates if without_signs(text) == number] or [(number, 1.0)]
        total = sum(p for _, p in own)
        ranked += [(text, chance * p / total) for text, p in own]
    frames = reading.frames if without_signs(ranked[0][0]) == without_signs(reading.candidates[0][0]) else ()
    return LineReading(tuple(ranked[:MOST_TEXTS]), reading.doubt, frames)


def without_signs(text: str) -> str:
    """What texts that differ only in their signs have in common."""
    return "".join(char for char in text if char not in SIGNS)


def _doubt(text: str, spans: Sequence[tuple[int, int]], per_height: float) -> str:
    """Why a number must not be published: "cut", "several", or "" for no such reason."""
    middles = [(first + last) / 2 for first, last in spans]
    own = [at for at, char in zip(middles, text, strict=True) if char not in OTHER + CUT]
    for char, at in zip(text, middles, strict=True):
        if char == CUT and min(abs(at - other) for other in own) < NEAR * per_height:
            return "cut"
    digits = [at for at, char in zip(middles, text, strict=True) if char in DIGITS]
    steps = [b - a for a, b in itertools.pairwise(digits)]
    if steps and max(steps) > FAR * per_height and max(steps) > FARTHER * float(np.median(steps)):
        return "several"
    return ""


def _is_leader(text: str, spans: Sequence[tuple[int, int]], per_height: float) -> bool:
    """Whether the sign before the first digit stands too far from it to be its minus."""
    first = next(i for i, char in enumerate(text) if char in DIGITS)
    if first == 0 or text[first - 1] not in LEADING:
        return False
    return (sum(spans[first]) - sum(spans[first - 1])) / 2 > MINUS_REACH * per_height

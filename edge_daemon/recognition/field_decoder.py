"""Decodes what the field network gives for a line: the most likely number, what stands beside it, and where.

Texts are found by prefix beam search over the probabilities of all frames (Graves et al., 2006; Hannun et al., 2014).
Symbols that are not wanted are folded first: a point or a colon within a number separates nothing; other signs separate
numbers as other writing does.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edge_daemon.domain import DIGITS, Candidate
from edge_daemon.recognition import ctc
from edge_daemon.recognition.ctc import Probabilities

SIGNS = "-.,/:"
"""Signs that the network knows."""
INNER = ".,/:"
"""Signs within a number: it is read as if they were not there."""
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
NEAR = 1.2
"""Line heights: a cut symbol as near as this to a digit belongs to its number."""
FAR = 2.6
"""Line heights between the middles of two digits: further apart they may be two numbers,"""
FARTHER = 2.4
"""if they are also this many times as far apart as digits of the line usually are."""


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
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def fold(each: Probabilities, signs: str = "") -> tuple[Probabilities, str]:
    """The probabilities of digits, wanted signs, OTHER and CUT, then blank; and these symbols in order."""
    return np.asarray(each @ _folding(signs), np.float32), DIGITS + signs + OTHER + CUT


@functools.cache
def _folding(signs: str) -> Probabilities:
    """(SCORES, folded symbols and blank): 1 where a column is added to a folded one."""
    kept = DIGITS + signs + OTHER + CUT
    columns = {char: i for i, char in enumerate(kept)}
    matrix = np.zeros((SCORES, len(kept) + 1), np.float32)
    for i, char in enumerate(SYMBOLS):
        unwanted = len(kept) if char in INNER else columns[OTHER]
        matrix[i, columns.get(char, unwanted)] = 1
    matrix[BLANK, len(kept)] = 1
    return matrix


def numbers_in(text: str) -> list[str]:
    """The numbers of a folded text: what stands between other writing and borders."""
    return [part for part in text.replace(CUT, OTHER).split(OTHER) if any(char in DIGITS for char in part)]


def number_of(text: str) -> str:
    """The number of a folded text, "" where there is none; several are joined by OTHER."""
    return OTHER.join(numbers_in(text))


def decode_looks(looks: Sequence[Probabilities], per_height: float, signs: str = "") -> LineReading:
    """The number on a line, from one or more looks at it, each of which counts alike.

    `per_height` is the number of frames that are as long as the line is high. The first look decides on what is cut.
    """
    chances: dict[str, float] = defaultdict(float)
    in_first: dict[str, str] = {}
    for look, each in enumerate(looks):
        folded, symbols = fold(each, signs)
        for text, chance in ctc.search_texts(folded, symbols, runs=OTHER + CUT):
            number = number_of(text)
            chances[number] += chance / len(looks)
            if look == 0:
                in_first.setdefault(number, text)
    ranked = sorted(chances.items(), key=lambda item: -item[1])
    best = ranked[0][0]
    text = in_first.get(best, "")
    if not best or not text:
        return LineReading(tuple(ranked[:3]), "" if best else "none", ())
    folded, symbols = fold(looks[0], signs)
    spans = ctc.align(folded, symbols, text)
    own = [i for i, char in enumerate(text) if char not in OTHER + CUT]
    doubt = _doubt(text, spans, own, per_height) or ("several" if OTHER in best else "")
    single = tuple((number, chance) for number, chance in ranked if OTHER not in number)[:3]
    return LineReading(single or tuple(ranked[:1]), doubt, tuple(spans[i] for i in own))


def mix(reading: LineReading, second: Sequence[Sequence[Candidate]], share: float) -> LineReading:
    """A reading mixed with the texts of a second network that knows only digits, one list for each look.

    `share` is the weight of the second network, 0..1. Other writing and cuts are decided by the first.
    """
    if not second:
        return reading
    chances: dict[str, float] = defaultdict(float)
    for number, chance in reading.candidates:
        chances[number] += (1 - share) * chance
    for number, chance in itertools.chain.from_iterable(second):
        chances[number] += share * chance / len(second)
    ranked = tuple(sorted(chances.items(), key=lambda item: -item[1])[:3])
    doubt = reading.doubt
    if doubt == "none" and ranked[0][0]:
        doubt = ""
    elif not ranked[0][0]:
        doubt = "none"
    frames = reading.frames if ranked[0][0] == reading.candidates[0][0] else ()
    return LineReading(ranked, doubt, frames)


def calibrate(reading: LineReading, slope: float, offset: float) -> LineReading:
    """The reading with `slope` and `offset` applied to the log odds of the best number (Platt, 1999).

    The others share the rest in the same proportions as before.
    """
    (best, chance), *others = reading.candidates
    clipped = min(max(chance, 1e-6), 1 - 1e-6)
    confidence = 1 / (1 + math.exp(-(slope * math.log(clipped / (1 - clipped)) + offset)))
    rest = (1 - confidence) / max(1e-6, 1 - chance)
    scaled = [(number, min(confidence, share * rest)) for number, share in others]
    return reading._replace(candidates=((best, confidence), *scaled))


def _doubt(text: str, spans: Sequence[tuple[int, int]], own: Sequence[int], per_height: float) -> str:
    """Why a number must not be published: "cut", "several", or "" for no such reason."""
    middles = [(first + last) / 2 for first, last in spans]
    for i, char in enumerate(text):
        if char == CUT and min(abs(middles[i] - middles[k]) for k in own) < NEAR * per_height:
            return "cut"
    digits = [middles[k] for k in own if text[k] in DIGITS]
    steps = [b - a for a, b in itertools.pairwise(digits)]
    if steps and max(steps) > FAR * per_height and max(steps) > FARTHER * float(np.median(steps)):
        return "several"
    return ""

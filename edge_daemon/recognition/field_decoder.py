"""Decodes what the field network gives for a line: the most likely number, what stands beside it, and where.

Texts are found by prefix beam search over the probabilities of all frames (Graves et al., 2006; Hannun et al., 2014).
Symbols that are not wanted are folded first: a point or a colon within a number separates nothing; other signs separate
numbers as other writing does.
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
BEAM = 10
"""Texts kept from frame to frame."""
FAINT = 2e-3
"""Probability below which a symbol of a frame does not start a text of its own."""
NEAR = 1.2
"""Line heights: a cut symbol as near as this to a digit belongs to its number."""
FAR = 2.6
"""Line heights between the middles of two digits: further apart they may be two numbers,"""
FARTHER = 2.4
"""if they are also this many times as far apart as digits of the line usually are."""

Probabilities = NDArray[np.float32]
"""(frames, symbols), rows summing to 1."""


class LineReading(NamedTuple):
    """What one line says."""

    candidates: tuple[Candidate, ...]
    """Up to three numbers, best first; "" says that there is none."""
    doubt: str
    """Why the best one must not be published, whatever its confidence: "" (no reason), "cut" (it goes on beyond the
    border), "several" (numbers beside each other) or "none"."""
    frames: tuple[tuple[int, int], ...]
    """The first and last frame of each digit or sign of the best one."""


def probabilities(logits: Probabilities, temperature: float = 1.0, cut_penalty: float = 0.0) -> Probabilities:
    """Softmax. `cut_penalty` is taken from the logits of CUT: in fields it is rarer than among the training lines."""
    scaled = logits / np.float32(temperature)
    scaled[..., SYMBOLS.index(CUT)] -= np.float32(cut_penalty)
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def fold(each: Probabilities, signs: str = "") -> tuple[Probabilities, str]:
    """The probabilities of digits, wanted signs, OTHER and CUT, then blank; and these symbols in order."""
    kept = DIGITS + signs + OTHER + CUT
    columns = {char: i for i, char in enumerate(kept)}
    matrix = np.zeros((each.shape[1], len(kept) + 1), np.float32)
    for i, char in enumerate(SYMBOLS):
        unwanted = len(kept) if char in INNER else columns[OTHER]
        matrix[i, columns.get(char, unwanted)] = 1
    matrix[BLANK, len(kept)] = 1
    return np.asarray(each @ matrix, np.float32), kept


def search_texts(each: Probabilities, symbols: str, beam: int = BEAM) -> list[Candidate]:
    """Prefix beam search: the most likely texts and their probabilities, over all ways to spell them.

    The last column of `each` is blank. For each text two probabilities are kept: that it ends in a symbol, and that
    blank followed.
    """
    blank = len(symbols)
    beams = {"": (0.0, 1.0)}
    quiet = (each[:, :blank] <= FAINT).all(axis=1).tolist()
    for row, is_quiet in zip(each.tolist(), quiet, strict=True):
        empty = row[blank]
        if is_quiet:
            beams = {text: (0.0, (ends + rests) * empty) for text, (ends, rests) in beams.items()}
            continue
        likely = [(char, chance) for char, chance in zip(symbols, row, strict=False) if chance > FAINT]
        longer: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for text, (ends, rests) in beams.items():
            here = longer[text]
            here[1] += (ends + rests) * empty
            for char, chance in likely:
                if text.endswith(char):
                    here[0] += ends * chance
                    if char in OTHER + CUT:  # a run of these is one
                        here[0] += rests * chance
                    else:
                        longer[text + char][0] += rests * chance
                else:
                    longer[text + char][0] += (ends + rests) * chance
        best = sorted(longer.items(), key=lambda item: -sum(item[1]))[:beam]
        least = 1e-6 * sum(best[0][1])
        beams = {text: (ends[0], ends[1]) for text, ends in best if sum(ends) >= least}
    return [(text, sum(ends)) for text, ends in beams.items()]


def align(each: Probabilities, symbols: str, text: str) -> list[tuple[int, int]]:
    """The first and last frame of each symbol of `text`, on the most likely way to spell it (Viterbi)."""
    blank = len(symbols)
    states = [blank, *itertools.chain.from_iterable((symbols.index(char), blank) for char in text)]
    score = np.log(np.maximum(each[:, states], 1e-12))
    skips = np.array([i > 1 and s != blank and s != states[i - 2] for i, s in enumerate(states)])
    best = np.full(len(states), -np.inf)
    best[:2] = score[0, :2]
    came = np.zeros(score.shape, np.int64)
    for t in range(1, len(score)):
        one, two = np.full_like(best, -np.inf), np.full_like(best, -np.inf)
        one[1:], two[2:] = best[:-1], best[:-2]
        two[~skips] = -np.inf
        ways = np.stack((best, one, two))
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + score[t]
    state = len(states) - 1 - int(len(states) > 1 and best[-2] > best[-1])
    spans = [(0, 0)] * len(text)
    for t in range(len(score) - 1, -1, -1):
        if state % 2:
            _, last = spans[state // 2]
            spans[state // 2] = (t, last if last else t)
        state -= int(came[t, state])
    return spans


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
        for text, chance in search_texts(folded, symbols):
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
    spans = align(folded, symbols, text)
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
    return reading._replace(candidates=ranked, doubt=doubt)


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

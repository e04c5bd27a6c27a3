"""Lines + classifier -> [Number]: decode the lattice, keep the most likely texts.

Every glyph hypothesis is either a digit or no digit. A path through a line's lattice is a sequence of both; its
likelihood is the product over its glyphs. The best path shows where numbers begin and end (at what is no digit); the
three most likely texts between those two places are the number's candidates.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, NOT_A_DIGIT, Candidate, Classifier, Digit, Glyph, Line, Number
from edge_daemon.geometry import bounding_box

BEAM = 8
"""Texts kept at each node while candidates are collected."""
MIN_CONFIDENCE = 0.2
"""Confidence of the best text below which the ink is dropped here; the reader's own limit is higher."""
MIN_PROBABILITY = 1e-4
"""Lowest probability of a class: keeps one glyph from ruling out a whole line."""
NON_DIGIT_PRIOR = 2.5
"""How much more frequent non-digits are among a picture's glyphs than the classifier assumes, to which all classes are
equally frequent. The digit network saw them this much more often in training, which was then compensated
(scripts/training)."""
FILTER_CLIP = 0.02
"""The sieve's probabilities are clipped to this..1 - this: surroundings alone never decide."""
LOGODDS_SLOPE = 0.75
"""Factor on the log odds of numbers: sieve and classifier see the same ink and err together, which multiplying their
probabilities ignores. Chosen on photos, to the nearest 0.05: scenes drawn for training are harder than desks."""
BAR_PRIOR = 0.2
"""Any bar is a 1 to a classifier that sees the bar alone. So a non-digit gets at least this share of the probability of
the 1, and the surroundings decide: slashes, brackets and table lines are bars too."""


@dataclass(frozen=True, slots=True)
class Step:
    """One glyph of the best path, and whether it is a digit."""

    glyph: int
    is_digit: bool


def decode(lines: Sequence[Line], classifier: Classifier) -> list[Number]:
    """The numbers in reading order, boxes in pixels of the patch."""
    glyphs = [glyph for line in lines for glyph in line.glyphs]
    if not glyphs:
        return []
    scores = np.maximum(with_context(classifier.classify(glyphs), glyphs), MIN_PROBABILITY)
    numbers: list[Number] = []
    first = 0
    for line in lines:
        numbers.extend(decode_line(line, scores[first : first + len(line.glyphs)]))
        first += len(line.glyphs)
    return numbers


def with_context(scores: NDArray[np.float32], glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
    """`scores` (glyphs, 11) combined with the sieve's probability from the surroundings: Bayes, as if independent."""
    chances = np.clip([glyph.chance for glyph in glyphs], FILTER_CLIP, 1 - FILTER_CLIP)
    joint = scores.copy()
    bar = BAR_PRIOR * joint[:, 1] * (joint[:, :NOT_A_DIGIT].argmax(axis=1) == 1)
    joint[:, NOT_A_DIGIT] = np.maximum(NON_DIGIT_PRIOR * joint[:, NOT_A_DIGIT], bar) * (1 - chances) / chances
    return np.asarray(joint / joint.sum(axis=1, keepdims=True), np.float32)


def decode_line(line: Line, scores: NDArray[np.float32]) -> list[Number]:
    """The numbers of one line; `scores` (glyphs, 11) are probabilities above 0.

    A number that has lost a digit is a wrong number: ink beside it that was taken for no digit lowers its confidence by
    the probability that it was one.
    """
    found = []
    run: list[int] = []
    ends = 1.0
    for step in [*best_path(line, scores), Step(-1, False)]:
        if step.is_digit:
            run.append(step.glyph)
            continue
        beside = float(scores[step.glyph, NOT_A_DIGIT]) if step.glyph >= 0 else 1.0
        if run:
            found += spell(line, scores, run, ends * beside)
            run = []
        ends = beside
    return found


def best_path(line: Line, scores: NDArray[np.float32]) -> list[Step]:
    """The most likely path through the lattice (Viterbi), each glyph as its best digit or as no digit."""
    best: list[tuple[float, Step | None, int]] = [(-math.inf, None, 0)] * line.nodes
    best[0] = (0.0, None, 0)
    for i in line.forwards():
        start, end = line.edges[i]
        digit, not_digit = float(scores[i, :NOT_A_DIGIT].max()), float(scores[i, NOT_A_DIGIT])
        likelihood = best[start][0] + line.priors[i] + math.log(max(digit, not_digit))
        if likelihood > best[end][0]:
            best[end] = (likelihood, Step(i, digit > not_digit), start)
    steps: list[Step] = []
    node = line.nodes - 1
    while node > 0:
        _, step, node = best[node]
        if step is not None:
            steps.append(step)
    return steps[::-1]


def spell(line: Line, scores: NDArray[np.float32], run: Sequence[int], ends: float) -> list[Number]:
    """The number that the glyphs of `run` spell, with the alternatives between its two ends.

    A text's confidence is its share among all texts there, times the probability that the glyphs are digits at all,
    times `ends`, the probability that the number begins and ends where the run does; then softened (`soften`). Empty
    when the best text is below MIN_CONFIDENCE.
    """
    texts = likely_texts(line, scores, line.edges[run[0]][0], line.edges[run[-1]][1])
    are_digits = float(np.prod(1 - scores[list(run), NOT_A_DIGIT] / scores[list(run)].sum(axis=1)))
    share = ends * are_digits / sum(texts.values())
    best = sorted(texts.items(), key=lambda item: -item[1])[:3]
    top = min(best[0][1] * share, 1 - 1e-6)
    if top < MIN_CONFIDENCE:
        return []
    confidence = soften(top)
    rest = share * (1 - confidence) / (1 - top)
    candidates = (best[0][0], round(confidence, 4)), *((text, round(p * rest, 4)) for text, p in best[1:])
    digits = tuple(Digit(top_digits(scores[i]), line.glyphs[i].box) for i in run)
    return [Number(bounding_box([line.glyphs[i].box for i in run]), candidates, digits, ends)]


def soften(chance: float) -> float:
    """`chance`, between 0 and 1, moved towards 0.5 by LOGODDS_SLOPE."""
    return float(1 / (1 + ((1 - chance) / chance) ** LOGODDS_SLOPE))


def likely_texts(line: Line, scores: NDArray[np.float32], begin: int, end: int) -> dict[str, float]:
    """The most likely texts between two nodes and their likelihoods, over all paths through the lattice."""
    texts: dict[int, dict[str, float]] = defaultdict(dict, {begin: {"": 1.0}})
    for i in line.forwards():
        start, stop = line.edges[i]
        if start not in texts or stop > end:
            continue
        weight = math.exp(line.priors[i])
        chances = [(digit, weight * chance) for digit, chance in zip(DIGITS, scores[i].tolist(), strict=False)]
        here = texts[stop]
        for text, likelihood in texts[start].items():
            for digit, chance in chances:
                longer = text + digit
                here[longer] = here.get(longer, 0.0) + likelihood * chance
        texts[stop] = dict(sorted(here.items(), key=lambda item: -item[1])[:BEAM])
    return texts[end]


def top_digits(scores: NDArray[np.float32]) -> tuple[Candidate, ...]:
    """The three most likely digits of one glyph. The probability of 'not a digit' is not redistributed."""
    order = np.argsort(-scores[:NOT_A_DIGIT], kind="stable")[:3]
    return tuple((DIGITS[i], round(float(scores[i]), 4)) for i in order)

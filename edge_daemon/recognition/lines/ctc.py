"""Connectionist temporal classification (CTC, Graves et al., 2006): which texts the frames of a line spell, and where.

Each frame has a probability for every symbol and, in the last column, for blank: nothing here, or still the same
symbol. The same symbol in neighbouring frames is one; blank between them separates two.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Candidate

Probabilities = NDArray[np.float32]
"""(frames, symbols + 1), rows summing to 1; the last column is blank."""
Beams = dict[str, tuple[float, float]]
"""Text so far -> the probability that it ends in a symbol, and that blank followed."""

BEAM = 8
"""Texts kept from frame to frame."""
FAINT = 1e-3
"""Probability below which a symbol of a frame does not start a text of its own."""


def search_texts(rows: Probabilities, symbols: str, runs: str = "", beam: int = BEAM) -> list[Candidate]:
    """The most likely texts and their probabilities, over all alignments, best first: prefix beam search.

    `symbols` are the columns without blank. Of `runs` any number in a row, blanks between them too, is one. The method
    is that of Hannun et al., 2014, without a language model. Frames that can only be blank are taken together.
    """
    beams: Beams = {"": (0.0, 1.0)}
    quiet = (rows[:, :-1] <= FAINT).all(axis=1)
    starts = np.flatnonzero(np.diff(quiet, prepend=not quiet[0])).tolist()
    for start, end in itertools.pairwise([*starts, len(rows)]):
        if quiet[start]:
            pause = float(rows[start:end, -1].prod(dtype=np.float64))
            beams = {text: (0.0, (ends + rests) * pause) for text, (ends, rests) in beams.items()}
        else:
            for row in rows[start:end].tolist():
                beams = _extend(beams, row, symbols, runs, beam)
    return sorted(((text, sum(chances)) for text, chances in beams.items()), key=lambda item: -item[1])


def _extend(beams: Beams, row: Sequence[float], symbols: str, runs: str, beam: int) -> Beams:
    """The texts after one more frame."""
    blank = row[-1]
    likely = [(char, chance) for char, chance in zip(symbols, row, strict=False) if chance > FAINT]
    longer: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for text, (ends, rests) in beams.items():
        here, last = longer[text], text[-1:]
        here[1] += (ends + rests) * blank
        for char, chance in likely:
            if char != last:
                longer[text + char][0] += (ends + rests) * chance
            elif char in runs:
                here[0] += (ends + rests) * chance
            else:
                here[0] += ends * chance
                longer[text + char][0] += rests * chance
    best = sorted(longer.items(), key=lambda item: -sum(item[1]))[:beam]
    least = FAINT * FAINT * sum(best[0][1])
    return {text: (ends[0], ends[1]) for text, ends in best if sum(ends) >= least}


def align(rows: Probabilities, symbols: str, text: str) -> list[tuple[int, int]]:
    """The first and last frame of each symbol of `text`, on the most likely alignment (Viterbi)."""
    if not text:
        return []
    blank = len(symbols)
    seen = rows[:, blank] < 1 - FAINT
    kept = np.flatnonzero(seen | np.roll(seen, 1))  # of a gap one frame is enough
    if len(kept) < 2 * len(text):
        kept = np.arange(len(rows))
    states = [blank, *itertools.chain.from_iterable((symbols.index(char), blank) for char in text)]
    score = np.log(np.maximum(rows[kept][:, states], 1e-12))
    bar = np.array([0.0 if i > 1 and s not in (blank, states[i - 2]) else -np.inf for i, s in enumerate(states)])
    # the best way to each state so far, as seen from it, from one and from two further on
    best = np.full((3, len(states) + 2), -np.inf)
    best[0, 2:4] = score[0, :2]
    came = np.zeros(score.shape, np.int64)
    for t in range(1, len(score)):
        best[1, 3:], best[2, 4:] = best[0, 2:-1], best[0, 2:-2]
        best[2, 2:] += bar
        came[t] = best[:, 2:].argmax(axis=0)
        best[0, 2:] = best[:, 2:].max(axis=0) + score[t]
    state = len(states) - 1 - int(len(states) > 1 and best[0, -2] > best[0, -1])
    frames: list[list[int]] = [[] for _ in text]
    for t in range(len(score) - 1, -1, -1):
        if state % 2:
            frames[state // 2].append(int(kept[t]))
        state -= int(came[t, state])
    return [(own[-1], own[0]) if own else (0, 0) for own in frames]

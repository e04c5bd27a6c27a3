"""The texts that frames spell: the search is exact, runs are one symbol, each symbol has its frames."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_daemon.recognition.lines import ctc
from edge_daemon.recognition.lines.ctc import Probabilities

SYMBOLS = "0123456789o"
BLANK = len(SYMBOLS)
FRAMES = 5


def frames(*rows: dict[int, float]) -> Probabilities:
    """Probabilities, one row for each frame, from what is not zero."""
    said = np.zeros((len(rows), BLANK + 1), np.float32)
    for row, given in zip(said, rows, strict=True):
        row[list(given)] = list(given.values())
    return said


def by_hand(said: Probabilities) -> list[tuple[str, float]]:
    """Every way through the frames, added up by the text that it spells."""
    found: dict[str, float] = {}
    for way in itertools.product(np.flatnonzero(said.any(axis=0)), repeat=len(said)):
        chance = float(np.prod(said[range(len(said)), list(way)], dtype=np.float64))
        text = "".join(str(digit) for digit, _ in itertools.groupby(way) if digit != BLANK)
        found[text] = found.get(text, 0.0) + chance
    return sorted(found.items(), key=lambda item: -item[1])[:3]


def test_alignments_of_one_text_are_added_up() -> None:
    """Each frame is more likely blank than 1, and yet 1 is likelier than no digit: three of four alignments are 1."""
    found = dict(ctc.search_texts(frames({1: 0.4, BLANK: 0.6}, {1: 0.4, BLANK: 0.6}), SYMBOLS))
    assert found == {"1": pytest.approx(0.64), "": pytest.approx(0.36)}


def test_the_beam_search_equals_trying_all_alignments() -> None:
    """On random frames the three most likely texts and their probabilities are exact when no text is dropped."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        said = np.zeros((FRAMES, BLANK + 1), np.float32)
        said[:, [1, 4, BLANK]] = rng.dirichlet((4, 4, 4), FRAMES)
        found = ctc.search_texts(said, SYMBOLS, beam=1000)[:3]
        for (text, chance), (true_text, true_chance) in zip(found, by_hand(said), strict=True):
            assert chance == pytest.approx(true_chance, rel=1e-4)
            assert text == true_text


def test_a_run_is_one_symbol() -> None:
    """Other writing with blanks between is still one run; digits are two."""
    other = SYMBOLS.index("o")
    said = frames({other: 1.0}, {BLANK: 1.0}, {other: 1.0}, {4: 1.0}, {BLANK: 1.0}, {BLANK: 1.0}, {4: 1.0})
    assert ctc.search_texts(said, SYMBOLS, runs="o")[0][0] == "o44"


def test_each_symbol_has_its_frames() -> None:
    """Symbols are placed where the network saw them, two equal ones apart."""
    said = frames({BLANK: 1.0}, {7: 1.0}, {7: 1.0}, {BLANK: 1.0}, {7: 1.0}, {2: 1.0}, {BLANK: 1.0}, {BLANK: 1.0})
    assert ctc.align(said, SYMBOLS, "772") == [(1, 2), (4, 4), (5, 5)]
    assert ctc.align(said, SYMBOLS, "") == []


def test_no_text_has_no_frames() -> None:
    """Frames that are certainly all blank, as of a strip without ink, have no symbol to place."""
    assert ctc.align(frames(*[{BLANK: 1.0}] * FRAMES), SYMBOLS, "") == []

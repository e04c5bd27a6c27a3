"""The lattice is walked right: digits, what is no digit, touching and broken ones, and honest confidences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Glyph, Line
from edge_daemon.recognition.lattice import NON_DIGIT_PRIOR, decode, soften

Scores = dict[int, float]


class Scripted:
    """A classifier that says of the n-th glyph what the test wants it to be among a picture's glyphs: the left edge of
    its box is its number."""

    name, backend = "scripted", "cpu"

    def __init__(self, *scores: Scores) -> None:
        self._scores = scores

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        rows = np.full((len(glyphs), 11), 1e-4, np.float32)
        for row, glyph in zip(rows, glyphs, strict=True):
            for label, score in self._scores[glyph.box[0]].items():
                row[label] = score / NON_DIGIT_PRIOR if label == NOT_A_DIGIT else score
            row /= row.sum()
        return rows


def line(*edges: tuple[int, int], priors: Sequence[float] = (), chance: float = 0.5) -> Line:
    """A line whose i-th glyph spans the nodes of `edges[i]` and has i as the left edge of its box."""
    glyphs = tuple(Glyph((i, 0, 10, 20), np.full((20, 10), 255, np.uint8), chance) for i in range(len(edges)))
    return Line((0, 0, 100, 20), glyphs, edges, tuple(priors) or (0.0,) * len(edges))


def texts(lines: list[Line], *scores: Scores) -> list[str]:
    return [n.text for n in decode(lines, Scripted(*scores))]


def test_a_simple_line_is_one_number() -> None:
    """Three certain digits side by side are one number with the joint confidence."""
    (number,) = decode([line((0, 1), (1, 2), (2, 3))], Scripted({2: 1}, {0: 1}, {7: 0.8, 1: 0.2}))
    assert [t for t, _ in number.candidates[:2]] == ["207", "201"]
    assert [p for _, p in number.candidates[:2]] == pytest.approx([soften(0.8), 1 - soften(0.8)], abs=0.02)
    assert [d.top[0][0] for d in number.digits] == ["2", "0", "7"]


def test_a_non_digit_separates_numbers() -> None:
    """A plus sign between digits gives two numbers; alone it gives none."""
    plus = {NOT_A_DIGIT: 1.0}
    assert texts([line((0, 1), (1, 2), (2, 3))], {4: 1}, plus, {5: 1}) == ["4", "5"]
    assert texts([line((0, 1))], plus) == []


def test_a_broken_digit_is_read_as_one() -> None:
    """Where the whole is a certain 5 and its halves are nothing, the path takes the whole."""
    halves = {NOT_A_DIGIT: 0.9, 1: 0.1}
    assert texts([line((0, 1), (1, 2), (0, 2))], halves, halves, {5: 0.95, NOT_A_DIGIT: 0.05}) == ["5"]


def test_a_touching_pair_is_read_as_two() -> None:
    """Where the whole is no digit and its halves are certain, the path takes the halves."""
    assert texts([line((0, 2), (0, 1), (1, 2))], {NOT_A_DIGIT: 0.9, 8: 0.1}, {3: 1}, {4: 1}) == ["34"]


def test_alternatives_lower_the_confidence() -> None:
    """Two equally good paths share the confidence, as candidates of different length."""
    (number,) = decode([line((0, 2), (0, 1), (1, 2))], Scripted({8: 1}, {7: 1}, {3: 1}))
    assert {t for t, _ in number.candidates[:2]} == {"8", "73"}
    assert number.confidence == pytest.approx(0.5, abs=0.02)


def test_an_uncertain_digit_lowers_the_confidence() -> None:
    """Ink that is as likely no digit has no high confidence."""
    (number,) = decode([line((0, 1))], Scripted({6: 0.55, NOT_A_DIGIT: 0.45}))
    assert number.text == "6"
    assert number.confidence == pytest.approx(0.55, abs=0.02)


@pytest.mark.parametrize(("chance", "found"), [(0.95, ["1"]), (0.1, [])])
def test_surroundings_decide_whether_a_bar_is_a_1(chance: float, found: list[str]) -> None:
    """However confident the classifier is of a 1, its surroundings distinguish it from a slash."""
    assert texts([line((0, 1), chance=chance)], {1: 1}) == found


def test_surroundings_raise_an_uncertain_digit() -> None:
    """A blurred 6 that the classifier alone would refuse is read where its surroundings are those of a digit."""
    assert texts([line((0, 1), chance=0.97)], {6: 0.2, NOT_A_DIGIT: 0.8}) == ["6"]
    assert texts([line((0, 1), chance=0.5)], {6: 0.2, NOT_A_DIGIT: 0.8}) == []


def test_non_digits_are_more_frequent_than_the_classifier_assumes() -> None:
    """Ink that may equally be a digit or none is taken for none: pictures are full of it."""
    even = Scripted({6: 0.5, NOT_A_DIGIT: 0.5 * NON_DIGIT_PRIOR})
    assert even.classify(line((0, 1)).glyphs)[0, [6, NOT_A_DIGIT]] == pytest.approx([0.5, 0.5], abs=0.001)
    assert decode([line((0, 1))], even) == []


def test_a_poor_geometric_prior_loses() -> None:
    """A hypothesis with a poor geometric prior loses against an ordinary one with the same scores."""
    assert texts([line((0, 2), (0, 1), (1, 2), priors=(0, -1, -1))], {0: 1}, {7: 1}, {7: 1}) == ["0"]


def test_long_lines_stay_fast_and_exact() -> None:
    """Sixty digits are one number of sixty, although 10 to the power of 60 texts are possible."""
    n = 60
    (number,) = decode(
        [line(*((i, i + 1) for i in range(n)), chance=0.99)], Scripted(*({i % 10: 0.9, 1: 0.1} for i in range(n)))
    )
    assert number.text == "".join(str(i % 10) for i in range(n))


def test_nothing_found_is_an_empty_list() -> None:
    """No lines, no numbers, and the classifier is not called."""
    assert decode([], Scripted()) == []

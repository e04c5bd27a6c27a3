"""Glyphs and strips are weighed together; the strip is cut where the number stands."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.domain import Candidate, Number
from edge_daemon.recognition.fusion import combine, cut_number_strip, may_be_split, merge_split_number
from edge_daemon.recognition.lines import line_recognizer
from edge_daemon.recognition.lines.line_recognizer import LineRecognizer
from tests.support.pictures.paper import page


def number(*candidates: Candidate) -> Number:
    return Number((0, 0, 30, 20), candidates, ())


def test_a_line_is_more_confident_where_its_glyphs_spell_the_same() -> None:
    """It stays as it is where they spell something else."""
    spelled = number(("77", 0.6), ("71", 0.3))
    assert combine(spelled, [number(("77", 0.8))]).confidence == pytest.approx(0.92)
    assert combine(spelled, [number(("7", 0.9))]) is spelled


@pytest.mark.parametrize("height", [24, 60, 200])
def test_the_strip_of_a_number_is_cut_at_its_box(height: int) -> None:
    """Small or large, beside other writing and at the edge of the picture: the number in the box is read."""
    edge = height // 4
    written = [("2357", edge, edge), ("88", edge, 3 * height)]
    picture = page(written, height=height, pen=height / 12, size=(12 * height, 5 * height))
    strip = cut_number_strip(picture, (edge, edge, 4 * height, height))
    assert strip is not None
    assert LineRecognizer().read_strips([strip])[0][0][0] == "2357"


def test_no_strip_is_cut_where_there_can_be_none() -> None:
    """A box of a few pixels, and a line far too long for its height, are not cut."""
    blank = np.full((100, 2000), 200, np.uint8)
    assert cut_number_strip(blank, (10, 10, 3, 2)) is None
    assert cut_number_strip(blank, (10, 40, 1900, 20)) is None
    assert line_recognizer.WIDTH * line_recognizer.SQUEEZE / line_recognizer.HEIGHT < 95


def side_by_side(whole: float, gap: int = 30) -> tuple[Number, Number]:
    """20 and 9, 40 px high, with `gap` px and an unsure glyph between them."""
    left = Number((0, 0, 60, 40), (("20", 0.55),), (), whole)
    return left, Number((60 + gap, 5, 30, 40), (("9", 0.56),), (), whole)


def test_an_overlooked_digit_joins_two_numbers() -> None:
    """The ink between 20 and 9 is more likely no digit; the strip over both confidently reads a 1 there."""
    left, right = side_by_side(0.55)
    assert may_be_split(left, right)
    one = merge_split_number(left, right, [("2019", 0.7), ("219", 0.25), ("209", 0.04)])
    assert one is not None
    assert (one.text, one.box, one.whole) == ("2019", (0, 0, 120, 45), 1.0)
    assert 0.6 < one.confidence < 0.9
    assert one.digits[-1].box == (60, 0, 30, 45)


def test_a_slash_separates_numbers_whatever_the_strip_reads() -> None:
    """A stroke that is confidently no digit looks like a 1 in a strip too; the strip is not read, or ignored."""
    assert not may_be_split(*side_by_side(0.95))
    assert merge_split_number(*side_by_side(0.88), [("2019", 0.9)]) is None


def test_numbers_without_a_digit_between_stay_two() -> None:
    """Also where the strip reads both and something else, and where they are too far apart, or below each other."""
    left, right = side_by_side(0.55)
    assert merge_split_number(left, right, [("209", 0.9), ("2019", 0.06)]) is None
    assert merge_split_number(left, right, [("", 0.9), ("7", 0.1)]) is None
    assert not may_be_split(*side_by_side(0.55, gap=100))
    below = Number((90, 50, 30, 40), (("9", 0.56),), (), 0.55)
    assert not may_be_split(left, below)

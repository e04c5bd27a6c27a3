"""Decoding of the field network's answers: texts, several numbers, doubts."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.recognition.lines import field_decoder
from edge_daemon.recognition.lines.ctc import Probabilities
from edge_daemon.recognition.lines.field_decoder import BLANK, SCORES, SYMBOLS


def scores(text: str, every: int = 8, high: float = 0.995) -> Probabilities:
    """Probabilities with each symbol of `text` in one frame, `every` frames apart; a space is only distance."""
    frames = np.full((every * (len(text) + 1), SCORES), (1 - high) / (SCORES - 1), np.float32)
    frames[:, BLANK] = high
    for i, char in enumerate(text):
        if char != " ":
            frames[every * (i + 1) - every // 2] = (1 - high) / (SCORES - 1)
            frames[every * (i + 1) - every // 2, SYMBOLS.index(char)] = high
    return frames


def read(text: str) -> field_decoder.LineReading:
    return field_decoder.decode_looks([scores(text)], 11.0)


@pytest.mark.parametrize(
    ("text", "number"), [("2021", "2021"), ("11", "11"), ("12.", "12"), ("1.500", "1.500"), ("-3.5", "-3.5")]
)
def test_numbers_are_read(text: str, number: str) -> None:
    """The same digit twice is two digits; signs before and within a number belong to it, those behind it do not."""
    reading = read(text)
    assert reading.candidates[0][0] == number
    assert reading.candidates[0][1] > 0.5
    assert not reading.doubt


def test_a_dash_far_from_the_number_is_no_minus() -> None:
    assert read("-   35").candidates[0][0] == "35"


def test_other_writing_is_not_the_number() -> None:
    assert read("o12o").candidates[0][0] == "12"
    assert read("o").candidates[0][0] == ""
    assert read("o").doubt == "none"


def test_several_numbers_are_doubtful() -> None:
    """Numbers on both sides of an operator or word, or far apart."""
    assert read("3o5").doubt == "several"
    assert field_decoder.decode_looks([scores("12      34")], 4.0).doubt == "several"


def test_a_cut_number_is_doubtful() -> None:
    assert read("12#").doubt == "cut"
    assert read("12      #").doubt == ""


def test_looks_have_the_same_weight() -> None:
    reading = field_decoder.decode_looks([scores("17"), scores("11"), scores("17")], 11.0)
    assert reading.candidates[0][0] == "17"
    assert reading.candidates[0][1] == pytest.approx(2 / 3, abs=0.1)
    assert reading.candidates[1][0] == "11"


def test_frames_of_digits() -> None:
    reading = read("207")
    assert [first for first, _ in reading.frames] == [4, 12, 20]


def test_confidence_is_that_of_the_digits() -> None:
    """Texts that differ only in their signs share the confidence of the number; the sign is another question."""
    reading = field_decoder.LineReading((("8.31", 0.5), ("8,31", 0.4), ("6.31", 0.1)), "", ())
    together = field_decoder.LineReading((("831", 0.9), ("631", 0.1)), "", ())
    apart, one = (dict(field_decoder.fuse(r, []).candidates) for r in (reading, together))
    assert apart["8.31"] + apart["8,31"] == pytest.approx(one["831"])
    assert apart["8.31"] / apart["8,31"] == pytest.approx(5 / 4)
    assert sum(apart.values()) == pytest.approx(sum(one.values()))


def test_two_networks_that_agree_are_surer_than_one_alone() -> None:
    """The second network makes a number likelier that it names too, and less likely one that it does not name."""
    reading = field_decoder.LineReading((("17", 0.6), ("11", 0.3)), "", ())
    agreed, denied = (dict(field_decoder.fuse(reading, [[(text, 0.9)]]).candidates) for text in ("17", "71"))
    alone = dict(field_decoder.fuse(reading, []).candidates)
    assert agreed["17"] > alone["17"] > denied["17"]
    assert "71" in denied


def test_signs_are_those_of_the_first_network() -> None:
    """The second network, which knows only digits, does not take a minus away."""
    reading = field_decoder.LineReading((("-42", 0.9), ("42", 0.05)), "", ())
    assert field_decoder.fuse(reading, [[("42", 0.99)]]).candidates[0][0] == "-42"


def test_a_line_without_a_number_stays_one() -> None:
    """Where neither network names a number, there is none."""
    reading = field_decoder.LineReading((("", 0.97),), "none", ())
    assert field_decoder.fuse(reading, [[("", 0.99)]]) == reading

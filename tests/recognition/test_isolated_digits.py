"""Isolated digits are dropped: how the other numbers of a frame decide about one."""

from __future__ import annotations

from edge_daemon.domain import Number
from edge_daemon.recognition.reader import drop_isolated_digits

FRAME = 480


def number(text: str, confidence: float, height: int) -> Number:
    return Number((0, 0, 20 * len(text), height), ((text, confidence),), ())


def said(*numbers: Number) -> list[str]:
    return [n.text for n in drop_isolated_digits(numbers, FRAME)]


def test_uncertain_digits_alone_are_dropped() -> None:
    """Without one certain digit they are texture."""
    assert said(number("7", 0.85, 30), number("1", 0.7, 25)) == []


def test_uncertain_digits_beside_a_certain_one_are_kept() -> None:
    """One clearly written digit makes the others likely."""
    assert said(number("7", 0.6, 30), number("4", 0.99, 32)) == ["7", "4"]


def test_an_uncertain_piece_much_smaller_than_the_writing_is_dropped() -> None:
    """Stains and bits of letters beside clear writing are not numbers."""
    assert said(number("123", 0.98, 40), number("1", 0.85, 12)) == ["123"]


def test_small_certain_writing_is_kept() -> None:
    """A footnote beside a headline."""
    assert said(number("123", 0.98, 90), number("45", 0.97, 12)) == ["123", "45"]


def test_an_uncertain_digit_that_fills_the_frame_is_kept() -> None:
    """The camera was pointed at it."""
    assert said(number("1", 0.6, 400)) == ["1"]


def test_long_numbers_are_not_uncertain_because_they_are_long() -> None:
    """Six digits of 98 % each are certain digits, though their number has 89 %."""
    assert said(number("123456", 0.89, 30)) == ["123456"]

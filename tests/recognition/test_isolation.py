"""Writing comes in company: what the numbers of one frame say of each other."""

from __future__ import annotations

from edge_daemon.domain import Number
from edge_daemon.recognition.isolation import drop_isolated_digits

FRAME = 480


def number(text: str, confidence: float, height: int) -> Number:
    return Number((0, 0, 20 * len(text), height), ((text, confidence),), ())


def said(*numbers: Number) -> list[str]:
    return [n.text for n in drop_isolated_digits(numbers, FRAME)]


def test_a_frame_without_one_sure_digit_holds_no_writing() -> None:
    """Doubtful digits alone are texture."""
    assert said(number("7", 0.85, 30), number("1", 0.7, 25)) == []


def test_doubtful_digits_beside_a_sure_one_are_read() -> None:
    """Who writes one digit clearly has written the others too."""
    assert said(number("7", 0.6, 30), number("4", 0.99, 32)) == ["7", "4"]


def test_a_doubtful_piece_much_smaller_than_the_writing_is_dropped() -> None:
    """Stains and bits of letters beside clear writing are not numbers."""
    assert said(number("123", 0.98, 40), number("1", 0.85, 12)) == ["123"]


def test_small_writing_that_is_sure_stays() -> None:
    """A footnote beside a headline."""
    assert said(number("123", 0.98, 90), number("45", 0.97, 12)) == ["123", "45"]


def test_a_doubtful_digit_that_fills_the_frame_is_read() -> None:
    """The camera was pointed at it."""
    assert said(number("1", 0.6, 400)) == ["1"]


def test_long_numbers_are_not_doubtful_for_being_long() -> None:
    """Six digits of 98 % each are sure digits, though their number is at 89 %."""
    assert said(number("123456", 0.89, 30)) == ["123456"]


def test_surer_opinions_of_the_same_writing_count() -> None:
    """What strips left of clear writing is held against how clear it was before."""
    before, after = number("2021", 0.9, 100), number("2021", 0.6, 100)
    assert [n.text for n in drop_isolated_digits([after, number("5", 0.75, 23)], FRAME, others=[before])] == ["2021"]
    assert drop_isolated_digits([after], FRAME) == []

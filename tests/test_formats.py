"""Digits as read -> the text and value that a format makes of them."""

from __future__ import annotations

import pytest

from edge_daemon.formats import Format, check


@pytest.mark.parametrize(
    ("pattern", "digits", "text", "value"),
    [
        ("", "0123", "0123", 123),
        ("####", "0123", "0123", 123),
        ("####", "123", None, None),
        ("##??", "123", "123", 123),
        ("##??", "12345", None, None),
        ("###.#", "1234", "123.4", 123.4),
        ("?#,##", "123", "1,23", 1.23),
        ("?#,##", "1234", "12,34", 12.34),
        ("##:##", "1230", "12:30", None),
        ("##/##/##", "241126", "24/11/26", None),
        ("^20[0-9]{2}$", "2021", "2021", 2021),
        ("^20[0-9]{2}$", "1921", None, None),
    ],
)
def test_digits_become_text_and_value(pattern: str, digits: str, text: str | None, value: float | None) -> None:
    """Separators come where the format has them; what does not fit is None."""
    check(pattern)
    form = Format(pattern)
    assert form.text(digits) == text
    assert (form.value(text) if text else None) == value


def test_what_does_not_fit_still_speaks_against_what_does() -> None:
    """A misfit's confidence counts for a quarter: 0.9 against a doubt of 0.05 rises, 0.1 does not become sure."""
    [(text, sure)] = Format("##").fit((("123", 0.6), ("12", 0.3)))
    assert text == "12"
    assert sure == pytest.approx(0.3 / 0.55)
    assert Format("##").fit((("12", 0.9), ("123", 0.05)))[0][1] > 0.9
    assert Format("##").fit((("123", 0.9), ("12", 0.1)))[0][1] < 0.4


@pytest.mark.parametrize(("pattern", "turn"), [("####", 10000), ("##.#", 100), ("##?", None), ("", None)])
def test_where_a_counter_rolls_over(pattern: str, turn: float | None) -> None:
    """Only a format of a fixed number of digits has a highest value."""
    assert Format(pattern).turn == turn


@pytest.mark.parametrize(
    ("pattern", "value", "text"),
    [
        ("", 38, "38"),
        ("", "0038", "0038"),
        ("####", 38, "0038"),
        ("####", 38.0, "0038"),
        ("##??", 7, "07"),
        ("###.#", 20.5, "020.5"),
        ("##,#", 1.5, "01,5"),
        ("^20[0-9]{2}$", 2021, "2021"),
        ("##:##", "12:30", "12:30"),
        ("####", 12345, None),
        ("####", "38", None),
        ("###.#", 20.55, None),
        ("", -3, None),
        ("", 1.5, None),
        ("", "", None),
        ("", "²", None),
        ("", "1" * 33, None),
        ("^20[0-9]{2}$", 1921, None),
    ],
)
def test_what_a_person_says_is_written(pattern: str, value: str | int | float, text: str | None) -> None:
    """A number gets the zeros that the format has; a text must be as it would be read."""
    assert Format(pattern).written(value) == text

"""Digits as read -> their text and value by a format."""

from __future__ import annotations

import pytest

from edge_daemon.decision.formats import Format, check
from edge_daemon.recognition.punctuation import Marks


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
    """Separators are where the format has them; digits that do not fit give None."""
    check(pattern)
    form = Format(pattern)
    assert form.text(digits) == text
    assert (form.value(text) if text else None) == value


@pytest.mark.parametrize("pattern", ["#,###", "?#,###", "-##,###"])
def test_a_comma_before_three_digits_may_be_either(pattern: str) -> None:
    """1,234 may mean 1.234 or 1234."""
    assert Format(pattern).is_ambiguous


@pytest.mark.parametrize("pattern", ["#,##", "#,####", "#.###", "#,##?", "####", "^[0-9],###"])
def test_what_is_unmistakable(pattern: str) -> None:
    """A point, or another number of digits after a comma, is a decimal one."""
    assert not Format(pattern).is_ambiguous


def test_candidates_that_do_not_fit_keep_a_quarter_of_their_weight() -> None:
    """0.9 beside 0.05 that does not fit rises; 0.1 does not become certain."""
    [(text, sure)] = Format("##").fit((("123", 0.6), ("12", 0.3)))
    assert text == "12"
    assert sure == pytest.approx(0.3 / 0.55)
    assert Format("##").fit((("12", 0.9), ("123", 0.05)))[0][1] > 0.9
    assert Format("##").fit((("123", 0.9), ("12", 0.1)))[0][1] < 0.4


@pytest.mark.parametrize(
    ("pattern", "digits", "seen", "text", "value"),
    [
        ("-##", "17", Marks(minus=True), "-17", -17),
        ("-##", "17", Marks(), "17", 17),
        ("##", "17", Marks(minus=True), "17", 17),
        ("-#.#", "17", Marks(minus=True), "-1.7", -1.7),
        ("?#.#?", "125", Marks(points=(2,)), "12.5", 12.5),
        ("?#.#?", "125", Marks(points=(1,)), "1.25", 1.25),
        ("?#.#?", "125", Marks(), None, None),
        ("?#.#?", "125", Marks(points=(1, 2)), None, None),
        ("?#.#?", "1256", Marks(points=(3,)), None, None),
        ("##.#", "125", Marks(points=(1,)), "12.5", 12.5),
    ],
)
def test_marks_that_were_seen(pattern: str, digits: str, seen: Marks, text: str | None, value: float | None) -> None:
    """A minus and a point count if the format has them; without a point that must be seen nothing fits."""
    check(pattern)
    form = Format(pattern)
    assert form.text(digits, seen) == text
    if text:
        assert form.value(text) == value
        assert form.accepts(text)


def test_a_text_of_another_length_has_no_place_for_a_seen_point() -> None:
    """The point was seen between the digits of the best candidate; in a longer one its place is unknown."""
    fitting = Format("?#.#?").fit((("125", 0.6), ("1255", 0.4)), Marks(points=(2,)))
    assert [text for text, _ in fitting] == ["12.5"]


@pytest.mark.parametrize(("pattern", "rollover"), [("####", 10000), ("##.#", 100), ("##?", None), ("", None)])
def test_where_a_counter_rolls_over(pattern: str, rollover: float | None) -> None:
    """Only a format of a fixed number of digits has a highest value."""
    assert Format(pattern).rollover == rollover


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
        ("-##", -7, "-07"),
        ("-##", 7, "07"),
        ("##", -7, None),
        ("?#.#?", 1.5, "1.5"),
        ("?#.#?", 12.25, "12.25"),
        ("?#.#?", 2, "2.0"),
        ("?#.#?", "1.50", "1.50"),
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
def test_the_text_of_a_value_that_a_person_sets(pattern: str, value: str | int | float, text: str | None) -> None:
    """A number gets the zeros that the format needs; a text must be as it would be read."""
    assert Format(pattern).written(value) == text


@pytest.mark.parametrize(
    ("pattern", "read", "text"),
    [
        ("", "42", "42"),
        ("", "-42", None),
        ("", "4.2", None),
        ("-##", "-42", "-42"),
        ("-##", "42", "42"),
        ("##", "-42", None),
        ("##.#", "42.5", "42.5"),
        ("##.#", "425", "42.5"),
        ("##.#", "4.25", None),
        ("##,#", "42.5", "42,5"),
        ("?#.#?", "4.25", "4.25"),
        ("?#.#?", "425", None),
        ("####", "12.34", None),
        ("##:##", "12:30", "12:30"),
        ("##/##/##", "24/11/26", "24/11/26"),
        ("##-##", "12-30", "12-30"),
        ("^-?[0-9]+$", "-17", "-17"),
    ],
)
def test_signs_that_were_read_are_not_dropped(pattern: str, read: str, text: str | None) -> None:
    """What was read with its signs, and certainly: the format has these signs there, or nothing fits."""
    fitting = Format(pattern).fit_signed(((read, 0.97),))
    assert [found for found, _ in fitting] == ([text] if text else [])


def test_faint_signs_are_dirt_where_the_format_has_none() -> None:
    """They count for the digits then; with a minus in the format both are candidates."""
    candidates = (("-42", 0.6), ("42", 0.3), ("47", 0.1))
    assert dict(Format("##").fit_signed(candidates)) == {"42": pytest.approx(0.9), "47": pytest.approx(0.1)}
    assert [text for text, _ in Format("-##").fit_signed(candidates)] == ["-42", "42", "47"]


def test_ink_in_the_place_of_a_minus_forbids_positive_numbers() -> None:
    """Only where the format has a minus."""
    assert Format("-##").fit_signed((("42", 0.99),), ink_before=True) == ()
    assert Format("-##").fit_signed((("-42", 0.99),), ink_before=True) != ()
    assert Format("##").fit_signed((("42", 0.99),), ink_before=True) != ()

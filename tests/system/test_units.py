"""Sizes, durations and rates as text."""

from __future__ import annotations

import pytest

from edge_daemon.system.units import Duration, Quantity, Rate, Size, seconds

SIZE, DURATION = Size("1KB", "1000GB"), Duration("1s", "365d")


@pytest.mark.parametrize(
    ("quantity", "text", "number"),
    [
        (SIZE, "64MB", 64_000_000),
        (SIZE, "1500KB", 1_500_000),
        (DURATION, "10m", 600),
        (DURATION, "30d", 2_592_000),
        (DURATION, "1.5s", 1.5),
        (Duration("0s", "1h"), "0s", 0),
        (Duration("10m", "90d", or_never=True), "0s", 0),
        (Rate(), "", None),
        (Rate(), "0.25/s", 0.25),
    ],
)
def test_a_text_is_read_as_a_number_and_shown_as_it_was(quantity: Quantity, text: str, number: float | None) -> None:
    """What is parsed and formatted again is the same text, in the largest unit that fits."""
    assert quantity.parse(text) == number
    assert quantity.format(number) == text


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (SIZE, "64"), (SIZE, "1B"), (SIZE, "-5MB"), (SIZE, "9" * 900 + "GB"),
        (DURATION, "5 minutes"), (DURATION, "0s"), (DURATION, "366d"), (Duration("10m", "90d", or_never=True), "5s"),
        (Rate(), "100"), (Rate(), "0/s"), (Rate(), "9" * 400 + "/s"),
    ],
)  # fmt: skip
def test_what_is_wrong_or_out_of_range_is_refused(quantity: Quantity, text: str) -> None:
    """The message says what is expected."""
    with pytest.raises(ValueError, match=r"^expected a (size|duration|rate) like "):
        quantity.parse(text)


def test_a_rate_is_read_per_second() -> None:
    """100 in an hour, 0.5 in a minute."""
    assert Rate().parse("100/h") == 100 / 3600
    assert Rate().parse("0.5/m") == 0.5 / 60


def test_seconds_have_no_range() -> None:
    """Options of commands set their own limits."""
    assert seconds("12 h") == 43_200
    with pytest.raises(ValueError, match="write a number"):
        seconds("soon")

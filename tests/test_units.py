"""Sizes and durations as people write them."""

import pytest

from edge_daemon import units


@pytest.mark.parametrize(
    ("text", "amount"), [("64MB", 64_000_000), ("1.5 KB", 1500), ("9B", 9), ("2GB", 2_000_000_000)]
)
def test_sizes(text: str, amount: int) -> None:
    """A size is a number and a unit, with or without a space."""
    assert units.size(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("2s", 2.0), ("0.5s", 0.5), ("10m", 600.0), ("3 h", 10_800.0), ("30d", 2_592_000.0)]
)
def test_durations(text: str, amount: float) -> None:
    """A duration is a number and a unit, with or without a space."""
    assert units.seconds(text) == amount


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "-5s", "five s", "5s 3m", "٣s", "1e3s", "infs"])
def test_what_cannot_be_understood(text: str) -> None:
    """Anything else is refused in words that say how to write it."""
    with pytest.raises(ValueError, match="write a number and one of s m h d"):
        units.seconds(text)

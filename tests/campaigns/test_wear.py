"""What the outbox writes stays small: it wears SD cards."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.wear import measure


def test_bytes_a_message(tmp_path: Path) -> None:
    """A message costs no more than a few small pages, and something: a measure of nothing would pass as well."""
    for delivered in (True, False):
        cost = measure(tmp_path / str(delivered), 200, delivered)
        assert 1_000 < cost < 8_000

"""Values are held against the one before."""

from __future__ import annotations

import pytest

from edge_daemon.decision.rules import Rules
from edge_daemon.domain import Status


@pytest.mark.parametrize(
    ("rules", "value", "before", "elapsed", "objection"),
    [
        (Rules(), -1e9, 5, 0, None),
        (Rules(low=3), 2, None, 0, Status.OUT_OF_RANGE),
        (Rules(high=3), 3, None, 0, None),
        (Rules(monotone=True), 5, 6, 0, Status.NOT_MONOTONE),
        (Rules(monotone=True), 5, 5, 0, None),
        (Rules(rate=0.1), 20, 10, 50, Status.RATE_TOO_HIGH),
        (Rules(rate=0.1), 20, 10, 100, None),
        (Rules(rate=0.1), 0, 10, 50, Status.RATE_TOO_HIGH),
        (Rules(rate=0.001), 11, 10, 1, None),
        (Rules(rate=0.001, step=0.1), 11, 10, 1, Status.RATE_TOO_HIGH),
        (Rules(rate=0.001, step=0.1), 10.2, 10.1, 1, None),
        (Rules(monotone=True, turn=10000), 3, 9998, 0, None),
        (Rules(monotone=True, turn=10000), 3, 5000, 0, Status.NOT_MONOTONE),
        (Rules(rate=1, turn=10000), 9998, 3, 10, None),
        (Rules(rate=1, turn=10000), 500, 9998, 10, Status.RATE_TOO_HIGH),
    ],
)
def test_objections(rules: Rules, value: float, before: float | None, elapsed: float, objection: Status | None) -> None:
    """A value is held back by exactly the rule that it breaks."""
    assert rules.objection(value, before, elapsed) == objection

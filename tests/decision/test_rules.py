"""Values are checked against the rules of a field."""

from __future__ import annotations

import pytest

from edge_daemon.decision.rules import RULES, FieldOptions, Rules, contradictions, explanations
from edge_daemon.domain import Status


def options(**keys: object) -> FieldOptions:
    return FieldOptions("units", (0, 0, 640, 480), **keys)  # type: ignore[arg-type]


COUNTER = {"wrap": True, "format": "####"}


@pytest.mark.parametrize(
    ("keys", "value", "before", "elapsed", "objection"),
    [
        ({}, -1e9, 5, 0, None),
        ({"min": 3}, 2, None, 0, Status.OUT_OF_RANGE),
        ({"min": 0}, -1, None, 0, Status.OUT_OF_RANGE),
        ({"max": 3}, 3, None, 0, None),
        ({"monotone": True}, 5, 6, 0, Status.NOT_MONOTONE),
        ({"monotone": True}, 5, 5, 0, None),
        ({"max_rate": 0.1}, 20, 10, 50, Status.RATE_TOO_HIGH),
        ({"max_rate": 0.1}, 20, 10, 100, None),
        ({"max_rate": 0.1}, 0, 10, 50, Status.RATE_TOO_HIGH),
        ({"max_rate": 0.001}, 11, 10, 1, None),
        ({"max_rate": 0.001, "format": "##.#"}, 11, 10, 1, Status.RATE_TOO_HIGH),
        ({"max_rate": 0.001, "format": "##.#"}, 10.2, 10.1, 1, None),
        ({"monotone": True} | COUNTER, 3, 9998, 0, None),
        ({"monotone": True} | COUNTER, 3, 5000, 0, Status.NOT_MONOTONE),
        ({"max_rate": 1} | COUNTER, 9998, 3, 10, None),
        ({"max_rate": 1} | COUNTER, 500, 9998, 10, Status.RATE_TOO_HIGH),
    ],
)
def test_a_value_is_held_back_by_the_rule_that_it_breaks(
    keys: dict[str, object], value: float, before: float | None, elapsed: float, objection: Status | None
) -> None:
    """By exactly that rule, and only where the field has set it."""
    assert Rules(options(**keys)).objection(value, before, elapsed) == objection


def test_each_status_of_a_rule_is_explained() -> None:
    """All rules with one status are named in its words."""
    words = explanations()
    assert set(words) == {rule.status for rule in RULES.values()}
    assert all(f"`{key}`" in words[rule.status] for key, rule in RULES.items())


@pytest.mark.parametrize("key", [*RULES, "wrap", "deadband"])
def test_an_identifier_has_no_value_for_a_rule(key: str) -> None:
    """text = true and a rule contradict each other."""
    found = dict(contradictions(options(text=True, format="####", **{key: 1})))
    assert found[key].startswith("expected a field that holds numbers; got text = true")

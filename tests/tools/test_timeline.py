"""Readings as values and withheld spans over a time."""

from __future__ import annotations

from typing import Any

from edge_daemon.domain import Reading, Status
from edge_daemon.tools.reporting.timeline import Timeline, timelines
from tests.support.records import reading


def at(second: float, value: int, **changes: Any) -> Reading:
    return reading(value, captured_at=second, candidates=((f"{value:05d}", 0.9),), **changes)


def one(*readings: Reading, begin: float = 0, end: float = 100) -> Timeline:
    [found] = timelines(readings, begin, end)
    return found


def spans(found: Timeline) -> list[tuple[float, float, str, str]]:
    return [(span.begin, span.end, span.status, span.seen) for span in found.spans]


def test_a_value_holds_until_the_next() -> None:
    """A heartbeat is no new step; every reading is counted; the order in which they come does not matter."""
    found = one(at(50, 2), at(10, 1), at(20, 1))
    assert [(step.at, step.text) for step in found.steps] == [(10, "00001"), (50, "00002")]
    assert found.read_at == [10, 20, 50]


def test_what_was_published_before_gives_the_beginning() -> None:
    """Values and spans begin at `begin`; what comes after `end` is left out."""
    found = one(at(1, 1, status=Status.TOO_DARK), at(60, 2), at(90, 3), begin=40, end=70)
    assert [(step.at, step.text) for step in found.steps] == [(40, "00001"), (60, "00002")]
    assert spans(found) == [(40, 60, "too_dark", "")]
    assert found.read_at == [60]


def test_spans_of_one_status_are_one() -> None:
    """Of a rule only as long as the same text is withheld; the last one lasts to the end."""
    dark = [at(second, 7, status=Status.TOO_DARK) for second in (10, 20)]
    falls = [at(second, value, status=Status.NOT_MONOTONE) for second, value in ((30, 3), (40, 3), (50, 4))]
    found = one(*dark, *falls)
    assert spans(found) == [
        (10, 30, "too_dark", ""), (30, 50, "not_monotone", "00003"), (50, 100, "not_monotone", "00004"),
    ]  # fmt: skip
    assert found.totals() == {Status.NOT_MONOTONE: (2, 70), Status.TOO_DARK: (1, 20)}


def test_a_number_that_has_left_the_picture() -> None:
    """It has no value from then on, and is not withheld."""
    found = one(at(10, 1), at(20, 1, gone=True, status=Status.NO_DIGITS))
    assert ([step.text for step in found.steps], found.spans) == (["00001", None], [])


def test_fields_stand_in_order() -> None:
    """Each has its own timeline."""
    assert [found.name for found in timelines([at(1, 1, field="b"), at(2, 1, field="a")], 0, 9)] == ["a", "b"]

"""scripts/evaluate: what it counts, and that reading has not become worse than what was kept."""

from __future__ import annotations

import json

import pytest

from edge_daemon.domain import Number
from scripts.evaluation import causes, main, scores
from scripts.evaluation.readers import in_lines, number_of

LOST, FALSE = 1, 1
"""Numbers of one condition (of about 36) that may be lost, or read and not be there, beyond what is stored: runtimes
round int8 differently from one processor to the next. A broken threshold costs several times as much."""


def scored(truth: list[str], texts: list[str], kind: str = "lines") -> scores.Scored:
    return scores.score("a.png", kind, truth, [number_of(text, 0.9, (0, 0, 1, 1)) for text in texts])


def test_measures_of_a_set_worked_out_by_hand() -> None:
    """Two pictures: one of two numbers right, one false number where nothing is written."""
    found = scores.measures([scored(["20", "21"], ["20", "22"]), scored([], ["4"])])
    assert (found["recall"], found["f1"], found["exact"]) == (0.5, 0.4, 0)
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["characters"] == pytest.approx(1 - 2 / 4)
    assert found["read where nothing is written"] == 1.0


def test_a_grid_is_scored_by_cells_and_an_amount_as_one_number() -> None:
    """Neighbouring cells may be read as one number; the points of an amount are not told."""
    assert scored(["5", "3", "7"], ["53", "7"], "grid").matched == 3
    assert scored(["18014"], ["180", "14"], "digits").matched == 1
    assert scored(["18014"], ["180.14"], "digits").edits == 0


def test_a_written_number_counts_for_one_that_was_read() -> None:
    """Of two equal numbers read where one is written, the more confident one is right and the other false."""
    twice = [Number((0, 0, 1, 1), (("7", sure),), ()) for sure in (0.6, 0.9)]
    assert scores.score("a.png", "lines", ["7"], twice).right == [False, True]


@pytest.mark.parametrize(
    ("truth", "texts", "expected"),
    [
        (["12", "34"], ["12", "34"], {}),
        (["12", "34"], ["12"], {"not found": 1}),
        (["12"], ["12", "7"], {"false digit": 1}),
        (["66666"], ["6666", "6"], {"wrongly split": 1}),
        (["20", "21"], ["2021"], {"wrongly joined": 2}),
        (["2583"], ["2563"], {"wrong digit": 1}),
        (["12", "34", "56"], ["34", "12", "56"], {"wrong order": 1}),
        (["5", "3"], ["5", "8"], {"wrong digit": 1}),
        (["12", "34", "56"], ["12", "9", "34", "57"], {"false digit": 1, "wrong digit": 1}),
    ],
)
def test_each_error_gets_its_cause(truth: list[str], texts: list[str], expected: dict[str, int]) -> None:
    """Every written number that was not read, and every number that is not there, by its cause."""
    assert dict(causes.count([scored(truth, texts)])) == expected


def test_a_peers_boxes_are_put_into_reading_order() -> None:
    """What is level is one line, left to right, whatever order it was found in."""
    boxes = [(200, 12, 50, 20), (10, 10, 50, 20), (10, 60, 50, 20)]
    assert [n.text for n in in_lines([number_of(str(i), 1.0, box) for i, box in enumerate(boxes)])] == ["1", "0", "2"]


def test_reading_has_not_become_worse() -> None:
    """Of the drawn pictures of each condition as many numbers are read, and as few false ones, as is stored."""
    kept, found = json.loads(main.KEPT.read_text()), main.drawn_figures()
    assert found.keys() == kept.keys()
    for condition, then in kept.items():
        now = found[condition]
        assert now["numbers"] == then["numbers"], condition
        assert now["read"] >= then["read"] - LOST, f"{condition}: {now}, kept {then}"
        assert now["false"] <= then["false"] + FALSE, f"{condition}: {now}, kept {then}"

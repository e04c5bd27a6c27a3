"""What second opinions are worth is counted by the device's own rule."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.decision.evidence import Evidence, Observation
from edge_daemon.domain import Status
from scripts.training.lines.measured_sets import Item
from tests.campaigns import opinion_curve
from tests.campaigns.opinion_curve import Case, counts, logistic, summary


def case(sure: float, answer: str = "17", truth: str = "17") -> Case:
    """17 is read, with 11 as the other text; the engine is nearly certain of `answer`."""
    evidence = Evidence(0.0)
    for frame in range(3):
        evidence.add(Observation(float(frame), 0.0, Status.OK, (("17", sure), ("11", 1 - sure))))
    made = Case(Item("drawn", "report", "", truth, np.zeros((2, 2), np.uint8)), evidence, sure < 0.85)
    if made.asks:
        evidence.add_second_opinion(((answer, 0.98),), str)
    return made


def test_without_questions_doubtful_readings_are_withheld() -> None:
    """And confident ones are what they are."""
    assert counts([case(0.6), case(0.99), case(0.99, truth="71")], 0) == {"right": 1, "false": 1, "withheld": 1}


def test_answers_count_for_better_and_for_worse() -> None:
    """What the engine confirms is said, right or false; what the frames do not know stays withheld."""
    cases = [case(0.7), case(0.7, truth="11"), case(0.7, "99")]
    assert counts(cases, 3) == {"right": 1, "false": 1, "withheld": 1}
    assert counts(cases, 1) == {"right": 1, "false": 0, "withheld": 2}


def test_the_fit_finds_what_decides() -> None:
    """Labels that follow one feature give that feature the only large weight."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
    weights = logistic(x, (x[:, 1] + 0.3 * rng.normal(size=400) > 0).astype(np.float64))
    assert weights[1] > 3
    assert abs(weights[2]) < 1


@pytest.mark.slow
def test_the_whole_curve_of_a_few_drawn_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """From drawing them to the figures; each reading has one outcome."""
    assert opinion_curve.main(["--count", "40", "--seed", "2", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out).values()
    assert row["readings"] == 40
    for found in (row["before"], *row["by probability"].values(), *row["by budget"].values()):
        assert sum(found.values()) == 40


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    """A picture with something in it."""
    opinion_curve.draw({"drawn": summary([case(0.6), case(0.99)] * 20)}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000

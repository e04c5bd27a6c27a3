"""What second opinions are worth is counted by the device's own rule, and never beyond the budget."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.decision.evidence import Evidence, Observation
from edge_daemon.domain import Status
from tests.campaigns import opinion_curve
from tests.campaigns.opinion_curve import Case, at_budget
from tests.campaigns.opinion_pictures import crops, on_paper


def case(sure: float, answer: str = "17", truth: str = "17") -> Case:
    """17 is read, with 11 as the other text; a server is nearly certain of `answer`."""
    evidence = Evidence(0.0)
    for frame in range(3):
        evidence.add(Observation(float(frame), 0.0, Status.OK, (("17", sure), ("11", 1 - sure))))
    doubtful = sure < 0.85
    return Case(truth, evidence, b"x" if doubtful else None, ((answer, 0.98),), 1000, 0.1)


def test_no_budget_asks_nothing() -> None:
    """Then what is doubtful is withheld."""
    row = at_budget([case(0.6), case(0.99)], 0.0)
    assert (row["asked"], row["right"], row["withheld"], row["bytes a reading"]) == (0, 1, 1, 0)


def test_answers_count_for_better_and_for_worse() -> None:
    """What it confirms is said, right or false; what it contradicts, or does not know, stays withheld."""
    row = at_budget([case(0.7), case(0.7, truth="11"), case(0.7, "11"), case(0.7, "99")], 1.0)
    assert (row["asked"], row["right"], row["false"], row["withheld"]) == (4, 1, 1, 2)
    assert row["bytes a reading"] == 1000


@pytest.mark.parametrize("budget", [0.01, 0.05, 0.2])
def test_a_budget_is_never_exceeded_at_any_moment(budget: float) -> None:
    """Of the first so many readings, too, no more were asked about than their share."""
    cases = [case(0.6) for _ in range(60)]
    for count in (1, 20, 60):
        assert at_budget(cases[:count], budget)["asked"] == int(budget * count + 1e-9)


def test_crops_become_ink_on_paper(tmp_path: Path) -> None:
    """Whichever way they were stored; signs are left out."""
    ink = np.zeros((28, 28), np.uint8)
    ink[4:24, 13:16] = 255
    np.savez(tmp_path / "light.npz", x=[ink], y=[1])
    np.savez(tmp_path / "signs.npz", x=[ink], y=["plus"])
    (look,) = crops(tmp_path, 4)
    assert look.truth == "1"
    for picture in (look.pixels, on_paper(np.asarray(255 - ink, np.uint8))):
        assert np.median(picture) > 150
        assert picture.min() < 80


@pytest.mark.slow
def test_the_whole_curve_of_a_few_drawn_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """From drawing them over a broker and a server to the figures; more budget never asks less."""
    assert opinion_curve.main(["--count", "40", "--seed", "2", "--all", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["simulated"]["budgets"]
    assert [row["readings"] for row in rows] == [40] * 5
    asked = [row["asked"] for row in rows]
    assert asked == sorted(asked)
    assert all(row["right"] + row["false"] + row["withheld"] == 40 for row in rows)
    assert all((row["delay ms, median"] is not None) == bool(row["asked"]) for row in rows)


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    """A picture with something in it."""
    pytest.importorskip("matplotlib")
    rows = [at_budget([case(0.6), case(0.99)] * 20, budget) for budget in (0.0, 0.2)]
    opinion_curve.draw({"simulated": {"budgets": rows}}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000

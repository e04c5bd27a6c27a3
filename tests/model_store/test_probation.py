"""A new model beside the old one: it stays if it is no worse; if it is worse it is given up, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Glyph
from edge_daemon.model_store.probation import FRAMES, INSPECTED, Probation

GLYPHS = [Glyph((0, 0, 9, 9), np.zeros((9, 9), np.uint8))] * 4
Scores = NDArray[np.float32]


class Scripted:
    """Says the same of every glyph, and takes so long on the test's clock."""

    backend = "cpu"

    def __init__(self, name: str, digit: int = 3, sure: float = 0.97, seconds: float = 0.001) -> None:
        self.name, self.digit, self.sure, self.seconds = name, digit, sure, seconds
        self.clock = [0.0]

    def classify(self, glyphs: Sequence[Glyph]) -> Scores:
        self.clock[0] += self.seconds * len(glyphs)
        row = np.full(11, (1 - self.sure) / 10, np.float32)
        row[self.digit] = self.sure
        return np.tile(row, (len(glyphs), 1))


def outcome(new: Scripted) -> tuple[list[str], Probation]:
    verdicts: list[str] = []
    old = Scripted("old")
    old.clock = new.clock
    probation = Probation(new, old, verdicts.append, now=lambda: new.clock[0])
    for _ in range(FRAMES + 10):
        probation.classify(GLYPHS)
    return verdicts, probation


def test_a_model_that_is_no_worse_is_kept() -> None:
    """One verdict, without a reason; it goes on speaking."""
    verdicts, probation = outcome(Scripted("new"))
    assert verdicts == [""]
    assert probation.name == "new"


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (Scripted("new", sure=0.8), "confidence was 0.80"),
        (Scripted("new", digit=NOT_A_DIGIT), "refused 100%"),
        (Scripted("new", digit=7), "contradicted 100%"),
        (Scripted("new", seconds=0.02), "took 20.0 ms"),
    ],
)
def test_a_worse_one_is_left_at_the_first_inspection(new: Scripted, why: str) -> None:
    """Unsure, refusing, contradicting, slow: the old one speaks again."""
    verdicts, probation = outcome(new)
    assert len(verdicts) == 1
    assert why in verdicts[0]
    assert probation.name == "old"
    assert probation.classify(GLYPHS)[0].argmax() == 3


@pytest.mark.parametrize(("denied", "kept"), [(0.1, False), (0.2, True)])
def test_one_that_learnt_corrections_may_contradict_more(denied: float, kept: bool) -> None:
    """By the share of crops that the old one misread, and no more: here it contradicts 20 % of its answers."""
    verdicts: list[str] = []
    new, old, other = Scripted("new"), Scripted("old"), Scripted("other", digit=7)
    probation = Probation(new, old, verdicts.append, contradicts=denied)
    for frame in range(FRAMES):
        probation._old = other if frame % 25 < 5 else old
        probation.classify(GLYPHS)
    assert (verdicts == [""]) is kept


def raising(_: Sequence[Glyph]) -> Scores:
    raise RuntimeError("node 3 failed")


def nonsense(glyphs: Sequence[Glyph]) -> Scores:
    return np.full((len(glyphs), 11), np.nan, np.float32)


@pytest.mark.parametrize(("does", "why"), [(raising, "node 3 failed"), (nonsense, "not numbers")])
def test_one_that_fails_is_left_at_once(does: Callable[[Sequence[Glyph]], Scores], why: str) -> None:
    """The frame in which it fails is read by the old one."""
    verdicts: list[str] = []
    new = Scripted("new")
    new.classify = does  # type: ignore[method-assign, assignment]
    probation = Probation(new, Scripted("old"), verdicts.append)
    assert probation.classify(GLYPHS)[0].argmax() == 3
    assert why in verdicts[0]


def test_frames_without_ink_do_not_count() -> None:
    """An empty page says nothing of a model."""
    verdicts: list[str] = []
    probation = Probation(Scripted("new"), Scripted("old"), verdicts.append)
    for _ in range(FRAMES + INSPECTED):
        probation.classify([])
    assert verdicts == []

"""Frames add evidence only if they show something new."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.decision.evidence import Decision, Evidence, Observation, ViewCounter
from edge_daemon.domain import Status


def evidence(sure: float, views: int, frames: int = 12) -> Evidence:
    gathered = Evidence(2.0)
    for i in range(frames):
        gathered.add(Observation(i / 5, 0.0, Status.OK, (("17", sure),), (), i * views // frames))
    return gathered


def test_a_view_counts_once() -> None:
    """A hundred frames of one view weigh no more than three; three views weigh three times as much, ten no more."""
    once = evidence(0.7, 1).lead("17")
    assert evidence(0.7, 1, 100).lead("17") == pytest.approx(once)
    assert evidence(0.7, 3).lead("17") == pytest.approx(3 * once)
    assert evidence(0.7, 10).lead("17") == pytest.approx(3 * once)


def test_none_of_the_candidates_is_a_possibility_too() -> None:
    """A single candidate with 0.4 does not lead."""
    assert evidence(0.4, 3).lead("17") < 0


def test_a_new_digit_makes_a_new_view_and_noise_does_not() -> None:
    """Sensor noise and the flicker of a lamp do not change the view; one more stroke does."""
    rng = np.random.default_rng(0)
    paper = np.full((90, 280), 180.0)
    views = ViewCounter()
    for light in np.linspace(0.9, 1.1, 20):
        assert views.number(np.clip(paper * light + rng.normal(0, 4, paper.shape), 0, 255).astype(np.uint8)) == 1
    paper[20:70, 100:105] = 60
    assert views.number(paper.astype(np.uint8)) == 2


def test_a_tracked_number_keeps_its_view_while_its_box_jitters() -> None:
    """The place of the last view is compared, not the present box."""
    frame = np.full((200, 200), 180, np.uint8)
    frame[50:90, 60:66] = 40
    views = ViewCounter()
    assert len({views.number_in(frame, (50 + i % 3, 45, 60, 50)) for i in range(9)}) == 1
    other = frame.copy()
    other[50:90, 80:86] = 40
    before = views.number_in(frame, (50, 45, 60, 50))
    assert views.number_in(other, (50, 45, 60, 50)) != before


def test_a_misread_in_one_view_changes_nothing() -> None:
    """A text that one view has had for long is not replaced after a second of another one; a new view replaces it."""
    gathered = evidence(0.9, 1, 30)
    for i in range(30, 42):
        gathered.add(Observation(i / 5, 0.0, Status.OK, (("11", 0.9),), (), 0))
    assert gathered.decision("17") is None
    for i in range(42, 54):
        gathered.add(Observation(i / 5, 0.0, Status.OK, (("11", 0.9),), (), 1))
    assert (decision := gathered.decision("17")) is not None
    assert decision.text == "11"


def test_frames_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a new observation the decision is not computed again; with one it is."""
    counts: list[str | None] = []
    count = Evidence._decide

    def counted(evidence: Evidence, accepted: str | None) -> Decision | None:
        counts.append(accepted)
        return count(evidence, accepted)

    monkeypatch.setattr(Evidence, "_decide", counted)
    gathered = Evidence(1.0)
    for i in range(7):
        gathered.add(Observation(i / 5, 1e9, Status.OK, (("17", 0.95),), view=i))
    decided = gathered.decision(None)
    assert decided is not None
    assert decided.text == "17"
    assert gathered.decision(None) == decided
    assert counts == [None]
    gathered.decision("17")
    gathered.add(Observation(1.4, 1e9, Status.OK, (("17", 0.95),), view=7))
    gathered.decision(None)
    assert counts == [None, "17", None]

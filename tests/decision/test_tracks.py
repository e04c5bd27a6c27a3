"""Numbers of the whole frame: the part of a number that a hand leaves in view is not another number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Frame, Grey, Number, Patch, Reading, Status
from tests.support.pictures.paper import page

FPS = 5.0
WHOLE = Number((120, 90, 180, 60), (("1014", 0.95),), ())
REST = Number((120, 90, 40, 60), (("1", 0.95),), ())


def published(shown: list[tuple[float, Grey, Number]]) -> list[str | None]:
    """The texts that are published, in order, for pictures that are shown for some seconds each."""
    voter, seq, rng, texts = Voter((), "digits@1", "cpu"), 0, np.random.default_rng(0), []
    for seconds, picture, number in shown:
        for _ in range(round(seconds * FPS)):
            pixels = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
            frame = Frame(seq, 1e9 + seq / FPS, seq / FPS, pixels)
            voter.observe(Patch(None, frame, pixels, np.eye(3)), [number])
            records = voter.due(frame.mono)
            texts += [r.text for r in records if isinstance(r, Reading) and r.status is Status.OK]
            seq += 1
    return texts


@pytest.mark.parametrize("skin", [90, 250])
def test_the_part_of_a_number_beside_a_hand_is_not_published(skin: int) -> None:
    """Something covers all of 1014 but the 1 for a minute: 1 is not published, and 1014 again when it has gone."""
    written = page([("1014", 120, 90)], height=60, paper=170)
    covered = written.copy()
    covered[60:, 165:] = skin
    assert published([(3, written, WHOLE), (60, covered, REST), (5, written, WHOLE)]) == ["1014", "1014"]


def test_the_rest_of_a_wiped_number_is_published() -> None:
    """014 of 1014 is wiped in the same light: it is 1 now."""
    written, wiped = page([("1014", 120, 90)], height=60, paper=170), page([("1", 120, 90)], height=60, paper=170)
    assert published([(3, written, WHOLE), (5, wiped, REST)]) == ["1014", "1"]


def test_the_number_left_by_a_hand_is_published() -> None:
    """1014 was read while a hand lay beside it; the hand wipes all but the 1, and goes."""
    beside, wiped = page([("1014", 120, 90)], height=60, paper=170), page([("1", 120, 90)], height=60, paper=170)
    beside[60:, 310:] = 90
    assert published([(3, beside, WHOLE), (5, wiped, REST)]) == ["1014", "1"]


def test_a_number_that_the_picture_cuts_is_not_published() -> None:
    """It goes on beyond the border of the picture: nothing is said, however long it is shown."""
    written = page([("1014", 120, 90)], height=60, paper=170)
    assert published([(10, written, replace(WHOLE, cut_off=True))]) == []

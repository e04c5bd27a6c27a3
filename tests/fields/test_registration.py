"""A shift is measured where it can be made out, and nothing is made up where it cannot."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Grey
from edge_daemon.fields.registration import NEW_HOME_AFTER, ShiftTracker, estimate_shift
from edge_daemon.images import half_size
from edge_daemon.sources.simulated.disturbances import Conditions
from edge_daemon.sources.simulated.handwriting import Writer, draw
from tests.support.pictures.stage import Stage

NOISE = 2.0
SIDES = ((70, 90), (22, 22))


def page(*nudges: tuple[float, float], text: str = "2021", seed: int = 3) -> list[Grey]:
    """Pictures, at half size, by a camera that was pushed so many pixels."""
    stage = Stage(seed)
    stage.write(text)
    return [half_size(stage.scene.shot(0, Conditions(nudge=nudge))) for nudge in nudges]


def page_of_squares() -> Grey:
    picture = np.full((120, 160), 190, np.uint8)
    picture[::16], picture[:, ::16] = 150, 150
    return picture


@pytest.mark.parametrize("nudge", [(0.0, 0.0), (3.0, -2.0), (-10.0, 6.0), (60.0, 30.0)])
def test_a_shift_is_measured(nudge: tuple[float, float]) -> None:
    """To a third of a pixel for small shifts, also with the sensor's noise in both pictures."""
    before, now = page((0.0, 0.0), nudge)
    found = estimate_shift(now, before, NOISE)
    assert found is not None
    assert 2 * np.array(found) == pytest.approx(nudge, abs=0.35 + 0.02 * max(map(abs, nudge)))


def test_an_empty_page_has_no_shift() -> None:
    """Noise has no shift."""
    rng = np.random.default_rng(0)
    a, b = (np.clip(rng.normal(180, 2, (120, 160)), 0, 255).astype(np.uint8) for _ in range(2))
    assert estimate_shift(a, b, 2.8) is None


def test_other_writing_has_no_shift() -> None:
    """A number that was rewritten has not moved."""
    (before,), (now,) = page((0.0, 0.0), text="40"), page((0.0, 0.0), text="9317")
    found = estimate_shift(now, before, NOISE)
    assert found is None or max(map(abs, found)) < 1


def test_a_moving_hand_is_no_shift_of_the_camera() -> None:
    """Something that moves in a still picture is no shift of the picture."""
    stage = Stage()
    stage.write("2021", at=(60, 170))
    before = half_size(stage.scene.shot(0, Conditions(hand=(330.0, 300.0))))
    now = half_size(stage.scene.shot(0, Conditions(hand=(390.0, 330.0))))
    found = estimate_shift(now, before, NOISE)
    assert found is None or max(map(abs, found)) < 1


def test_something_large_that_moves_is_no_shift() -> None:
    """Most of a picture moves, a little does not: then it has not moved as a whole."""
    rng = np.random.default_rng(0)
    large, little = (cv2.GaussianBlur(rng.normal(128, 80, side), (0, 0), 1).astype(np.uint8) for side in SIDES)
    pictures = []
    for x in (50, 60):
        picture = np.full((120, 160), 128, np.uint8)
        picture[25:95, x : x + 90] = large
        picture[50:72, 10:32] = little
        pictures.append(picture)
    assert estimate_shift(pictures[1], pictures[0], NOISE) is None
    assert estimate_shift(pictures[1], pictures[0], NOISE, as_a_whole=False) == pytest.approx((10, 0), abs=0.3)


def test_squared_paper_has_not_moved_by_one_square() -> None:
    """Where all writing is new and only the squares are the same, no shift by one square is measured."""
    pictures = []
    for seed in (1, 2):
        picture = page_of_squares()
        at = np.array([40 + 15 * seed, 40], np.float32)
        draw(picture, [stroke + at for stroke in Writer(seed).number("48", 36).strokes], 3, 60)
        pictures.append(picture)
    found = estimate_shift(pictures[1], pictures[0], NOISE)
    assert found is None or max(map(abs, found)) < 1


def test_a_tracker_works_when_everything_is_rewritten() -> None:
    """When the home picture no longer fits, shifts continue from the last picture, and later from a new home."""
    tracker = ShiftTracker()
    (first,), (second, pushed) = page((0.0, 0.0), text="40"), page((0.0, 0.0), (20.0, 10.0), text="9317")
    for mono, now in ((0.0, first), (1.0, second), (2.0, second), (2.0 + 2 * NEW_HOME_AFTER, second)):
        tracker.measure(now, NOISE)
        tracker.accept(now, mono)
    assert tracker.measure(pushed, NOISE) == pytest.approx((10.0, 5.0), abs=0.5)
    assert tracker.measure(second, NOISE) == pytest.approx((0.0, 0.0), abs=0.5)

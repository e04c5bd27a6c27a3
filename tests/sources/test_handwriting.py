"""The project's own handwriting: like a person's, the same for the same seed, and legible."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.sources.simulated.handwriting import SHAPES, Stroke, Writer, coverage, draw


def _ink(strokes: list[Stroke], thickness: float = 4.0) -> Grey:
    """Strokes of unit height on a canvas of their own, 60 pixels high."""
    return coverage((90, 120), [stroke * 60 + np.array([25, 15], np.float32) for stroke in strokes], thickness)


def _holes(ink: Grey) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats((ink < 128).astype(np.uint8), connectivity=4)
    return int((stats[1:, cv2.CC_STAT_AREA] >= 4).sum()) - 1  # not the paper around it, not specks


def test_same_seed_same_hand() -> None:
    """A seed is a person: the same strokes on every machine and run, others for another seed."""
    first, again, other = (np.vstack(Writer(seed).number("2021").strokes) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.allclose(first, other)


def test_writing_twice_differs() -> None:
    """Nobody writes the same digit twice in exactly the same way."""
    writer = Writer(1)
    assert not np.allclose(_ink(writer.digit("3")), _ink(writer.digit("3")))


@pytest.mark.parametrize("char", DIGITS)
def test_digit_stands_in_its_box(char: str) -> None:
    """A digit is about one high, stands on y = 1, starts at x = 0 and is no wider than a digit can be."""
    for seed in range(50):
        points = np.vstack(Writer(seed).digit(char))
        assert 0.75 < np.ptp(points[:, 1]) < 1.3
        assert points[:, 1].max() == pytest.approx(1, abs=1e-4)
        assert 0 <= np.ptp(points[:, 0]) < 1.4


@pytest.mark.parametrize(("char", "holes"), [("0", 1), ("1", 0), ("3", 0), ("5", 0), ("7", 0), ("8", 2)])
def test_shape_is_that_of_the_digit(char: str, holes: int) -> None:
    """What must be closed is closed and what must be open is open, for nearly every writer."""
    right = sum(_holes(_ink(Writer(seed).digit(char))) == holes for seed in range(100))
    assert right >= 95


def test_neighbours_do_not_touch() -> None:
    """The digits of a number stay apart, however close a writer sets them, so that truth is not ambiguous."""
    for seed in range(60):
        writer = Writer(seed)
        written = writer.number("2840917", height=40)
        masks = []
        strokes = iter(written.strokes)
        for box in written.boxes:
            own = [next(strokes)]
            while not np.isclose(np.vstack(own).max(0), [box[0] + box[2], box[1] + box[3]], atol=1e-3).all():
                own.append(next(strokes))
            masks.append(coverage((90, 400), own, writer.thickness * 40) > 127)
        assert np.sum(masks, axis=0).max() == 1


def test_number_boxes_hold_the_digits() -> None:
    """A number starts at (0, 0) and has one box a digit, from left to right, covering all of its strokes."""
    written = Writer(3).number("50", height=20)
    points = np.vstack(written.strokes)
    assert points.min(0) == pytest.approx([0, 0])
    assert [box[0] for box in written.boxes] == sorted(box[0] for box in written.boxes)
    assert max(x + w for x, _, w, _ in written.boxes) == pytest.approx(points[:, 0].max(), abs=1e-3)


def test_draw_blends_and_stays_in_its_lane() -> None:
    """The pen leaves its grey where it went, soft edges beside it, and nothing elsewhere."""
    canvas = np.full((40, 40), 200, np.uint8)
    draw(canvas, [np.array([[10, 20], [30, 20]], np.float32)], thickness=4.5, ink=40)
    assert canvas[20, 20] == 40
    assert ((canvas[:, 20] > 40) & (canvas[:, 20] < 200)).any()
    assert (canvas[:15] == 200).all()
    assert (canvas[26:] == 200).all()


def test_thickness_is_in_pixels() -> None:
    """A line covers as many pixels across as it is thick, whole or not."""
    for thickness in (1.5, 3.0, 6.5):
        ink = coverage((40, 40), [np.array([[5, 20], [35, 20]], np.float32)], thickness)
        assert ink[:, 20].sum() / 255 == pytest.approx(thickness, abs=0.26)


def test_every_digit_has_several_shapes() -> None:
    """People write a digit in different ways, and so do ours."""
    assert set(SHAPES) == set(DIGITS)
    assert min(len(shapes) for shapes in SHAPES.values()) >= 4


def test_only_digits_can_be_written() -> None:
    """A letter is refused, not silently left out."""
    with pytest.raises(KeyError):
        Writer(0).number("12a")

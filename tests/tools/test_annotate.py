"""What is drawn into a picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import Box, Digit, Number
from edge_daemon.tools.annotate import DIGIT, NUMBER, annotate


def number(box: Box, text: str = "2021") -> Number:
    x, y, w, h = box
    each = w // len(text)
    digits = tuple(Digit(((digit, 0.9),), (x + i * each, y, each, h)) for i, digit in enumerate(text))
    return Number(box, ((text, 0.98),), digits)


def is_colour(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((picture == np.array(colour, np.uint8)).all(axis=2))


def test_the_picture_given_is_left_alone() -> None:
    """Drawing happens on a copy."""
    picture = np.full((200, 300, 3), 90, np.uint8)
    annotate(picture, [number((50, 80, 80, 40))])
    assert (picture == 90).all()


def test_no_numbers_no_ink() -> None:
    """A picture without numbers comes back as it was."""
    picture = np.full((200, 300, 3), 90, np.uint8)
    assert (annotate(picture, []) == picture).all()


def test_boxes_stand_where_they_were_read() -> None:
    """The number's outline runs along its box, the digits' outlines inside it."""
    drawn = annotate(np.full((200, 300, 3), 90, np.uint8), [number((50, 80, 80, 40))])
    assert is_colour(drawn, NUMBER)[80, 50:130].all()
    assert is_colour(drawn, NUMBER)[119, 50:130].all()
    assert is_colour(drawn, DIGIT)[100, 50 + 20]


@pytest.mark.parametrize("side", [300, 1280, 4000])
def test_legible_at_every_size(side: int) -> None:
    """The label's letters are at least 8 pixels and 1.5 % of the picture high."""
    drawn = annotate(
        np.full((side * 3 // 4, side, 3), 90, np.uint8),
        [number((side // 3, side // 3, side // 5, side // 9))],
    )
    rows = np.flatnonzero((drawn > 200).all(axis=2).any(axis=1))
    assert rows.max() - rows.min() + 1 >= max(8, 0.015 * side)


@pytest.mark.parametrize("box", [(0, 0, 40, 20), (270, 0, 30, 20), (270, 190, 30, 10), (0, 190, 30, 10)])
def test_labels_at_the_edges_stay_inside(box: Box) -> None:
    """In every corner the whole label is in the picture, as large as in the middle."""
    blank = np.full((200, 300, 3), 90, np.uint8)

    def letters(at: Box) -> int:
        return int((annotate(blank, [number(at)]) > 180).all(axis=2).sum())

    assert letters(box) == letters((100, 100, 40, 20)) > 0

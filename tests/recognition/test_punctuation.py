"""Minus signs and decimal points, told by where they stand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Box, Grey
from edge_daemon.recognition.ink import contrast
from edge_daemon.recognition.punctuation import Marks, find_marks
from edge_daemon.sources.simulated.handwriting import Writer, draw


def written(text: str, seed: int, height: int = 44) -> tuple[Grey, list[Box]]:
    """A text on clean paper by one of many writers, and where its digits are."""
    paper = np.full((120, 400), 200, np.uint8)
    number = Writer(seed).number(text, height)
    home = np.array([60, 40], np.float32)
    draw(paper, [stroke + home for stroke in number.strokes], 0.09 * height, 60)
    boxes = [(int(60 + x) - 2, int(40 + y) - 2, int(w) + 4, int(h) + 4) for x, y, w, h in number.boxes]
    noise = np.random.default_rng(seed).normal(0, 3, paper.shape)
    return np.clip(cv2.GaussianBlur(paper, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8), boxes


def marks(picture: Grey, digits: list[Box]) -> Marks:
    return find_marks(contrast(picture), digits)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("1234", Marks()),
        ("-17", Marks(minus=True)),
        ("12.5", Marks(points=(2,))),
        ("-3,75", Marks(minus=True, points=(1,))),
        ("1.234.5", Marks(points=(1, 4))),
    ],
)
def test_marks_of_thirty_writers(text: str, seen: Marks) -> None:
    """A minus before and points between the digits of 30 hands: 29 and more are seen as they are."""
    right = sum(marks(*written(text, seed)) == seen for seed in range(30))
    assert right >= 29


def test_dirt_and_rules_are_no_marks() -> None:
    """A faint speck at the foot, a ruled line before the number, a dash far away."""
    picture, boxes = written("482", 3)
    foot = boxes[0][1] + boxes[0][3]
    gap = boxes[0][0] + boxes[0][2] + 1
    cv2.circle(picture, (gap, foot - 3), 2, (180,), -1)
    cv2.line(picture, (0, 60), (50, 60), (60,), 3)
    assert marks(picture, boxes) == Marks()

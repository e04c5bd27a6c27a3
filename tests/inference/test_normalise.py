"""The normaliser: what it takes out of a glyph, and what it survives."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.inference.normalise import SIDE, VIEWS, normalise
from edge_daemon.sources.simulated.handwriting import Writer, coverage

PENS = (0.05, 0.12)


def write(char: str, height: int = 60, pen: float = 0.08, slant: float = 0.0, margin: int = 8) -> Grey:
    """One drawn digit with paper around it."""
    strokes = [s - np.zeros(2, np.float32) for s in Writer(5).digit(char)]
    points = np.vstack(strokes)
    leaned = [np.column_stack((s[:, 0] + slant * (1 - s[:, 1]), s[:, 1])) for s in strokes]
    low = np.vstack(leaned).min(axis=0)
    size = np.vstack(leaned).max(axis=0) - low
    edge = margin + pen * height
    placed = [((s - low) * height + edge).astype(np.float32) for s in leaned]
    assert len(points)
    shape = int(size[1] * height + 2 * edge) + 1, int(size[0] * height + 2 * edge) + 1
    return coverage(shape, placed, pen * height)


def likeness(one: Grey, other: Grey) -> float:
    """Correlation of two pictures, 1 when they are the same; a pixel of shift is forgiven."""
    a, b = (cv2.GaussianBlur(p.astype(np.float32), (0, 0), 1.5).ravel() for p in (one, other))
    return float(np.corrcoef(a, b)[0, 1])


def figure(ink: Grey) -> Grey:
    """The first view: what is left when size, pen and slant are taken out."""
    return normalise(ink)[..., 0]


def as_it_is(ink: Grey) -> Grey:
    """The second view."""
    return normalise(ink)[..., 1]


@pytest.mark.parametrize("char", DIGITS)
def test_size_pen_and_darkness_do_not_matter(char: str) -> None:
    """The same digit, small and thin or large, fat and faint, gives nearly the same picture."""
    small = figure(write(char, height=24, pen=0.09))
    large = figure((write(char, height=300, pen=0.12) // 3).astype(np.uint8))
    assert likeness(small, large) > 0.93


@pytest.mark.parametrize("char", ["1", "2", "7"])
def test_slant_does_not_matter(char: str) -> None:
    """A leaning digit is set upright."""
    assert likeness(figure(write(char)), figure(write(char, slant=0.35))) > 0.9


def test_margin_does_not_matter() -> None:
    """Paper around the glyph changes nothing at all."""
    ink = write("3")
    assert np.array_equal(normalise(ink), normalise(np.pad(ink, ((3, 40), (25, 0)))))


def test_strokes_get_one_width() -> None:
    """A thin and a fat pen end with about the same amount of ink."""
    thin, fat = (float(figure(write("2", height=100, pen=pen)).sum()) for pen in PENS)
    assert 0.8 < thin / fat < 1.25


def test_the_ink_as_it_is_keeps_slant_and_pen() -> None:
    """The second view keeps what the first takes out; its longer side is of standard size all the same."""
    assert likeness(as_it_is(write("1")), as_it_is(write("1", slant=0.35))) < 0.9
    thin, fat = (float(as_it_is(write("2", height=100, pen=pen)).sum()) for pen in PENS)
    assert fat > 1.5 * thin
    for height in (24, 300):
        _, _, w, h = cv2.boundingRect((as_it_is(write("3", height=height)) > 40).view(np.uint8))
        assert 18 <= max(w, h) <= 22


def test_the_mass_is_in_the_middle() -> None:
    """The centre of mass is within a pixel of the picture's centre, however lopsided the digit."""
    moments = cv2.moments(figure(write("7")))
    assert abs(moments["m10"] / moments["m00"] - (SIDE - 1) / 2) < 1.2
    assert abs(moments["m01"] / moments["m00"] - (SIDE - 1) / 2) < 1.2


def test_dirt_is_left_out_and_broken_strokes_are_kept() -> None:
    """A speck far from the digit vanishes; a digit cut through by a hairline stays whole."""
    ink = write("0", height=100, margin=40)
    dirty = ink.copy()
    dirty[2:6, 2:6] = 255
    assert likeness(figure(ink), figure(dirty)) > 0.99
    broken = ink.copy()
    broken[len(ink) // 2 : len(ink) // 2 + 3] = 0
    assert likeness(figure(ink), figure(broken)) > 0.97


@pytest.mark.parametrize(
    "ink",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((0, 0), np.uint8),
        np.zeros((3, 0), np.uint8),
        np.full((1, 1), 1, np.uint8),
        np.full((4, 4), 255, np.uint8),
        np.full((1000, 1000), 9, np.uint8),
        np.full((1000, 2), 255, np.uint8),
        np.full((2, 1000), 255, np.uint8),
        np.eye(300, dtype=np.uint8) * 255,
        np.tile(np.array([[0, 255], [255, 0]], np.uint8), (100, 100)),
        np.random.default_rng(0).integers(0, 256, (37, 91)).astype(np.uint8),
    ],
    ids=[
        "paper",
        "nothing",
        "no width",
        "one pixel",
        "tiny square",
        "all ink",
        "hair",
        "ruler",
        "slash",
        "mesh",
        "noise",
    ],
)
def test_survives(ink: Grey) -> None:
    """Whatever is cut out of a picture, two 28x28 pictures come back, and the crop is not written to."""
    before = ink.copy()
    picture = normalise(ink)
    assert picture.shape == (SIDE, SIDE, VIEWS)
    assert picture.dtype == np.uint8
    assert np.array_equal(ink, before)
    assert bool(picture.any()) == bool(ink.any())


def test_a_read_only_slice_is_fine() -> None:
    """The segmenter hands over views into its own pictures."""
    sheet = np.pad(write("4"), 20)
    sheet.setflags(write=False)
    view = sheet[10:-10, 10:-10]
    assert np.array_equal(normalise(view), normalise(view.copy()))

"""Pictures are read whichever way up they stand."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

from edge_daemon.domain import Classifier, Frame, Grey, Patch
from edge_daemon.geometry import unrotate_box
from edge_daemon.inference import classifier
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.line_recognizer import LineRecognizer
from edge_daemon.recognition.orientation import Orientation
from edge_daemon.recognition.reader import Reader
from edge_daemon.recognition.sieve import Sieve
from tests.support.pictures.paper import page

PAGE = [("2357", 40, 60), ("4946", 360, 200), ("7234", 60, 340)]


@cache
def networks() -> tuple[Sieve, Classifier, LineRecognizer]:
    return Sieve(), classifier.load(ModelOptions()), LineRecognizer()


def reader() -> Reader:
    return Reader(*networks())


def patch(pixels: Grey, mono: float = 0.0, field: str | None = None) -> Patch:
    return Patch(field, Frame(0, 0.0, mono, pixels), pixels, np.eye(3))


def texts(reader: Reader, patch: Patch) -> list[str]:
    return [number.text for number in reader.read(patch)]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_picture_on_its_side_or_head_is_read(turn: int) -> None:
    """Whatever quarter turn a page was laid down with, its numbers come out in reading order, boxes on their ink."""
    upright = page(PAGE, height=60, pen=5)
    picture = np.ascontiguousarray(np.rot90(upright, turn))
    numbers = reader().read(patch(picture))
    assert [n.text for n in numbers] == [text for text, _, _ in PAGE]
    for number in numbers:
        for x, y, w, h in (digit.box for digit in number.digits):
            assert picture[y : y + h, x : x + w].min() < 100
            picture[y : y + h, x : x + w] = 210
    assert (picture < 100).mean() < 1e-4


def test_numbers_that_read_both_ways_stay_as_they_stand() -> None:
    """2019 on its head is a fair 6102: without a 3, 4 or 7 nobody can say, and the picture is left as it is."""
    reading = reader()
    found = texts(reading, patch(np.ascontiguousarray(np.rot90(page([("2019", 60, 60)], height=60, pen=5), 2))))
    assert reading.orientation.turn == 0
    assert "2019" not in found


def test_the_way_up_is_remembered() -> None:
    """What was found out at one frame holds for the next without looking round again."""
    turned = np.ascontiguousarray(np.rot90(page(PAGE, height=60, pen=5), 1))
    reading = reader()
    assert texts(reading, patch(turned, 0.0)) == texts(reading, patch(turned, 1.0)) == [text for text, _, _ in PAGE]
    assert reading.orientation.turn == 3


def test_looking_round_is_rationed() -> None:
    """A frame that reads badly before it is time to look round again is read as it stands."""
    reading = Reader(*networks(), Orientation(next_check=100.0))
    turned = np.ascontiguousarray(np.rot90(page(PAGE, height=60, pen=5), 1))
    assert texts(reading, patch(turned, 50.0)) != [text for text, _, _ in PAGE]
    assert texts(reading, patch(turned, 100.0)) == [text for text, _, _ in PAGE]


@pytest.mark.parametrize(("like_digits", "looks"), [(2, False), (20, True)])
def test_a_picture_of_other_things_is_not_looked_at_from_all_sides(
    monkeypatch: pytest.MonkeyPatch, like_digits: int, looks: bool
) -> None:
    """Two of a hundred blots that may be digits are a texture's, not writing that lies on its side; twenty may be."""
    blots = np.full((480, 640), 210, np.uint8)
    for x, y in itertools.product(range(10), range(10)):
        blots[20 + 45 * y :, 30 + 60 * x :][:20, :20] = 40
    reading = reader()
    monkeypatch.setattr(Sieve, "filter", lambda *given: np.array([0.2] * like_digits + [0.0] * 100)[: len(given[2])])
    reading.read(patch(blots))
    assert (reading.orientation.next_check > 0) == looks


def test_a_configured_field_stays_as_its_owner_turned_it() -> None:
    """Fields say their rotation themselves: nothing else is tried."""
    turned = np.ascontiguousarray(np.rot90(page(PAGE, height=60, pen=5), 2))
    assert texts(reader(), patch(turned, field="tank")) != [text for text, _, _ in PAGE]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_box_turned_and_turned_back_is_itself(turn: int) -> None:
    """A marked rectangle, found in the turned picture, is where it was."""
    picture = np.zeros((50, 80), np.uint8)
    picture[10:25, 30:37] = 1
    ys, xs = np.nonzero(np.rot90(picture, turn))
    found = int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1
    assert unrotate_box(found, picture.shape, turn) == (30, 10, 7, 15)


def test_touching_digits_in_a_field_are_read_as_a_line() -> None:
    """Zeros that run into each other in a loose box round a number are read, each with a box of its own."""
    canvas = np.full((64, 200), 210, np.uint8)
    for left, digit in ((14, "7"), (40, "0"), (58, "0"), (76, "0")):
        one = page([(digit, left, 14)], height=36, size=(200, 64), pen=3)
        canvas = np.minimum(canvas, one)
    (number,) = reader().read(patch(canvas, field="amount"))
    assert number.text == "7000"
    assert len(number.digits) == 4
    assert all(a.box[0] < b.box[0] for a, b in itertools.pairwise(number.digits))

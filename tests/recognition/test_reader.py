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
from edge_daemon.recognition.lines.line_recognizer import LineRecognizer
from edge_daemon.recognition.orientation import Orientation
from edge_daemon.recognition.reader import Reader, open_reader
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
def test_a_picture_is_read_in_each_orientation(turn: int) -> None:
    """After any quarter turn its numbers come in reading order, with their boxes on the ink."""
    upright = page(PAGE, height=60, pen=5)
    picture = np.ascontiguousarray(np.rot90(upright, turn))
    numbers = reader().read(patch(picture))
    assert [n.text for n in numbers] == [text for text, _, _ in PAGE]
    for number in numbers:
        for x, y, w, h in (digit.box for digit in number.digits):
            assert picture[y : y + h, x : x + w].min() < 100
            picture[y : y + h, x : x + w] = 210
    assert (picture < 100).mean() < 1e-4


def test_numbers_that_read_both_ways_are_not_turned() -> None:
    """2019 upside down may be 6102: without a 3, 4 or 7 it cannot be decided, and the picture is not turned."""
    reading = reader()
    found = texts(reading, patch(np.ascontiguousarray(np.rot90(page([("2019", 60, 60)], height=60, pen=5), 2))))
    assert reading.orientation.turn == 0
    assert "2019" not in found


def test_the_orientation_is_remembered() -> None:
    """The orientation of one frame is used for the next without another check."""
    turned = np.ascontiguousarray(np.rot90(page(PAGE, height=60, pen=5), 1))
    reading = reader()
    assert texts(reading, patch(turned, 0.0)) == texts(reading, patch(turned, 1.0)) == [text for text, _, _ in PAGE]
    assert reading.orientation.turn == 3


def test_orientation_checks_are_limited() -> None:
    """A frame that reads badly before the next check is due is read in the present orientation."""
    reading = Reader(*networks(), Orientation(next_check=100.0))
    turned = np.ascontiguousarray(np.rot90(page(PAGE, height=60, pen=5), 1))
    assert texts(reading, patch(turned, 50.0)) != [text for text, _, _ in PAGE]
    assert texts(reading, patch(turned, 100.0)) == [text for text, _, _ in PAGE]


@pytest.mark.parametrize(("like_digits", "looks"), [(2, False), (20, True)])
def test_a_picture_of_other_things_is_not_checked(
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


def test_a_configured_field_is_not_turned() -> None:
    """Fields have their own rotation: nothing else is tried."""
    turned = np.ascontiguousarray(np.rot90(page(PAGE, height=60, pen=5), 2))
    assert texts(reader(), patch(turned, field="tank")) != [text for text, _, _ in PAGE]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_box_is_turned_back_exactly(turn: int) -> None:
    """A marked rectangle, found in the turned picture, is where it was."""
    picture = np.zeros((50, 80), np.uint8)
    picture[10:25, 30:37] = 1
    ys, xs = np.nonzero(np.rot90(picture, turn))
    found = int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1
    assert unrotate_box(found, picture.shape, turn) == (30, 10, 7, 15)


def test_touching_digits_in_a_field_are_read_as_a_line() -> None:
    """Zeros that touch, in a loose box around a number, are read, each with its own box."""
    canvas = np.full((64, 200), 210, np.uint8)
    for left, digit in ((14, "7"), (40, "0"), (58, "0"), (76, "0")):
        one = page([(digit, left, 14)], height=36, size=(200, 64), pen=3)
        canvas = np.minimum(canvas, one)
    (number,) = reader().read(patch(canvas, field="amount"))
    assert number.text == "7000"
    assert len(number.digits) == 4
    assert all(a.box[0] < b.box[0] for a, b in itertools.pairwise(number.digits))


def test_a_small_number_in_a_field_as_large_as_the_frame_is_read() -> None:
    """Too small for its line to be found at working height: the field is read as a frame without fields would be."""
    pixels = np.full((480, 640), 215, np.uint8)
    pixels[200:280, 100:420] = page([("6524", 30, 25)], height=30, pen=3)[:80, :320]
    (number,) = open_reader(ModelOptions()).read(patch(pixels, field="units"))
    assert number.text == "6524"


@pytest.mark.parametrize("shown", [0.0, 0.1, 0.3, 0.5, 0.7])
def test_a_number_at_the_border_of_the_picture_may_go_on_beyond_it(shown: float) -> None:
    """In a whole frame: 4946, of whose last digit the picture shows a part, is marked; numbers inside it are not."""
    picture = page(PAGE, height=60, pen=5)
    reading = reader()
    whole = {number.text: number for number in reading.read(patch(picture))}
    x, _, w, _ = whole["4946"].digits[-1].box
    cut = reading.read(patch(np.ascontiguousarray(picture[:, : round(x + shown * w)])))
    assert not any(number.cut_off for number in whole.values())
    assert [number.cut_off for number in cut if number.text in whole and number.text != "4946"] == [False, False]
    assert all(number.cut_off or number.confidence < 0.85 for number in cut if number.box[0] > 300)

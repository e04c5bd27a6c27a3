"""Numbers of a frame are read again with what stands beside them."""

from __future__ import annotations

from functools import cache

import cv2

from edge_daemon.domain import Box, Digit, Grey, Number
from edge_daemon.recognition.lines.field_recognizer import FieldRecognizer
from edge_daemon.recognition.lines.line_recognizer import LineRecognizer
from edge_daemon.recognition.rereading import is_apart, read_again, runs
from tests.support.pictures.paper import page


@cache
def fields() -> FieldRecognizer:
    return FieldRecognizer(LineRecognizer())


def found(text: str, box: Box, confidence: float = 0.9) -> Number:
    """A number as the glyphs give it."""
    return Number(box, ((text, confidence),), tuple(Digit(((char, 0.9),), box) for char in text))


def ink(part: Grey, left: int = 0, top: int = 0) -> Box:
    """The box of the ink in a part of a picture whose corner is at (left, top)."""
    x, y, w, h = cv2.boundingRect((part < 150).astype("uint8"))
    return x + left, y + top, w, h


def test_a_digit_that_the_glyphs_missed_is_read() -> None:
    """The glyphs found 235 of 2357: the whole number is read, its boxes in pixels of the picture."""
    picture = page([("2357", 200, 160)], height=60, pen=5)
    whole = ink(picture)
    (number,) = read_again(picture, [found("235", (whole[0], whole[1], round(0.7 * whole[2]), whole[3]))], fields())
    assert number.text == "2357"
    x, y, w, h = number.box
    assert max(abs(x - whole[0]), abs(y - whole[1]), abs(w - whole[2]), abs(h - whole[3])) < 40


def test_parts_of_one_number_become_one() -> None:
    """The glyphs found 23 and 57 of 2357: it is one number."""
    picture = page([("2357", 200, 160)], height=60, pen=5)
    x, y, w, h = ink(picture)
    parts = [found("23", (x, y, w // 2, h)), found("57", (x + w // 2, y, w // 2, h))]
    assert [number.text for number in read_again(picture, parts, fields())] == ["2357"]


def test_a_letter_of_a_word_is_no_number() -> None:
    """Beside other letters an S that the glyphs took for a 5 is other writing."""
    picture = page([], height=60, pen=5)
    cv2.putText(picture, "THIS MANY", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (60,), 5, cv2.LINE_AA)
    x, y, w, h = ink(picture)
    letter = found("5", (x + round(0.34 * w), y, round(0.11 * w), h), 0.7)
    assert all(number.confidence < 0.5 for number in read_again(picture, [letter], fields()))


def test_numbers_far_apart_stay_several() -> None:
    """Each is read by itself, and none is lost."""
    texts = ["2357", "4946"]
    picture = page([("2357", 40, 60), ("4946", 360, 200)], height=60, pen=5)
    numbers = [found(texts[0], ink(picture[:180])), found(texts[1], ink(picture[180:], top=180))]
    assert [number.text for number in read_again(picture, numbers, fields())] == texts


def test_a_slash_between_two_numbers_is_no_1() -> None:
    """The field network reads 23/57 as 23157; the glyphs found no digit between 23 and 57."""
    picture = page([("23", 200, 160), ("57", 350, 160)], height=60, pen=5)
    cv2.line(picture, (305, 225), (325, 155), (50,), 5, cv2.LINE_AA)
    numbers = [found("23", ink(picture[:, :300])), found("57", ink(picture[:, 330:], left=330))]
    assert [number.text for number in read_again(picture, numbers, fields())] == ["23", "57"]


def test_digits_far_apart_beside_others_close_together_are_two_numbers() -> None:
    """2745 is one number, 27 45 are two; of two digits alone nobody can say."""
    close = ((0, 9), (12, 21), (24, 33), (36, 45))
    apart = ((0, 9), (12, 21), (44, 53), (56, 65))
    assert [run.text for run in runs("2745", close, 14.0)] == ["2745"]
    assert [run.text for run in runs("2745", apart, 14.0)] == ["27", "45"]
    assert [run.text for run in runs("27", apart[1:3], 14.0)] == ["27"]


def test_what_a_sign_or_a_letter_separates_is_two_numbers() -> None:
    """So is what a border cuts beside them, and such a number may be incomplete."""
    spans = ((0, 9), (10, 13), (14, 23), (24, 25))
    assert [(run.text, run.is_cut) for run in runs("3o5#", spans, 14.0)] == [("3", False), ("5", True)]


def test_clear_digits_far_apart_are_not_joined() -> None:
    """The field network would read 49; APART they stay two, close together they are one."""
    far = [found("4", (100, 0, 40, 60)), found("9", (220, 0, 40, 60))]
    near = [far[0], found("9", (160, 0, 40, 60))]
    assert is_apart(far[0], far)
    assert not is_apart(near[0], near)
    assert not is_apart(far[0], far[:1])

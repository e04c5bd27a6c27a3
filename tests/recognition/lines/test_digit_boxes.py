"""Boxes hug the ink of the digits, at any height of the field; signs are found there, too."""

from __future__ import annotations

import pytest

from edge_daemon.decision.formats import Format
from edge_daemon.decision.observations import observation_of
from edge_daemon.domain import Status
from edge_daemon.fields.extract import patch_of_sample
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader
from tests.support.pictures.spaced import SPACE, write


@pytest.fixture(scope="module")
def reader() -> Reader:
    return open_reader(ModelOptions())


@pytest.mark.parametrize("tall", [30, 60, 90])
def test_boxes_hug_the_digits(reader: Reader, tall: int) -> None:
    """Left and right edges within a sixth of a digit's height of where the digit was drawn."""
    page = write("2036", [0.4] * 4, tall, 3)
    margin = round(0.5 * tall)
    left, top = int(page.edges[0][0]) - margin, SPACE - margin
    pixels = page.picture[top : SPACE + tall + margin, left : int(page.edges[-1][1]) + margin]
    [number] = reader.read(patch_of_sample(pixels))
    assert number.text == "2036"
    for digit, (first, last) in zip(number.digits, page.edges, strict=True):
        x, y, w, h = digit.box
        assert abs(x + left - first) <= tall / 6
        assert abs(x + left + w - last) <= tall / 6
        assert abs(y + top - SPACE) <= tall / 3
        assert abs(y + top + h - SPACE - tall) <= tall / 6


@pytest.mark.parametrize("height", [120, 180, 225])
def test_a_minus_is_never_dropped(reader: Reader, height: int) -> None:
    """Digits of 80 px in fields up to 2.8 times as high, with the format `-##`: -42, or nothing."""
    right = 0
    for seed in range(6):
        page = write("-42", [0.4] * 3, 80, seed)
        top = SPACE + 40 - height // 2
        patch = patch_of_sample(page.picture[max(0, top) : top + height, SPACE - 60 :])
        found = observation_of(reader.read(patch), Format("-##"), patch)
        assert found.status is not Status.OK or found.text == "-42"
        right += found.status is Status.OK
    assert right >= 4

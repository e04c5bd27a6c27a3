"""A number that goes on beyond the border of its field is noticed; what stands clearly apart does not matter."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.domain import Frame, Number
from edge_daemon.fields.extract import FieldExtractor, FieldRegion
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader
from tests.support.pictures.spaced import Page, write

PUBLISHED = 0.85
"""Confidence that a single look needs to be published, see decision.evidence."""


@pytest.fixture(scope="module")
def reader() -> Reader:
    return open_reader(ModelOptions())


def read(reader: Reader, page: Page, region: tuple[float, float, float, float]) -> Number | None:
    frame = Frame(0, 0.0, 0.0, page.picture)
    [patch] = FieldExtractor([FieldRegion("f", region)]).cut(frame, [])
    return next(iter(reader.read(patch)), None)


@pytest.mark.parametrize("through", [False, True], ids=["between digits", "through a digit"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_number_that_goes_on_is_not_published_shortened(reader: Reader, side: str, through: bool) -> None:
    """Of thirty numbers with gaps of 0.1 to 0.9 digit heights, cut by the border, at most one is not noticed."""
    rng, missed, noticed = np.random.default_rng(4), [], 0
    for seed in range(30):
        text = "".join(rng.choice(list("0123456789"), rng.integers(2, 7)))
        page = write(text, [rng.uniform(0.1, 0.9)] * len(text), int(rng.integers(28, 70)), seed)
        i = int(rng.integers(1, len(text)))
        cut = page.edges[i] if side == "right" else page.edges[i - 1]
        border = rng.uniform(*cut) if through else rng.uniform(page.edges[i - 1][1], page.edges[i][0])
        first, last = page.edges[0][0] - 0.5 * page.tall, page.edges[-1][1] + 0.5 * page.tall
        number = read(reader, page, page.field(first, border) if side == "right" else page.field(border, last))
        noticed += number is not None and number.cut_off
        if number and not number.cut_off and number.confidence >= PUBLISHED and number.text != text:
            missed.append((text, number.text))
    assert len(missed) <= 1, missed
    assert noticed >= 20


def test_a_number_that_stands_apart_does_not_matter(reader: Reader) -> None:
    """Another column, 1.3 digit heights away: what is in the field is read, at both sides of the gap."""
    for seed in range(6):
        page = write("207364", [0.3, 0.3, 0.3, 1.3, 0.3, 0.3], 40, seed)
        between = (page.edges[2][1] + page.edges[3][0]) / 2
        left = read(reader, page, page.field(page.edges[0][0] - 30, between))
        right = read(reader, page, page.field(between, page.edges[-1][1] + 30))
        assert left is not None
        assert right is not None
        assert (left.text, left.cut_off) == ("207", False)
        assert (right.text, right.cut_off) == ("364", False)


def test_a_digit_that_the_border_cuts_is_read_whole(reader: Reader) -> None:
    """A tight field without a sixth of the last digit: the frame shows the rest of it."""
    page = write("2036", [0.3] * 4, 48, 3)
    last = page.edges[-1]
    number = read(reader, page, page.field(page.edges[0][0] - 20, last[1] - (last[1] - last[0]) / 6))
    assert number is not None
    assert (number.text, number.cut_off) == ("2036", False)

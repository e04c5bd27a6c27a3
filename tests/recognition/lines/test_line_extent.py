"""The extent of a line: it is found and cut in the same way whatever the margin of the field."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Grey
from edge_daemon.recognition.lines import line_extent
from edge_daemon.sources.simulated.handwriting import Writer, coverage


def page(text: str, tall: int = 40, above: int = 80, beside: int = 80, seed: int = 3) -> Grey:
    """A number `tall` px high on plain paper, its corner at (beside, above)."""
    number = Writer(seed).number(text, tall)
    wide = int(max(b[0] + b[2] for b in number.boxes))
    cover = coverage(
        (tall + 2 * above, wide + 2 * beside), [s + np.array([beside, above], np.float32) for s in number.strokes], 4.0
    )
    return np.asarray(220 - 0.7 * cover, np.uint8)


def field(picture: Grey, margin: float, tall: int = 40, room: int = 80) -> Grey:
    """The number of a page with `margin` heights of paper around it."""
    keep = round(margin * tall)
    return picture[room - keep : picture.shape[0] - room + keep, room - keep : picture.shape[1] - room + keep]


@pytest.mark.parametrize("margin", [0.1, 0.4, 0.8, 1.4])
def test_a_line_is_found_at_any_margin(margin: float) -> None:
    """Its top and bottom are where they were drawn, within a sixth of its height."""
    small, scale = line_extent.working_size(field(page("2057"), margin))
    found = line_extent.find_line(line_extent.line_contrast(small))
    assert found is not None
    top, bottom = (margin * 40) * scale, (margin * 40 + 40) * scale
    assert abs(found.top - top) < 0.17 * 40 * scale
    assert abs(found.bottom - bottom) < 0.17 * 40 * scale


def test_strips_of_one_line_are_alike_at_any_margin() -> None:
    """The strip hardly depends on the margin of the field."""
    strips = []
    for margin in (0.3, 1.2):
        small, _ = line_extent.working_size(field(page("38"), margin))
        ink = line_extent.line_contrast(small)
        found = line_extent.find_line(ink)
        assert found is not None
        strip = line_extent.cut_line(ink, found)
        assert strip is not None
        strips.append(strip.pixels)
    rows = [(strip > 128).any(axis=1) for strip in strips]
    tall = [int(row.sum()) for row in rows]
    assert abs(tall[0] - tall[1]) <= 3


def test_light_ink_on_dark_ground_is_ink() -> None:
    picture = field(page("614"), 0.5)
    assert not line_extent.is_light(picture)
    assert line_extent.is_light(np.asarray(cv2.bitwise_not(picture), np.uint8))


def test_a_part_of_another_line_is_not_the_line() -> None:
    """The bottom of a number above, cut by the border, does not move the line."""
    picture = field(page("72"), 0.8).copy()
    picture[:10, 10:30] = 40
    small, scale = line_extent.working_size(picture)
    found = line_extent.find_line(line_extent.line_contrast(small))
    assert found is not None
    assert found.top > 24 * scale


def test_a_rule_from_border_to_border_is_not_the_line() -> None:
    picture = field(page("95"), 0.6).copy()
    picture[-12:-9] = 60
    small, scale = line_extent.working_size(picture)
    found = line_extent.find_line(line_extent.line_contrast(small))
    assert found is not None
    assert found.bottom < (0.6 * 40 + 40 + 7) * scale


def test_the_slope_of_a_line_is_found() -> None:
    """The slope of a tilted line is found."""
    picture = page("271828", above=120, beside=120)
    h, w = picture.shape
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), -6, 1)
    tilted = cv2.warpAffine(picture, turn, (w, h), borderMode=cv2.BORDER_REPLICATE)
    small, _ = line_extent.working_size(np.asarray(tilted[70:-70, 60:-60], np.uint8))
    found = line_extent.find_line(line_extent.line_contrast(small))
    assert found is not None
    assert found.slope == pytest.approx(np.tan(np.radians(6)), abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (8, 300), (300, 8), (5, 900), (40, 40)])
def test_empty_or_odd_fields_hold_no_line(shape: tuple[int, int]) -> None:
    small, _ = line_extent.working_size(np.full(shape, 200, np.uint8))
    assert min(small.shape) < line_extent.MIN_SIDE or line_extent.find_line(line_extent.line_contrast(small)) is None


def test_the_matrix_of_a_strip() -> None:
    """It maps pixels of the strip to pixels of the field."""
    small, _ = line_extent.working_size(field(page("2"), 0.5))
    ink = line_extent.line_contrast(small)
    found = line_extent.find_line(ink)
    assert found is not None
    strip = line_extent.cut_line(ink, found)
    assert strip is not None
    middle = strip.matrix @ (np.array([0.0, line_extent.HEIGHT / 2, 1.0]))
    assert middle[0] == pytest.approx(found.left, abs=0.5)
    assert middle[1] == pytest.approx((found.top + found.bottom) / 2, abs=1.0)


def test_a_line_too_long_for_its_height_is_not_cut() -> None:
    assert line_extent.cut_line(np.zeros((20, 900), np.uint8), line_extent.Extent(0, 900, 5, 15)) is None


def test_percentiles_are_those_of_numpy() -> None:
    """Also between two grey levels, and of a single pixel."""
    for shape in ((1, 1), (3, 5), (32, 150)):
        grey = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
        assert line_extent.percentiles(grey, 25, 50, 99.5) == pytest.approx(np.percentile(grey, (25, 50, 99.5)))

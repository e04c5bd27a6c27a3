"""Ink is found on any paper, cut into glyphs and lined up."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import Grey, Line
from edge_daemon.images import shrink
from edge_daemon.recognition.bars import ALIGNED_BAR_CHANCE
from edge_daemon.recognition.cut_points import cut_blob
from edge_daemon.recognition.ink import Blob, contrast, find_blobs
from edge_daemon.recognition.segment import MIN_CHANCE, WORK_SIDE, Filter, segment
from edge_daemon.recognition.sieve import Sieve
from tests.support.pictures.paper import in_shadow, page, patch


def singles(line: Line) -> int:
    """Glyph hypotheses between neighbouring nodes: the pieces of the line."""
    return sum(1 for start, end in line.edges if end == start + 1)


def shape_of(pixels: Grey) -> list[int]:
    return [singles(line) for line in segment(patch(pixels))]


TWO_LINES = [("2021", 60, 60), ("38", 400, 70), ("506", 80, 260)]


def test_numbers_become_lines_in_reading_order() -> None:
    """Three numbers on two lines of paper are three lines of 4, 2 and 3 glyphs, top to bottom, left to right."""
    assert shape_of(page(TWO_LINES)) == [4, 2, 3]


def test_light_on_dark_reads_like_dark_on_light() -> None:
    """A blackboard gives the same lines as paper."""
    assert shape_of(page(TWO_LINES, paper=40, ink=220)) == [4, 2, 3]


def test_shadow_is_not_ink() -> None:
    """A hard shadow and falling light add no glyph and lose none: the filter refuses its edge."""
    assert [singles(line) for line in segment(patch(in_shadow(page(TWO_LINES))), Sieve().filter)] == [4, 2, 3]


def test_faint_pencil_and_bold_marker_share_a_page() -> None:
    """Ink a tenth darker than the paper is found beside black ink, on grainy paper."""
    picture = np.minimum(page([("47", 60, 60)], ink=185, pen=2.5), page([("47", 60, 260)], ink=20, pen=7, seed=5))
    grain = np.random.default_rng(0).normal(0, 2, picture.shape)
    assert shape_of(np.clip(picture + grain, 0, 255).astype(np.uint8)) == [2, 2]


@pytest.mark.parametrize("height", [14, 40, 150, 350])
def test_near_and_far(height: int) -> None:
    """Digits from a few pixels to most of the frame's height are one glyph each."""
    assert shape_of(page([("27", 30, 30)], height=height, pen=max(1.5, height / 12))) == [2]


@pytest.mark.parametrize(("size", "side", "then"), [
    ((3000, 4000), 1280, (960, 1280)), ((1166, 1911), 1280, (781, 1280)), ((480, 640), 1280, (480, 640)),
    ((64, 65500), 1280, (8, 1280)), ((5, 4000), 640, (5, 640)),
])  # fmt: skip
def test_large_pictures_are_shrunk(size: tuple[int, int], side: int, then: tuple[int, int]) -> None:
    """To the requested longer side; grey stays the same, and a line, however long, stays legible."""
    small = shrink(np.full(size, 77, np.uint8), side)
    assert small.shape == then
    assert (small == 77).all()


def test_a_fine_pattern_becomes_grey_when_shrunk() -> None:
    """It is averaged, not sampled: no stripes of another width appear."""
    stripes = np.tile(np.array([0, 0, 255, 255], np.uint8), (900, 1000))
    assert np.ptp(shrink(stripes, 1000).astype(int)) < 16


def test_boxes_are_in_pixels_of_the_picture_as_given() -> None:
    """A picture larger than the working size gives boxes at its own scale."""
    small = page([("4", 100, 100)], height=80, pen=6)
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    assert max(large.shape) > WORK_SIDE
    (a,), (b,) = segment(patch(small)), segment(patch(large))
    assert np.allclose(np.array(a.box) * 4, b.box, atol=12)


def test_a_glyph_holds_its_own_ink_only() -> None:
    """Where the boxes of slanted neighbours overlap, neither glyph shows the other's strokes."""
    canvas = np.full((200, 200), 220, np.uint8)
    cv2.line(canvas, (60, 140), (110, 60), (30,), 4, cv2.LINE_AA)
    cv2.line(canvas, (80, 140), (130, 60), (30,), 4, cv2.LINE_AA)
    (line,) = segment(patch(canvas))
    first = line.glyphs[line.edges.index((0, 1))]
    assert cv2.connectedComponents((first.ink > 0).astype(np.uint8))[0] == 2


@pytest.mark.parametrize("fill", [0, 128, 255])
def test_an_empty_frame_has_no_lines(fill: int) -> None:
    """Black, grey and white frames hold nothing."""
    assert segment(patch(np.full((480, 640), fill, np.uint8))) == []


def test_noise_alone_costs_bounded_work() -> None:
    """A frame of pure noise yields a bounded number of glyph hypotheses."""
    noise = np.random.default_rng(1).integers(0, 256, (480, 640), dtype=np.uint8)
    assert sum(len(line.glyphs) for line in segment(patch(noise))) < 2000


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (8, 8), (400, 3), (17, 23)])
def test_tiny_pictures_are_no_error(shape: tuple[int, int]) -> None:
    """Any shape of picture is searched without an error."""
    segment(patch(np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)))


def rating(*given: tuple[int, float]) -> Filter:
    """A sieve that passes all but the n-th pieces from the left, which get the given chance."""

    def filtered(ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.float32]:
        order = sorted(range(len(blobs)), key=lambda i: blobs[i].x)
        chances = np.full(len(blobs), 0.99, np.float32)
        for nth, chance in given:
            chances[order[nth]] = chance
        return chances

    return filtered


def broad_and_thin() -> Grey:
    """A broad 2 and a thin 1 side by side, and far below a broad 2 alone."""
    canvas = np.full((480, 640), 220, np.uint8)
    for y in (60, 300):
        knots = np.array([[100, y], [160, y], [110, y + 55], [175, y + 55]], np.int32)
        cv2.polylines(canvas, [knots], False, (40,), 5, cv2.LINE_AA)
    cv2.line(canvas, (200, 60), (200, 118), (40,), 5, cv2.LINE_AA)
    return canvas


def test_broad_ink_with_a_low_chance_stays_in_its_number() -> None:
    """The 2 beside a certain 1 stays with it: 1 alone would be a false number. Alone it is refused."""
    lines = segment(patch(broad_and_thin()), rating((0, 0.02), (1, 0.02)))
    assert len(lines) == 1
    assert lines[0].box[0] < 110
    assert lines[0].box[2] > 90


def test_thin_ink_with_a_low_chance_is_not_read() -> None:
    """The bar beside a certain 2 is refused: a slash looks like a 1."""
    first, _ = segment(patch(broad_and_thin()), rating((2, 0.02)))
    assert first.box[0] + first.box[2] < 190


def test_a_digit_is_no_piece_of_the_box_around_it() -> None:
    """Of a box and a digit in it, where the filter accepts the digit, the digit is a glyph of its own."""
    picture = page([("5", 150, 160)], height=40)
    cv2.rectangle(picture, (120, 130), (230, 230), (30,), 2)

    def filtered(_: Grey, blobs: Sequence[Blob]) -> NDArray[np.float32]:
        return np.array([0.99 if blob.h < 60 else 0.15 for blob in blobs], np.float32)

    heights = {
        glyph.box[3] for line in segment(patch(picture), filtered) for glyph in line.glyphs if glyph.chance > 0.9
    }
    assert max(heights, default=99) < 60


def test_a_bar_in_line_with_a_certain_digit_may_be_a_1() -> None:
    """What the sieve hardly believes alone stays beside a sure digit that it is level with, as likely ink; one that is
    longer, as a bracket or a line is, does not."""
    (first, *_) = segment(patch(broad_and_thin()), rating((2, 0.05)))
    assert first.box[0] + first.box[2] > 195
    assert [glyph.chance for glyph in first.glyphs][-1] == ALIGNED_BAR_CHANCE
    longer = broad_and_thin()
    cv2.line(longer, (200, 40), (200, 140), (40,), 5, cv2.LINE_AA)
    (first, *_) = segment(patch(longer), rating((2, 0.05)))
    assert first.box[0] + first.box[2] < 190


def test_a_blob_with_a_wide_gap_is_cut_once() -> None:
    """Two bars with nothing between, as under a bar that was removed: the first cut passes all others."""
    ink = np.zeros((60, 100), np.uint8)
    ink[:, :5] = ink[:, 95:] = 255
    pieces, costs = cut_blob(Blob(0, 0, 100, 60, ink, 200))
    assert [piece.x for piece in pieces] == [0, 95]
    assert len(costs) == 1


def test_a_bar_that_broke_in_the_middle_is_one_glyph() -> None:
    """Chalk and dry pens skip: the two halves of a 1 beside other digits are one hypothesis, as tall as they are."""
    paper = np.full((120, 260), 200, np.uint8)
    cv2.ellipse(paper, (60, 60), (18, 30), 0, 0, 360, (40,), 5)
    cv2.line(paper, (120, 30), (124, 56), (40,), 5)
    cv2.line(paper, (126, 66), (130, 90), (40,), 5)
    [line] = segment(patch(paper))
    assert [glyph.box[3] > 50 for glyph in line.glyphs] == [True, True]


def test_a_plus_keeps_its_arms() -> None:
    """A stroke from edge to edge of its own ink is no ruled line: a plus without its arm would be a 1."""
    paper = np.full((280, 1280), 220, np.uint8)
    cv2.line(paper, (206, 90), (213, 200), (60,), 9, cv2.LINE_AA)
    cv2.line(paper, (160, 148), (260, 142), (60,), 9, cv2.LINE_AA)
    [plus] = find_blobs(contrast(paper))
    assert (plus.w > 95, plus.h > 105, plus.ink[plus.h // 2, 5] > 0) == (True, True, True)


@pytest.mark.parametrize(("foot", "chance"), [(200, 0.9), (160, MIN_CHANCE)])
def test_a_bar_that_leans_more_than_the_digits_beside_it_gets_a_low_chance(foot: int, chance: float) -> None:
    """Upright beside a 2 it keeps its chance and is a 1; as a slash it is unlikely."""
    paper = np.full((480, 640), 220, np.uint8)
    knots = np.array([[100, 80], [125, 62], [140, 80], [110, 118], [145, 118]], np.int32)
    cv2.polylines(paper, [knots], False, (40,), 5, cv2.LINE_AA)
    cv2.line(paper, (foot, 118), (200, 60), (40,), 5, cv2.LINE_AA)
    glyphs = [glyph for line in segment(patch(paper), rating((1, 0.9))) for glyph in line.glyphs]
    assert [round(g.chance, 2) for g in glyphs if g.box[0] > 150] == [chance]

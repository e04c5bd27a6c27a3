"""Fields are cut out upright, and what was found in them can be put back into the frame."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Box, Frame, Grey, Patch, Status
from edge_daemon.fields.extract import FieldExtractor, FieldRegion
from edge_daemon.geometry import transform_box
from edge_daemon.sources.simulated.disturbances import Conditions
from tests.support.pictures.paper import page
from tests.support.pictures.stage import REGION, Stage


def frame_with(mark: Box, size: tuple[int, int] = (320, 240)) -> Frame:
    """A white frame with one black rectangle."""
    pixels = np.full((size[1], size[0]), 255, np.uint8)
    x, y, w, h = mark
    pixels[y : y + h, x : x + w] = 0
    return Frame(0, 0.0, 0.0, pixels)


def cut(frame: Frame, field: FieldRegion) -> Patch:
    """The first patch of a field."""
    (patch,) = FieldExtractor([field]).cut(frame, set())
    return patch


def dark_box(pixels: Grey) -> Box:
    x, y, w, h = cv2.boundingRect((pixels < 128).astype(np.uint8))
    return x, y, w, h


def test_without_fields_the_whole_frame_is_the_patch() -> None:
    """No configuration: one patch without a name, the frame's own pixels."""
    frame = frame_with((10, 10, 5, 5))
    (patch,) = FieldExtractor([]).cut(frame, set())
    assert patch.field is None
    assert patch.pixels is frame.pixels


def test_pixels_and_fractions_mean_the_same_region() -> None:
    """[32, 24, 64, 48] of a 320x240 frame is [0.1, 0.1, 0.2, 0.2] of it."""
    frame = frame_with((40, 30, 20, 10))
    by_pixels = cut(frame, FieldRegion("a", (32, 24, 64, 48)))
    by_fractions = cut(frame, FieldRegion("a", (0.1, 0.1, 0.2, 0.2)))
    assert np.array_equal(by_pixels.pixels, by_fractions.pixels)
    assert by_pixels.pixels.shape == (48, 64)
    assert dark_box(by_pixels.pixels) == (8, 6, 20, 10)


@pytest.mark.parametrize(
    ("rotation", "shape", "corner"),
    [(0, (40, 100), "tl"), (90, (100, 40), "tr"), (180, (40, 100), "br"), (270, (100, 40), "bl")],
)
def test_rotation_turns_clockwise(rotation: int, shape: tuple[int, int], corner: str) -> None:
    """A mark in the region's top left corner goes round clockwise with each quarter turn."""
    options = FieldRegion("a", (50, 60, 100, 40), rotation=rotation)  # type: ignore[arg-type]
    patch = cut(frame_with((50, 60, 12, 12)), options)
    height, width = patch.pixels.shape
    assert (height, width) == shape
    x, y, w, h = dark_box(patch.pixels)
    found = ("t" if y + h / 2 < height / 2 else "b") + ("l" if x + w / 2 < width / 2 else "r")
    assert found == corner


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_are_mapped_back_into_the_frame(rotation: int) -> None:
    """The box of a mark found in the patch is, through to_frame, the box of the mark in the frame."""
    mark = (80, 70, 30, 14)
    options = FieldRegion("a", (50, 60, 100, 40), rotation=rotation)  # type: ignore[arg-type]
    patch = cut(frame_with(mark), options)
    assert np.allclose(transform_box(dark_box(patch.pixels), patch.to_frame), mark, atol=1)


def test_perspective_is_undone() -> None:
    """A square seen from the side fills the upright patch of its four corners."""
    seen = np.array([[100, 60], [220, 80], [210, 180], [90, 150]], np.int32)
    pixels = np.full((240, 320), 255, np.uint8)
    cv2.fillConvexPoly(pixels, seen, (0,))
    region = tuple((float(x), float(y)) for x, y in seen)
    patch = cut(Frame(0, 0.0, 0.0, pixels), FieldRegion("a", region))  # type: ignore[arg-type]
    assert (patch.pixels < 128).mean() > 0.97


@pytest.mark.parametrize("size", [(320, 240), (321, 241)])
def test_a_region_outside_the_frame_is_logged(size: tuple[int, int], caplog: pytest.LogCaptureFixture) -> None:
    """A camera set to a smaller size than the region was drawn for gives a patch and a line in the log, no error."""
    fields = FieldExtractor([FieldRegion("a", (400, 300, 100, 50))])
    for i in range(3):
        (patch,) = fields.cut(replace(frame_with((0, 0, 5, 5), size), seq=i), {"a"})
        assert patch.pixels.shape == (50, 100)
    told = f"field a: its region reaches beyond the frame of {size[0]} x {size[1]} px; check `region`"
    assert caplog.messages == [told]


@pytest.mark.parametrize("nudge", [(4.0, -3.0), (12.0, 9.0), (-14.0, -10.0)])
def test_a_field_follows_a_small_shift(nudge: tuple[float, float]) -> None:
    """After a small push of the camera the patch shows the same as before, within a pixel or two."""
    stage = Stage()
    stage.write("2021")
    stage.watch(6)
    stage.watch(6, Conditions(nudge=nudge))
    (now,) = stage.fields.cut(stage.frame(Conditions(nudge=nudge)), {"number"})
    assert now.status is Status.OK
    corner = cv2.perspectiveTransform(np.array([[[0.0, 0.0]]]), now.to_frame)[0, 0]
    drift = stage.scene.drift(stage.seq) - stage.scene.drift(1)
    assert corner - np.array(REGION[:2]) == pytest.approx(nudge + drift, abs=1.5)


def test_a_field_follows_its_paper() -> None:
    """When the sheet slips under the camera while the desk around it stays, the field moves with the sheet."""
    desk = np.random.default_rng(0).integers(60, 120, (480, 640)).astype(np.uint8)
    desk = cv2.GaussianBlur(desk, (0, 0), 3).astype(np.uint8)
    sheet, corners = page([("2021", 80, 60)], size=(320, 200)), []
    fields = FieldExtractor([FieldRegion("number", (190.0, 150.0, 250.0, 90.0))])
    for i in range(20):
        pixels, slip = desk.copy(), 0 if i < 10 else 8
        pixels[120 + slip : 320 + slip, 160:480] = sheet
        (patch,) = fields.cut(Frame(i, 0.0, i / 5, pixels), {"number"})
        corners.append(patch.to_frame[1, 2] / patch.to_frame[2, 2])
    assert corners[9] == pytest.approx(150, abs=0.5)
    assert corners[-1] == pytest.approx(158, abs=1)

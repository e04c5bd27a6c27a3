"""Pictures and regions of any size are read, or give no number: none of them raises."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_daemon.decision.rules import FieldOptions
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Frame, Grey, Status
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader

WIDTH, HEIGHT = 640, 480
FRAMES = 4


@cache
def reader() -> Reader:
    return open_reader(ModelOptions())


@cache
def page() -> Grey:
    """A page of noise with a number in it."""
    picture = np.full((HEIGHT, WIDTH), 220, np.uint8)
    cv2.putText(picture, "2021", (90, 308), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20,), 2)
    return np.asarray(picture - np.random.default_rng(0).integers(0, 8, picture.shape, dtype=np.uint8), np.uint8)


def process(pixels: Grey, *regions: tuple[float, float, float, float]) -> None:
    """A few frames through fields, reader and votes, as the daemon does it."""
    options = [FieldOptions(f"f{i}", region) for i, region in enumerate(regions)]
    fields, voter = FieldExtractor(options), Voter(options, "digits", "cpu", reader().read)
    for seq in range(FRAMES):
        for patch in fields.cut(Frame(seq, float(seq), float(seq), pixels), voter.undecided):
            voter.observe(patch, reader().read(patch) if patch.status is Status.OK else [])
        voter.due(float(seq))


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 640), (480, 1), (2, 2), (3, 200), (7, 500), (18, 500), (20, 100), (60, 129)]
)
@pytest.mark.parametrize("fields", [0, 1])
def test_pictures_of_any_size(shape: tuple[int, int], fields: int) -> None:
    """Also one pixel, one row, one column, and the strip that once ended the daemon at every start."""
    process(page()[: shape[0], : shape[1]].copy(), *[(0.0, 0.0, 1.0, 1.0)] * fields)


@pytest.mark.parametrize(
    "region", [(80, 290, 100, 20), (0, 0.46, 1, 0.06), (0, 479, 640, 1), (639, 0, 1, 480), (5, 5, 1, 1)]
)
def test_low_and_thin_regions(region: tuple[float, float, float, float]) -> None:
    """The first two once ended the daemon."""
    process(page(), region)
    process(cv2.resize(page(), (1920, 1080)).astype(np.uint8), region)


@given(
    x=st.integers(0, WIDTH - 1),
    y=st.integers(0, HEIGHT - 1),
    width=st.integers(1, WIDTH),
    height=st.integers(1, HEIGHT),
    scale=st.sampled_from([0.05, 0.3, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_any_region_of_any_picture(x: int, y: int, width: int, height: int, scale: float) -> None:
    """Regions that lie in the picture, reach over its border, or lie outside."""
    process(cv2.resize(page(), None, fx=scale, fy=scale).astype(np.uint8), (x, y, width, height))

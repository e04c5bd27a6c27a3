"""`mirror = true` swaps left and right, whatever the camera."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.config import schema
from edge_daemon.domain import Frame
from edge_daemon.sources.kinds import KINDS, open_source, options_type
from edge_daemon.tools import replay
from tests.support.cameras.mjpeg import NetworkCamera
from tests.support.pictures.paper import page, write_page

PAGE = page([("2021", 60, 80)], pen=4, height=60)


def first(kind: str, options: object) -> Frame:
    with closing(open_source(kind, options).frames(1.0)) as frames:  # type: ignore[type-var]
        return next(frame for frame in frames if frame is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_has_the_key(kind: str) -> None:
    """It is off unless it is switched on."""
    assert vars(options_type(kind))["__dataclass_fields__"]["mirror"].default is False


def test_frames_are_mirrored(tmp_path: Path) -> None:
    """Of files, of a simulated camera, and of one on the network, there after it was turned."""
    path = str(write_page(tmp_path, ("2021", 60, 80)))
    for kind, keys in (("files", {"path": path}), ("simulated", {"seed": 3})):
        plain, swapped = (first(kind, options_type(kind)(**keys, mirror=mirror)).pixels for mirror in (False, True))
        assert (swapped == plain[:, ::-1]).all()
        assert swapped.flags.c_contiguous
    camera = NetworkCamera(PAGE)
    with camera.on():
        pixels = first("stream", options_type("stream")(url=camera.snapshot, rotation=90, mirror=True)).pixels
    assert np.abs(np.rot90(pixels[:, ::-1]).astype(int) - PAGE).mean() < 4


def test_a_mirrored_number_is_read(tmp_path: Path) -> None:
    """The recording of a mirrored camera, through the whole path."""
    path = write_page(tmp_path, ("2021", 60, 80))
    pictures = tmp_path / "day"
    pictures.mkdir()
    from PIL import Image, ImageOps

    for number in range(5):
        ImageOps.mirror(Image.open(path)).save(pictures / f"{number}.png")
    config = schema.parse("c.toml", f'[camera]\nsource = "files"\npath = "{pictures}"\nmirror = true\n')
    found = replay.recording(str(pictures), 1.0)
    assert any(getattr(one.entry.record, "text", "") == "2021" for one in replay.replay(found, config))

"""A camera finds its exposure and the rest, and is locked so; what a person wrote in the file stays."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge_daemon.cli.main import cli
from edge_daemon.config import schema
from edge_daemon.errors import CameraError
from edge_daemon.sources import picamera
from edge_daemon.tools import calibrate
from tests.support.cameras import fake_picamera2
from tests.support.cameras.fake_picamera2 import Picamera2

FILE = """# mine
[device]
id = "dock3"   # by the door

[camera]
source = "picamera"
size = [320, 240]
gain = 9.0     # tried on Monday

# the tank
[[field]]
name = "tank"
region = [0.1, 0.1, 0.5, 0.5]
"""


@pytest.fixture(autouse=True)
def _camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", fake_picamera2)
    monkeypatch.setattr(picamera, "SETTLED", 0.05)
    Picamera2.reset([True] * 1_000_000)


def test_what_the_camera_finds_is_written_and_used(tmp_path: Path) -> None:
    """The lines are proposed, written in place of the old values, and the camera is opened with them; comments stay."""
    file = tmp_path / "c.toml"
    file.write_text(FILE)
    done = CliRunner().invoke(cli, ["calibrate", "--config", str(file), "--write"])
    assert done.exit_code == 0, done.output
    lines = ["gain = 2.12", "exposure = 19987", "focus = 4.03", "white_balance = [1.8, 1.5]"]
    assert set(lines) <= set(done.output.splitlines())
    written = file.read_text()
    new = "\n".join(["gain = 2.12     # tried on Monday", *lines[1:]])
    assert written.replace(new, "gain = 9.0     # tried on Monday") == FILE
    camera = schema.load(file).camera
    assert calibrate.propose(camera).keys == {}
    assert Picamera2.controls["ExposureTime"] == 19987
    assert Picamera2.controls["AfMode"] == 0
    assert Picamera2.open_now == 0


def test_while_it_finds_out_nothing_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is configured is set aside: otherwise it would find what it was told."""
    seen: list[dict[str, Any]] = []

    class Watched(Picamera2):
        def start(self) -> None:
            seen.append(self.controls)
            super().start()

    monkeypatch.setattr(fake_picamera2, "Picamera2", Watched)
    clock = count()
    picamera.calibrate(picamera.PicameraOptions(exposure=5, gain=3.0, focus=1.0), now=lambda: float(next(clock)))
    assert seen[0].keys() == {"FrameDurationLimits", "AfMode"}
    assert seen[0]["AfMode"] == 2


def test_a_lens_that_cannot_move() -> None:
    """It is not locked; and to ask for it is told as what it is."""
    Picamera2.moves = False
    camera = schema.CameraOptions("picamera", picamera.PicameraOptions())
    assert "focus" not in calibrate.propose(camera).keys
    with pytest.raises(CameraError, match="remove `focus`"):
        list(picamera.PiCamera(picamera.PicameraOptions(focus=1.0)).frames(1.0))


def test_a_long_exposure_takes_a_long_frame() -> None:
    """The sensor cannot collect light for longer than a frame lasts."""
    next(picamera.PiCamera(picamera.PicameraOptions(exposure=400_000)).frames(1.0))
    assert Picamera2.controls["FrameDurationLimits"] == (400_000, 400_000)


def test_a_camera_that_has_nothing_to_lock() -> None:
    """Told with those that have."""
    with pytest.raises(CameraError, match="picamera or v4l2"):
        calibrate.propose(schema.parse("c.toml", '[camera]\nsource = "simulated"\n').camera)

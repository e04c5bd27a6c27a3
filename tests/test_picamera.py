"""The Pi camera gives grey frames of our own, notices when it stalls, and is given back."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError
from edge_daemon.sources import picamera
from edge_daemon.sources.picamera import Options, PiCamera
from tests import fake_picamera2
from tests.fake_picamera2 import Picamera2

ROOT = os.environ.get("EDGE_DAEMON_PICAMERA_ROOT", "")
"""A Debian root in which the real picamera2 runs on libcamera's virtual camera."""


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """picamera2 is the fake one."""
    monkeypatch.setitem(sys.modules, "picamera2", fake_picamera2)


def camera(options: Options) -> PiCamera:
    """One for which a second passes with every look at the clock."""
    clock = count()
    return PiCamera(options, now=lambda: float(next(clock)), sleep=lambda _: None)


def take(options: Options, wanted: int) -> list[Frame]:
    """So many frames, and the camera given back."""
    with closing(camera(options).frames(1.0)) as frames:  # type: ignore[type-var]
        found: list[Frame] = []
        for frame in frames:
            if frame is not None:
                found.append(frame)
            if len(found) == wanted:
                break
    return found


def test_frames_are_grey_and_without_padding() -> None:
    """Of the YUV rows only Y is left, of the columns only those inside the stride, as an owned array."""
    Picamera2.reset([True] * 3)
    first, second, _ = take(Options(size=(100, 80)), 3)
    assert first.pixels.shape == (80, 100)
    assert (first.pixels == np.arange(100, dtype=np.uint8)).all()
    assert first.pixels.base is None
    assert (first.seq, second.seq) == (0, 1)


def test_the_camera_is_given_back() -> None:
    """Closing the generator in the middle of it leaves no camera open."""
    Picamera2.reset([True] * 2)
    take(Options(), 1)
    assert (Picamera2.opened, Picamera2.open_now) == (1, 0)


def test_a_stall_is_mended_by_opening_anew() -> None:
    """After some seconds without a frame the camera is opened a second time, and frames go on in order."""
    Picamera2.reset([True] + [False] * 4 + [True] * 3)
    frames = take(Options(), 4)
    assert [f.seq for f in frames] == [0, 1, 2, 3]
    assert Picamera2.opened == 2


def test_a_camera_that_stays_dead_is_an_error() -> None:
    """No frame after the second opening: CameraError, for the service manager to start us anew; nothing stays open."""
    Picamera2.reset([True])
    with pytest.raises(CameraError, match="also after it was opened anew"):
        take(Options(), 2)
    assert (Picamera2.opened, Picamera2.open_now) == (2, 0)


def test_without_frames_the_path_still_comes_round() -> None:
    """While no frame comes the source yields None, so that signals and the watchdog are looked after."""
    Picamera2.reset([False, False, True])
    with closing(camera(Options()).frames(1.0)) as frames:  # type: ignore[type-var]
        assert [next(frames) is None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("state", "said"), [({"cameras": 0}, "not found"), ({"taken": True}, "another program"), ({"cameras": 2}, None)]
)
def test_a_missing_or_taken_camera_is_told_apart(state: dict[str, int], said: str | None) -> None:
    """Each gets its own sentence with what to do; a second camera can be chosen."""
    Picamera2.reset([True], **state)  # type: ignore[arg-type]
    if said is None:
        assert take(Options(camera=1), 1)
        return
    with pytest.raises(CameraError, match=said):
        take(Options(), 1)


def test_without_picamera2_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without it the error names the package to install."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match="apt install python3-picamera2"):
        PiCamera(Options())


REAL = """
import virtpicam, sys
from contextlib import closing
sys.path.insert(0, "/opt/edge")
from edge_daemon.sources.picamera import Options, PiCamera
with closing(PiCamera(Options(size=(640, 480))).frames(1.0)) as frames:
    for frame in frames:
        if frame is not None and frame.seq == 3:
            break
print(frame.pixels.shape, frame.pixels.dtype, frame.pixels.std() > 1)
"""


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="EDGE_DAEMON_PICAMERA_ROOT names no root with the real picamera2")
def test_the_real_picamera2_gives_frames() -> None:
    """The unmodified picamera2, on libcamera's virtual camera, gives 640x480 grey frames through our door."""
    package = Path(picamera.__file__).parents[1]
    command = ["systemd-nspawn", "-q", "-D", ROOT, f"--bind-ro={package}:/opt/edge/edge_daemon", "--pipe"]
    command += ["env", "LD_PRELOAD=/opt/rig/fakeudmabuf.so", "PYTHONPATH=/opt/rig"]
    done = subprocess.run([*command, "/opt/cam/bin/python", "-c", REAL], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "(480, 640) uint8 True", done.stderr

"""The Pi camera gives grey frames of our own, notices when it stalls, and is given back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError, CameraHangsError
from edge_daemon.sources import picamera
from edge_daemon.sources.picamera import PiCamera, PicameraOptions
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.cameras import fake_picamera2
from tests.support.cameras.fake_picamera2 import Picamera2
from tests.support.pictures.paper import page

ROOT = os.environ.get("EDGE_DAEMON_PICAMERA_ROOT", "")
"""A Debian root in which the real picamera2 runs on libcamera's virtual camera: `scripts/rig picamera2` makes it."""


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """picamera2 is the fake one."""
    monkeypatch.setitem(sys.modules, "picamera2", fake_picamera2)


def camera(options: PicameraOptions) -> PiCamera:
    """One for which a second passes with every look at the clock."""
    clock = count()
    return PiCamera(options, now=lambda: float(next(clock)), sleep=lambda _: None)


def take(options: PicameraOptions, wanted: int) -> list[Frame]:
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
    first, second, _ = take(PicameraOptions(size=(100, 80)), 3)
    assert first.pixels.shape == (80, 100)
    assert (np.diff(first.pixels.astype(int)) == 1).all()
    assert first.pixels.base is None
    assert (first.seq, second.seq) == (0, 1)


def test_the_camera_is_released() -> None:
    """Closing the generator at any moment leaves no camera open."""
    Picamera2.reset([True] * 2)
    take(PicameraOptions(), 1)
    assert (Picamera2.opened, Picamera2.open_now) == (1, 0)


def test_a_stalled_camera_is_opened_again() -> None:
    """After some seconds without a frame the camera is opened a second time, and frames go on in order."""
    Picamera2.reset([True] + [False] * 4 + [True] * 3)
    frames = take(PicameraOptions(), 4)
    assert [f.seq for f in frames] == [0, 1, 2, 3]
    assert Picamera2.opened == 2


def test_a_frozen_camera_is_opened_again_and_then_an_error() -> None:
    """Identical pictures for half a minute are a stall: it is opened once more, then it is an error."""
    Picamera2.reset([True] * 1000)
    Picamera2.picture = "frozen"
    with pytest.raises(CameraError, match="gives the same frame"):
        take(PicameraOptions(), 1000)
    assert (Picamera2.opened, Picamera2.open_now) == (2, 0)
    assert 200 < len(Picamera2.frames) < 1000


@pytest.mark.parametrize("picture", ["alive", "black"])
def test_a_working_camera_is_not_frozen_nor_is_the_night(picture: str) -> None:
    """Frames with noise, or black ones, are accepted without limit."""
    Picamera2.reset([True] * 300)
    Picamera2.picture = picture
    assert len(take(PicameraOptions(), 200)) == 200
    assert Picamera2.opened == 1


def test_the_idle_rate_is_slow() -> None:
    """At the idle rate a frame is taken every ten seconds, at the active rate twice a second."""
    Picamera2.reset([True] * 100)
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    source = PiCamera(PicameraOptions(active_fps=2.0, idle_fps=0.1), now=lambda: clock[0], sleep=sleep)
    times = []
    with closing(source.frames(1.0)) as frames:  # type: ignore[type-var]
        for frame in frames:
            if frame is None:
                continue
            times.append(frame.mono)
            source.set_active(len(times) >= 3)
            if len(times) == 6:
                break
    assert np.diff(times) == pytest.approx([10, 10, 0.5, 0.5, 0.5])


def test_a_camera_that_stays_silent_is_an_error() -> None:
    """No frame after the second opening: CameraHangsError, so that systemd restarts the daemon; nothing stays open."""
    Picamera2.reset([True])
    with pytest.raises(CameraHangsError, match="also after it was opened again"):
        take(PicameraOptions(), 2)
    assert (Picamera2.opened, Picamera2.open_now) == (2, 0)


def test_an_unplugged_camera_may_be_opened_later() -> None:
    """It stalls, and is absent at the second opening: that is no hang, and it may be opened again later."""
    Picamera2.reset([True])
    with closing(camera(PicameraOptions()).frames(1.0)) as frames:  # type: ignore[type-var]
        next(frames)
        Picamera2.cameras = 0
        with pytest.raises(CameraError, match="not found") as caught:
            list(frames)
    assert not isinstance(caught.value, CameraHangsError)
    assert (Picamera2.opened, Picamera2.open_now) == (1, 0)


def test_without_frames_the_path_goes_on() -> None:
    """While no frame comes the source yields None, so that signals and the watchdog are served."""
    Picamera2.reset([False, False, True])
    with closing(camera(PicameraOptions()).frames(1.0)) as frames:  # type: ignore[type-var]
        assert [next(frames) is None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("state", "said"), [({"cameras": 0}, "not found"), ({"taken": True}, "another program"), ({"cameras": 2}, None)]
)
def test_a_missing_camera_differs_from_one_in_use(state: dict[str, int], said: str | None) -> None:
    """Each has its own message with what to do; a second camera can be chosen."""
    Picamera2.reset([True], **state)  # type: ignore[arg-type]
    if said is None:
        assert take(PicameraOptions(camera=1), 1)
        return
    with pytest.raises(CameraError, match=said):
        take(PicameraOptions(), 1)


def test_without_picamera2_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without it the error names the package to install."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match="apt install python3-picamera2"):
        PiCamera(PicameraOptions())


IN_ROOT = """
set -e
mount --make-rprivate /
mount --rbind /dev $0/dev; mount --rbind /sys $0/sys; mount -t proc proc $0/proc
mkdir -p $0/opt/edge; mount --bind $1 $0/opt/edge
exec chroot $0 env LD_PRELOAD=/opt/rig/buffers.so PYTHONPATH=/opt/rig:/opt/edge STATE_DIRECTORY=/tmp/edge \\
    /opt/cam/bin/python -c 'import scripts.rigs.picamera2.virtual_camera as _; import edge_daemon.__main__' \\
    run --config /tmp/edge.toml
"""
SCENE = """%YAML 1.1
---
"Virtual0":
  supported_formats:
  - {width: 640, height: 480, frame_rates: [30]}
  frames: {path: "/opt/rig/frames/"}
  location: "CameraLocationFront"
  model: "Virtual Video Device"
"""


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="EDGE_DAEMON_PICAMERA_ROOT names no root with the real picamera2")
def test_the_daemon_reads_through_the_real_picamera2(broker: Mosquitto, recorder: Recorder) -> None:
    """The unmodified picamera2, on libcamera's virtual camera that shows a page, brings its numbers to the broker."""
    root = Path(ROOT)
    frames = root / "opt/rig/frames"
    shutil.rmtree(frames, ignore_errors=True)
    frames.mkdir()
    cv2.imwrite(str(frames / "image001.jpg"), page([("2021", 60, 80), ("38", 80, 280)], pen=4, height=60))
    (root / "usr/share/libcamera/pipeline/virtual/virtual.yaml").write_text(SCENE)
    (root / "tmp/edge.toml").write_text(f'[camera]\nsize = [640, 480]\n[mqtt]\nurl = "{broker.url}"\n')
    command = ["unshare", "--mount", "bash", "-c", IN_ROOT, ROOT, str(Path(picamera.__file__).parents[2])]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
        recorder.wait_for(lambda heard: {r["text"] for r in said(heard)} >= {"2021", "38"})
        daemon.terminate()
        assert daemon.wait(10) == 0


def said(heard: list[tuple[str, bytes]]) -> list[dict[str, str]]:
    found = [json.loads(payload) for topic, payload in heard if "/reading/" in topic and payload]
    return [reading for reading in found if reading["status"] == "ok"]

"""USB cameras: what can be told without one, the kernel's controls played by a table, and a real one where there is."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_daemon.config import schema
from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError, ConfigError
from edge_daemon.sources.v4l2 import controls as v4l2_controls
from edge_daemon.sources.v4l2 import device as v4l2_device
from edge_daemon.sources.v4l2.camera import V4l2Camera, V4l2Options, calibrate

DEVICE = os.environ.get("EDGE_DAEMON_V4L2_DEVICE", "")
"""A real camera, or the one of the kernel's vivid driver."""


class Kernel:
    """VIDIOC_QUERYCTRL, G_CTRL and S_CTRL over a table of controls, as the kernel's documentation has them."""

    TABLE = (
        (0x00980900, 1, b"Brightness", 0, 255, 128, 0),
        (0x0098091C, 1, b"Backlight Compensation", 0, 2, 1, 0x4),
        (0x009A0901, 3, b"Auto Exposure", 0, 3, 3, 0),
        (0x009A0902, 1, b"Exposure Time, Absolute", 3, 2047, 250, 0x10),
        (0x009A0903, 6, b"Camera Controls", 0, 0, 0, 0x4),
    )  # id, type, name, from, to, default, flags

    def __init__(self, *formats: str, can: int = 0x05200001) -> None:
        """A camera that gives pictures in these formats; `can`: the capabilities of this node."""
        self.formats, self.can = formats, can
        self.values = {row[0]: row[5] for row in self.TABLE}
        self.log: list[tuple[int, int]] = []

    def ioctl(self, file: int, request: int, data: bytes) -> bytes:
        if request == 0xC0445624:  # VIDIOC_QUERYCTRL
            after = struct.unpack_from("<I", data)[0] & 0x7FFFFFFF
            for number, kind, name, low, high, default, flags in self.TABLE:
                if number > after:
                    return struct.pack("<II32siiiiI2I", number, kind, name, low, high, 1, default, flags, 0, 0)
            raise OSError(22, "Invalid argument")
        if request == 0x80685600:  # VIDIOC_QUERYCAP
            return struct.pack("<16s32s32s3I12x", b"table", b"A table", b"", 0x60100, 0x85A00001, self.can)
        if request == 0xC0405602:  # VIDIOC_ENUM_FMT
            index, kind = struct.unpack_from("<2I", data)
            assert kind == 1
            if index < len(self.formats):
                return struct.pack("<3I32s4s16x", index, kind, 0, b"", self.formats[index].encode())
            raise OSError(22, "Invalid argument")
        number, value = struct.unpack("<Ii", data)
        if request == 0xC008561B:  # VIDIOC_G_CTRL
            return struct.pack("<Ii", number, self.values[number])
        assert request == 0xC008561C  # VIDIOC_S_CTRL
        self.values[number] = value
        self.log.append((number, value))
        return data


def test_controls_are_set_by_name_in_order(tmp_path: Path) -> None:
    """Names are v4l2-ctl's; automatic exposure must go before the exposure can be set."""
    kernel, device = Kernel(), tmp_path / "video0"
    device.touch()
    v4l2_controls.set_all(str(device), "auto_exposure=1, exposure_time_absolute=300", kernel.ioctl)
    assert kernel.log == [(0x009A0901, 1), (0x009A0902, 300)]
    found = v4l2_controls.read_all(str(device), kernel.ioctl)
    assert found == {"brightness": 128, "auto_exposure": 1, "exposure_time_absolute": 300}


@pytest.mark.parametrize(
    ("controls", "told"), [("zoom=3", "has no control zoom; it has auto_exposure"), ("brightness=256", "from 0 to 255")]
)
def test_unknown_controls_are_an_error(tmp_path: Path, controls: str, told: str) -> None:
    """The error lists the known controls, before anything is set."""
    (tmp_path / "video0").touch()
    kernel = Kernel()
    with pytest.raises(CameraError, match=told):
        v4l2_controls.set_all(str(tmp_path / "video0"), controls, kernel.ioctl)
    assert kernel.log == []


def test_the_format_can_be_decoded(tmp_path: Path) -> None:
    """A compressed one if there is one; never the one that OpenCV returns as one line of bytes."""
    device = tmp_path / "video0"
    device.touch()
    assert v4l2_device.best_format(str(device), Kernel("BGR3", "YUYV", "MJPG").ioctl) == "MJPG"
    assert v4l2_device.best_format(str(device), Kernel("BGR3", "GREY").ioctl) == "GREY"
    with pytest.raises(CameraError, match="offers H264, BGR3, but none of MJPG"):
        v4l2_device.best_format(str(device), Kernel("H264", "BGR3").ioctl)


def test_a_node_for_metadata_is_no_camera(tmp_path: Path) -> None:
    """The second node of a USB camera gives no pictures, and is distinguished from the first."""
    (tmp_path / "video1").touch()
    with pytest.raises(CameraError, match="video1 is no camera"):
        v4l2_device.best_format(str(tmp_path / "video1"), Kernel("UVCH", can=0x05A00000).ioctl)


def test_programs_that_use_the_camera(tmp_path: Path) -> None:
    """Another program that has it open is named; this process is not."""
    device = tmp_path / "video0"
    device.touch()
    with device.open() as file, subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[file.fileno()]) as other:
        assert v4l2_device.holders(str(device)) == [f"cat (process {other.pid})"]
        other.communicate()


@pytest.mark.parametrize(
    ("default", "controls", "free", "locked"),
    [
        (
            {"auto_exposure": 0, "exposure_time_absolute": 50, "gain": 1, "brightness": 128},
            "brightness=90,gain=7,auto_exposure=1",
            "brightness=90,auto_exposure=0",
            "brightness=90,auto_exposure=1,exposure_time_absolute=111,gain=112",
        ),
        (
            {"auto_exposure": 1, "gain_automatic": 1, "gain": 1},
            "",
            "auto_exposure=3,gain_automatic=1",
            "auto_exposure=1,gain_automatic=0,gain=111",
        ),
    ],
    ids=["one way, and what a person set", "two ways to decide the gain"],
)
def test_automatic_settings_are_locked(
    monkeypatch: pytest.MonkeyPatch, default: dict[str, int], controls: str, free: str, locked: str
) -> None:
    """Each control goes by its default, which is automatic, while the camera finds out; then as it was found, with what
    a person has set of others."""
    seen: list[str] = []

    def frames(camera: V4l2Camera, _tick: float) -> Iterator[None]:
        seen.append(camera._options.controls)
        yield None

    decided = [name for name in ("exposure_time_absolute", "gain") if name in default]
    found = {name: value for value, name in enumerate(decided, 111)}
    monkeypatch.setattr(V4l2Camera, "frames", frames)
    monkeypatch.setattr(v4l2_controls, "defaults", lambda _: default)
    monkeypatch.setattr(v4l2_controls, "read_all", lambda _: found)
    assert calibrate(V4l2Options(controls=controls)).controls == locked
    assert seen == [free]


def test_a_camera_without_automatic_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the controls that it would need."""
    monkeypatch.setattr(v4l2_controls, "defaults", lambda _: {"brightness": 128, "gain": 20})
    with pytest.raises(
        CameraError, match="no automatic settings that could be locked: it has no control auto_exposure"
    ):
        calibrate(V4l2Options())


def test_misspelt_controls_are_an_error() -> None:
    """Found when the configuration is read."""
    with pytest.raises(ConfigError, match="v4l2-ctl -c"):
        schema.parse("c.toml", '[camera]\nsource = "v4l2"\ncontrols = "gain 20"\n')


def test_an_absent_camera_is_an_error() -> None:
    """The error lists the cameras of this machine."""
    with pytest.raises(CameraError, match="is the camera plugged in"):
        list(V4l2Camera(V4l2Options(device="/dev/video99")).frames(0.1))


def test_a_device_that_is_no_camera() -> None:
    """/dev/null can be opened, and is no camera."""
    with pytest.raises(CameraError, match="is no camera"):
        list(V4l2Camera(V4l2Options(device="/dev/null")).frames(0.1))


@pytest.mark.skipif(not DEVICE, reason="EDGE_DAEMON_V4L2_DEVICE names no V4L2 camera")
def test_a_real_camera_gives_frames() -> None:
    """Grey frames come, and its controls can be read."""
    with closing(V4l2Camera(V4l2Options(device=DEVICE, size=(640, 480))).frames(1.0)) as frames:  # type: ignore[type-var]
        found = next(frame for frame in frames if frame is not None)
    assert isinstance(found, Frame)
    assert found.pixels.ndim == 2
    assert v4l2_controls.read_all(DEVICE)

"""Each thing that can be wrong is named apart, with what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.check import camera, run
from edge_daemon.check.run import Finding, Level, checks
from edge_daemon.cli.daemon import SECTIONS
from edge_daemon.domain import Frame
from edge_daemon.inference import manifest as manifests
from edge_daemon.inference.manifest import models_folder
from edge_daemon.inference.runtime import default_kind
from edge_daemon.system import machine
from edge_daemon.telemetry import exporters
from edge_daemon.telemetry.exporters import HealthFiles
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.model_publisher import ModelPublisher
from tests.support.webserver import serving


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))


def found(tmp_path: Path, section: str, text: str) -> list[Finding]:
    (tmp_path / "c.toml").write_text(text)
    return list(checks(tmp_path / "c.toml", section))


def test_the_command_line_knows_the_sections() -> None:
    """The names that can be typed are the sections there are."""
    assert tuple(run.SECTIONS) == SECTIONS


def test_a_wrong_configuration_is_all_that_is_told(tmp_path: Path) -> None:
    """One finding for each problem in the file; nothing that depends on it is tried."""
    findings = found(tmp_path, "camera", '[camera]\nsource = "x"\n[device]\nid = "a/b"\n')
    assert [(f.section, f.level) for f in findings] == [("config", Level.FAIL)] * 2
    assert all("edge-daemon config" in f.remedy for f in findings)


def test_a_right_configuration_is_summed_up(tmp_path: Path) -> None:
    """Device, fields, camera and broker in one line."""
    [finding] = found(tmp_path, "config", '[device]\nid = "dock3"\n[camera]\nsource = "simulated"\n')
    assert finding.level is Level.OK
    assert "dock3" in finding.what
    assert "simulated" in finding.what


# Model, camera, state


def test_model_that_is_damaged(tmp_path: Path) -> None:
    """One flipped byte in the network's file is found, and told with the file's name."""
    [manifest] = models_folder().glob("digits-*.json")
    for file in models_folder().glob(f"{manifest.stem}*"):
        shutil.copy(file, tmp_path)
    text = f'[model]\npath = "{tmp_path / manifest.name}"\n'
    assert [finding.level for finding in found(tmp_path, "model", text)] == [Level.OK]
    [network] = tmp_path.glob(f"digits-*.{default_kind()}.tflite")
    damaged = bytearray(network.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    network.write_bytes(damaged)
    [finding] = found(tmp_path, "model", text)
    assert finding.level is Level.FAIL
    assert str(network) in finding.what


def test_sieve_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon would not start with it, so the model is not sound: told with the file's name."""
    models = Path(shutil.copytree(models_folder(), tmp_path / "models"))
    [network] = models.glob(f"sieve-*.{default_kind()}.tflite")
    network.write_bytes(network.read_bytes()[:1000])
    monkeypatch.setattr(manifests, "models_folder", lambda: models)
    [finding] = found(tmp_path, "model", "")
    assert finding.level is Level.FAIL
    assert str(network) in finding.what


def test_camera_that_works(tmp_path: Path) -> None:
    """The first frame's size is told."""
    [finding] = found(tmp_path, "camera", '[camera]\nsource = "simulated"\nsize = [320, 240]\n')
    assert finding.level is Level.OK
    assert "320x240" in finding.what


def test_camera_that_sees_nothing(tmp_path: Path) -> None:
    """A frame of one flat shade is a warning: the lens may be covered."""
    cv2.imwrite(str(tmp_path / "dark.png"), np.full((100, 100), 7, np.uint8))
    text = f'[camera]\nsource = "files"\npath = "{tmp_path / "dark.png"}"\n'
    assert [finding.level for finding in found(tmp_path, "camera", text)] == [Level.OK, Level.WARN]


def test_camera_that_is_not_there(tmp_path: Path) -> None:
    """What the source says of itself is the finding."""
    [finding] = found(tmp_path, "camera", f'[camera]\nsource = "files"\npath = "{tmp_path}/nothing"\n')
    assert finding.level is Level.FAIL
    assert "no such file" in finding.what
    assert "edge-daemon check camera" in finding.remedy


class Silent:
    """A camera that opens and never delivers."""

    def frames(self, tick: float) -> Iterator[Frame | None]:
        while True:
            yield None


def test_camera_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame in time is a failure, not a wait for ever."""
    monkeypatch.setattr(camera, "FIRST_FRAME", 0.05)
    monkeypatch.setattr(camera, "open_source", lambda _kind, _options: Silent())
    [finding] = found(tmp_path, "camera", '[camera]\nsource = "simulated"\n')
    assert finding.level is Level.FAIL
    assert "delivered no frame" in finding.what


def test_state_folder_need_not_be_there_yet(tmp_path: Path) -> None:
    """It is enough that it can be made; looking does not make it."""
    [finding, _] = found(tmp_path, "state", "")
    assert finding.level is Level.OK
    assert not (tmp_path / "state").exists()


def test_state_folder_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in its place is a failure with a remedy."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "file"))
    [finding] = found(tmp_path, "state", "")
    assert finding.level is Level.FAIL
    assert "STATE_DIRECTORY" in finding.remedy


def test_state_folder_that_is_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outbox larger than what is free on the disk is a warning."""
    full = shutil.disk_usage(tmp_path)._replace(free=5 * 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    findings = found(tmp_path, "state", "")
    assert [finding.level for finding in findings] == [Level.OK, Level.WARN]
    assert "5 MB" in findings[1].what


# System, libraries, machine, service


def test_a_check_of_all_ends_well_here(tmp_path: Path, broker: Mosquitto) -> None:
    """Every section finds something, nothing fails, and each warning says what to do."""
    text = f'[device]\nid = "dock3"\n[camera]\nsource = "simulated"\n[mqtt]\nurl = "{broker.url}"\n'
    (tmp_path / "c.toml").write_text(text)
    findings = list(checks(tmp_path / "c.toml"))
    assert [f for f in findings if f.level is Level.FAIL] == []
    assert {f.section for f in findings} == set(run.SECTIONS)
    assert all(f.remedy for f in findings if f.level is Level.WARN)


def program(folder: Path, name: str, prints: str, code: int = 0) -> None:
    """A program in a folder that comes first in the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\ncat <<'.'\n{prints}\n.\nexit {code}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path / "bin"


def test_picamera2_that_does_not_bear_our_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What simplejpeg says beside numpy 2 is told as what it is, with the command that mends it."""
    (tmp_path / "picamera2.py").write_text('raise ValueError("numpy.dtype size changed, may indicate ...")')
    without = list(sys.path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *without])
    [*_, finding] = found(tmp_path, "runtime", "")
    assert finding.level is Level.FAIL
    assert "numpy<2" in finding.remedy
    (tmp_path / "picamera2.py").write_text("")
    assert [f.level for f in found(tmp_path, "runtime", "")] == [Level.OK] * 3
    monkeypatch.setattr(sys, "path", without)
    assert "python3-picamera2" in found(tmp_path, "runtime", "")[-1].remedy


def test_power_and_heat(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pi that has been short of voltage, and is hot now; on a Pi 5 its own program tells."""
    monkeypatch.setattr(machine, "SYS", tmp_path / "sys")
    heat = tmp_path / "sys/class/thermal/thermal_zone0/temp"
    heat.parent.mkdir(parents=True)
    heat.write_text("81000\n")
    program(programs, "vcgencmd", "throttled=0x50004")
    findings = found(tmp_path, "machine", "")[1:]
    assert [f.level for f in findings] == [Level.FAIL, Level.WARN, Level.WARN]
    assert "81 degrees" in findings[0].what
    assert findings[1].what == "right now: throttled (0x50004)"
    assert "under-voltage" in findings[2].what
    assert "supply" in findings[2].remedy


def test_a_service_that_failed(tmp_path: Path, programs: Path) -> None:
    """Its state, how often it was started anew, and its last error, each with the command to go on with."""
    program(programs, "systemctl", "LoadState=loaded\nActiveState=failed\nResult=exit-code\nNRestarts=7")
    program(programs, "journalctl", "2026-11-24T12:00:00 edge-daemon: camera 0 was not found")
    down, often, last = found(tmp_path, "service", "")
    assert [f.level for f in (down, often, last)] == [Level.FAIL, Level.WARN, Level.WARN]
    assert "systemctl start" in down.remedy
    assert "7 times" in often.what
    assert "camera 0 was not found" in last.what


def test_a_service_that_was_not_started(tmp_path: Path, programs: Path) -> None:
    """That is no failure: who has just installed it checks before the start."""
    program(programs, "systemctl", "LoadState=loaded\nActiveState=inactive\nResult=success\nNRestarts=0")
    program(programs, "journalctl", "")
    [finding, *_] = found(tmp_path, "service", "")
    assert finding.level is Level.WARN
    assert "enable --now" in finding.remedy


def test_a_camera_that_the_daemon_has(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one can have it: what the running daemon says of it counts, and its problems are told."""
    program(programs, "systemctl", "", 1)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    files = HealthFiles("dock3", exporters.HealthOptions(), tmp_path / "run")
    files.write({"frames": 7, "frame_age_s": 0.4}, {"disk": "the disk is full"})
    [finding] = found(tmp_path, "camera", "")
    assert (finding.level, "7 frames" in finding.what) == (Level.OK, True)
    assert [f.what for f in found(tmp_path, "service", "")][1:] == ["the running daemon reports: the disk is full"]
    files.write({"frames": 7, "frame_age_s": 0.4}, {"camera": "/dev/video0 is not there"})
    [finding] = found(tmp_path, "camera", "")
    assert (finding.level, "journalctl" in finding.remedy) == (Level.FAIL, True)
    files.write({"frames": 7, "frame_age_s": 44.0}, {})
    assert "for 44 s" in found(tmp_path, "camera", "")[0].what
    os.utime(tmp_path / "run" / exporters.FILE, (0, 0))  # it was killed: what it said no longer counts
    assert "picamera2" in found(tmp_path, "camera", "")[0].what


def test_updates(tmp_path: Path, published: ModelPublisher) -> None:
    """Which model is offered, or why what is offered cannot be had; looking leaves nothing behind."""
    [finding] = found(tmp_path, "updates", "")
    assert (finding.level, "url is empty" in finding.what) == (Level.OK, True)
    with serving(published.public) as web:
        text = f'[updates]\nurl = "{web.url}"\nroot = "{published.root}"\n'
        [finding] = found(tmp_path, "updates", text)
        assert (finding.level, "offers digits@9.4.0" in finding.what) == (Level.OK, True)
        [finding] = found(tmp_path, "updates", text.replace("root.json", "none.json"))
        assert (finding.level, "No such file" in finding.what) == (Level.WARN, True)
    assert not (tmp_path / "state").exists()


def test_second_opinions_are_told(tmp_path: Path) -> None:
    """Off, that nothing leaves the device; on, what goes where, how many more today, and that it is not encrypted."""
    [finding] = found(tmp_path, "opinion", "")
    assert (finding.level, "no cut-out leaves" in finding.what) == (Level.OK, True)
    text = '[device]\nid = "dock3"\n[opinion]\nper_day = 7\n[mqtt]\nurl = "mqtt://broker.example"\n'
    told, warned = found(tmp_path, "opinion", text)
    assert "edge_daemon/dock3/opinion/request, at most 7 a day, 7 more today" in told.what
    assert (warned.level, "unencrypted" in warned.what) == (Level.WARN, True)
    [_] = found(tmp_path, "opinion", text.replace("mqtt://", "mqtts://"))

"""Single steps of the setup: cameras, Home Assistant, the password's file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_daemon.check.finding import Level
from edge_daemon.domain import Message
from edge_daemon.mqtt import messages
from edge_daemon.setup import camera, home_assistant, reading
from edge_daemon.setup.credential import credential_of
from edge_daemon.setup.draft import write_new_or_old
from edge_daemon.setup.launcher import ChildLauncher, ServiceLauncher, start_service
from edge_daemon.setup.session import Rights, Session
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.cameras import fake_picamera2
from tests.support.setup import CAMERA


@pytest.fixture
def session(tmp_path: Path, broker: Mosquitto) -> Iterator[Session]:
    target = tmp_path / "my.toml"
    field = '[[field]]\nname = "meter"\nregion = [0.1, 0.1, 0.5, 0.5]\nunit = "KWh"\n'
    target.write_text(f'{CAMERA}[mqtt]\nurl = "{broker.url}"\n{field}')
    launcher = ChildLauncher(target, tmp_path / "log")
    made = Session(target, tmp_path / "state", [], Rights(write_new_or_old, credential_of(target), launcher))
    yield made
    made.close()


def test_cameras_that_are_there(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pi camera can be chosen beside the one that is configured; a USB camera is no Pi camera."""
    monkeypatch.setitem(sys.modules, "picamera2", fake_picamera2)
    monkeypatch.setattr(fake_picamera2.Picamera2, "cameras", 1)
    names = [each.name for each in camera.cameras(session)]
    assert names == ["as configured: simulated", "Pi camera 0, imx708"]


def test_another_camera_keeps_no_settings(session: Session) -> None:
    """The seed belongs to the page before; the same camera again keeps all."""
    findings = list(camera.choose(session, {"source": "simulated"}))
    assert (findings[0][0], session.draft.config.camera.options.seed) == (Level.OK, 3)
    session.draft.set("camera", {"source": "files", "seed": None, "surface": None, "hold": None, "path": "x.jpg"})
    list(camera.choose(session, camera.SIMULATED))
    assert session.draft.config.camera.options.seed == 0


def test_home_assistant_is_seen_and_named(session: Session, recorder: Recorder) -> None:
    """By its retained birth message; the sensor has the name and the unit that it will have there."""
    unseen = list(home_assistant.choose(session, "dock"))
    recorder.say(Message("homeassistant/status", b"online", retain=True))
    recorder.wait_for(lambda heard: ("homeassistant/status", b"online") in heard)
    seen = list(home_assistant.choose(session, "dock"))
    assert [unseen[0][0], seen[0][0]] == [Level.WARN, Level.OK]
    assert seen[1][1] == "it will show: dock meter kWh"
    assert [each[1] for each in home_assistant.choose(session, "dock", is_used=False)] == [
        "nothing is sent to Home Assistant"
    ]
    assert session.draft.config.mqtt.home_assistant == "off"


def test_a_password_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the credential of its unit, for each configuration another file, and this process can use it at once."""
    monkeypatch.setattr("edge_daemon.setup.credential.CREDENTIALS", tmp_path)
    (tmp_path / "handed").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "handed"))
    for config, file in (("config.toml", "mqtt-password"), ("dock.toml", "dock.mqtt-password")):
        credential = credential_of(tmp_path / config)
        credential.store("secret")
        stored = tmp_path / file
        assert (credential.name, stored.read_text(), stored.stat().st_mode & 0o777) == (
            "mqtt-password",
            "secret\n",
            0o600,
        )
    assert (tmp_path / "handed" / "mqtt-password").read_text() == "secret\n"


def test_readings_of_others_are_passed_over(session: Session, recorder: Recorder) -> None:
    """What was taken before the start, or whenever that is no time, is not the first reading."""
    session.draft.set("device", {"id": "bench"})
    session.started_at = 1000.0
    for field, at in (("a", "yesterday"), ("b", messages.timestamp(999.0)), ("c", messages.timestamp(1001.0))):
        payload = f'{{"captured_at":"{at}","text":"42","status":"ok"}}'.encode()
        recorder.say(Message(f"{messages.base('bench')}/reading/{field}", payload, retain=True))
    assert next(reading.received(session)).field == "c"


def test_a_service_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seen, without a process for each question; what was so before a new start does not count."""
    program, calls = tmp_path / "systemctl", tmp_path / "calls"
    program.write_text(f'#!/bin/sh\necho "$1" >>{calls}\n')  # success: it has failed
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    launcher = ServiceLauncher(start_service)
    assert all("has failed" in launcher.failure() for _ in range(3))
    launcher.start()
    program.write_text(f'#!/bin/sh\necho "$1" >>{calls}\nexit 1\n')
    assert launcher.failure() == ""
    assert calls.read_text().split() == ["is-failed", "enable", "restart", "is-failed"]

"""A whole setup without questions: a real broker, the simulated camera, a real daemon."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from edge_daemon.errors import ConfigError
from edge_daemon.setup import answers
from tests.support.brokers.mosquitto import Mosquitto, Recorder, free_port
from tests.support.received import payloads
from tests.support.setup import CAMERA, setup

pytestmark = pytest.mark.slow


def test_from_nothing_to_a_reading(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """The first number is named, its format is what was seen, and its reading has arrived at the broker; the file has
    all its explanations, and no draft is left."""
    field = '[[field]]\nname = "units"\nunit = "pcs"\n[device]\nid = "bench"\n'
    done = setup(tmp_path, f'{CAMERA}{field}[mqtt]\nurl = "{broker.url}"\n')
    assert (done.returncode, done.stderr) == (0, "")
    assert "it will show: bench units pcs" in done.stdout
    reading = payloads(recorder.heard, "bench/reading/units")[-1]
    assert f"the broker has accepted units: {reading['text']} pcs" in done.stdout
    text = (tmp_path / "my.toml").read_text()
    written = tomllib.loads(text)
    assert written["field"][0]["format"] == "#" * len(reading["text"])
    assert (written["device"]["id"], written["mqtt"]["url"]) == ("bench", broker.url)
    assert "# The kind of camera." in text
    assert not list((tmp_path / "state" / "setup").glob("*.toml"))


def test_a_login(tmp_path: Path) -> None:
    """The password is tried, and stored where only the owner can read it, not in the configuration."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "dock", "secret"], check=True)
    broker = Mosquitto(tmp_path / "mosquitto", f"password_file {passwords}")
    broker.start()
    (tmp_path / "typed").write_text("secret\n")
    (tmp_path / "typed").chmod(0o600)
    login = f'username = "dock"\npassword_file = "{tmp_path / "typed"}"\n'
    done = setup(tmp_path, f'{CAMERA}[mqtt]\nurl = "{broker.url}"\n{login}')
    broker.stop()
    assert done.returncode == 0, done.stdout
    stored = tmp_path / "my.mqtt-password"
    assert (stored.read_text(), stored.stat().st_mode & 0o777) == ("secret\n", 0o600)
    text = (tmp_path / "my.toml").read_text()
    assert tomllib.loads(text)["mqtt"]["password_file"] == str(stored)
    assert "secret" not in text


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    """The step and the failing part of it are named; nothing is written, and the steps before are kept."""
    done = setup(tmp_path, f'{CAMERA}[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}"\n')
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("FAIL")
    assert "TCP" in last
    assert not (tmp_path / "my.toml").exists()
    assert '"done":["camera","aim","numbers"]' in (tmp_path / "state" / "setup" / "progress.json").read_text()


@pytest.mark.parametrize("text", ["[outbox]\n", "field = 1\n", "[mqtt\n"], ids=["section", "kind", "syntax"])
def test_answers_that_are_none(tmp_path: Path, text: str) -> None:
    """An error names the file."""
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.toml: "):
        answers.read(tmp_path / "a.toml")

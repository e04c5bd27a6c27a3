"""The setup in a terminal: questions, answers, back, and Ctrl-C."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.received import payloads
from tests.support.setup import CAMERA, converse

pytestmark = pytest.mark.slow


def test_it_is_left_and_taken_up_again(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Ctrl-C at the broker's question loses nothing: the second run begins there, and ends with a reading. The file
    keeps its comments; until the last question it is as it was."""
    file = tmp_path / "my.toml"
    file.write_text(f"# mine\n{CAMERA}")
    begun = [("goes on", "\r"), ("Which of them", "2\r"), ("its name", "back\r"), ("goes on", "\r")]
    begun += [("Which of them", "2\r"), ("its name", "units pcs\r"), ("for TLS) [1]: ", "\x03")]
    printed, code = converse(tmp_path, begun)
    assert (code, file.read_text()) == (130, f"# mine\n{CAMERA}")
    assert "goes on from here" in printed
    wrong = [("Which broker", "mqtt://no-such-host.invalid\r"), ("a login", "\r"), ("tries it again", "\r")]
    right = [("Which broker", f"{broker.url}\r"), ("name of this device", "bench\r"), ("Enter writes", "\r")]
    printed, code = converse(tmp_path, [*wrong, *right])
    assert code == 0
    assert "1 of 7" not in printed
    assert "DNS: no address is known" in printed
    reading = payloads(recorder.heard, "bench/reading/units")[-1]
    assert f"the broker has accepted units: {reading['text']} pcs" in printed
    text = file.read_text()
    assert text.startswith("# mine\n")
    assert tomllib.loads(text)["mqtt"] == {"url": broker.url}


def test_the_picture_is_turned(tmp_path: Path) -> None:
    """With one key; the draft has it. A camera that cannot turn its picture is a finding, and the questions go on."""
    (tmp_path / "my.toml").write_text(CAMERA)
    printed, code = converse(tmp_path, [("goes on", "r\r"), ("mirror it: ", "m\r"), ("mirror it: ", "\x03")])
    assert ("FAIL" in printed, "rotation" in printed, code) == (True, True, 130)
    draft = tomllib.loads((tmp_path / "state" / "setup" / "config.toml").read_text())
    assert draft["camera"]["mirror"] is True

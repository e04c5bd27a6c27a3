"""What a person types, and what programs read: commands, exit codes, JSON, one line for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.broker import Mosquitto, broker
from tests.paper import page

__all__ = ["broker"]


def edge_daemon(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_daemon", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | env,
    )


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A page with 2021 over 38."""
    path = tmp_path / "sheet.png"
    cv2.imwrite(str(path), page([("2021", 60, 60), ("38", 80, 260)], height=60, pen=4))
    return path


def test_read_json_is_exactly_as_promised(sheet: Path) -> None:
    """Keys, types and ranges of the JSON line; numbers in reading order, boxes in pixels of the picture."""
    done = edge_daemon("read", "--json", str(sheet))
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert list(said) == ["image", "numbers"]
    assert said["image"] == str(sheet)
    assert [n["text"] for n in said["numbers"]] == ["2021", "38"]
    for number in said["numbers"]:
        assert list(number) == ["text", "confidence", "box", "candidates", "digits"]
        assert number["candidates"][0] == [number["text"], number["confidence"]]
        assert 1 <= len(number["candidates"]) <= 3
        assert all(len(d["top"]) == 3 and len(d["box"]) == 4 for d in number["digits"])
        assert "".join(d["top"][0][0] for d in number["digits"]) == number["text"]
    x, y, w, h = said["numbers"][0]["box"]
    assert 50 <= x <= 70
    assert 50 <= y <= 70
    assert h < 90 < w


def test_read_for_people_is_one_line_a_picture(sheet: Path) -> None:
    """Name, numbers, confidences; no progress bar and no log where nobody watches."""
    done = edge_daemon("read", str(sheet))
    assert "2021" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_bad_picture_is_told_and_the_rest_is_read(sheet: Path, tmp_path: Path) -> None:
    """One line on stderr for the bad one, the answer for the good one, exit code 1."""
    done = edge_daemon("read", "--json", str(tmp_path / "missing.jpg"), str(sheet))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert len(done.stderr.splitlines()) == 1
    assert "missing.jpg" in done.stderr


def test_annotate_writes_a_picture_to_look_at(sheet: Path, tmp_path: Path) -> None:
    """The drawn picture has the size of the original and differs from it."""
    edge_daemon("read", "--annotate", str(tmp_path / "out"), str(sheet))
    (drawn,) = (tmp_path / "out").rglob("*.png")
    before, after = cv2.imread(str(sheet)), cv2.imread(str(drawn))
    assert before is not None
    assert after is not None
    assert before.shape == after.shape
    assert (before != after).any()


@pytest.mark.parametrize("arguments", [["read"], ["run", "--nonsense"], ["reed"], ["check", "nonsense"]])
def test_wrong_usage_is_exit_2(arguments: list[str]) -> None:
    """A wrong command, option or argument: usage on stderr, nothing on stdout, exit code 2."""
    done = edge_daemon(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "edge-daemon" in done.stderr


@pytest.mark.parametrize("command", ["run", "check", "watch"])
def test_a_wrong_configuration_is_exit_78(tmp_path: Path, command: str) -> None:
    """File, line, key and the nearest known key, whatever the command."""
    config = tmp_path / "edge.toml"
    config.write_text('[mqtt]\nurl = "mqtt://localhost"\nusrname = "me"\n')
    done = edge_daemon(command, "--config", str(config))
    assert done.returncode == 78
    assert f"{config}:3" in done.stdout + done.stderr
    assert "username" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_what_is_well_and_what_is_not(tmp_path: Path) -> None:
    """With a simulated camera and no broker all is OK but the broker, which gets its remedy; exit code 1."""
    config = tmp_path / "edge.toml"
    config.write_text('[camera]\nsource = "simulated"\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n')
    done = edge_daemon("check", "--json", "--config", str(config), STATE_DIRECTORY=str(tmp_path / "state"))
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [f for f in findings if f["level"] == "FAIL"]
    assert [f["section"] for f in failed] == ["broker"]
    assert failed[0]["remedy"]
    assert done.returncode == 1
    assert any("tflite-runtime" in f["what"] or "ai-edge-litert" in f["what"] for f in findings)


def test_check_of_one_section_with_a_broker(tmp_path: Path, broker: Mosquitto) -> None:
    """`check broker` looks at nothing else and is content with a running broker; exit code 0."""
    config = tmp_path / "edge.toml"
    config.write_text(f'[mqtt]\nurl = "{broker.url}"\n')
    done = edge_daemon("check", "broker", "--config", str(config))
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_watch_without_a_broker_fails_with_a_sentence() -> None:
    """Nobody listens: one line with the address, exit code 1."""
    done = edge_daemon("watch", "--broker", "mqtt://127.0.0.1:1")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_printed_configuration_is_one_that_loads(tmp_path: Path) -> None:
    """`edge-daemon config > my.toml` gives a file that `check config` accepts."""
    config = tmp_path / "my.toml"
    config.write_text(edge_daemon("config").stdout)
    assert edge_daemon("check", "config", "--config", str(config)).returncode == 0

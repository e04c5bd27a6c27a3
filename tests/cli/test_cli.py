"""What a person types, and what programs read: commands, exit codes, JSON, one line for each mistake."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edge_daemon.domain import Message
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.pictures.paper import page


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
    assert [f["section"] for f in failed] == ["mqtt"]
    assert failed[0]["remedy"]
    assert done.returncode == 1
    assert any("tflite-runtime" in f["what"] or "ai-edge-litert" in f["what"] for f in findings)


def test_check_of_one_section_with_a_broker(tmp_path: Path, broker: Mosquitto) -> None:
    """`check mqtt` looks at nothing else and is content with a running broker; exit code 0."""
    config = tmp_path / "edge.toml"
    config.write_text(f'[mqtt]\nurl = "{broker.url}"\n')
    done = edge_daemon("check", "mqtt", "--config", str(config))
    assert done.returncode == 0, done.stdout
    assert {line.split()[1] for line in done.stdout.splitlines()} == {"mqtt"}


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


@pytest.mark.parametrize("name", ["", "/dev/null"])
def test_paths_that_are_no_pictures(tmp_path: Path, name: str) -> None:
    """An empty name and a device are one line each, not the current folder and not a hang."""
    done = edge_daemon("read", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_is_no_text(sheet: Path) -> None:
    """A file whose name is not UTF-8 is read, and its name shown as well as can be."""
    odd = os.fsencode(sheet.parent) + b"/\xff.png"
    os.link(sheet, odd)
    for flags in ([], ["--json"]):
        done = edge_daemon("read", *flags, os.fsdecode(odd))
        assert (done.returncode, done.stderr) == (0, "")
        assert "2021" in done.stdout


def test_annotate_never_replaces_a_picture_that_was_given(sheet: Path) -> None:
    """A folder in which a drawing would land on an original is refused, and the original is left alone."""
    before = sheet.read_bytes()
    (sheet.parent / "other").mkdir()
    same_name = sheet.parent / "other" / sheet.name
    same_name.write_bytes(before)
    for given in ([sheet], [same_name, sheet]):
        done = edge_daemon("read", "--annotate", str(sheet.parent), *map(str, given))
        assert done.returncode == 1
        assert "overwritten" in done.stderr
        assert sheet.read_bytes() == before


@pytest.mark.parametrize("name", ["noext", "x.jfif", "scan.2026-11-30"])
def test_annotate_a_picture_without_a_known_ending(sheet: Path, tmp_path: Path, name: str) -> None:
    """The format is found in the content; what is drawn is a PNG beside no other name."""
    cv2.imwrite(str(tmp_path / "x.jpg"), cv2.imread(str(sheet)))
    (tmp_path / "x.jpg").rename(tmp_path / name)
    done = edge_daemon("read", "--annotate", str(tmp_path / "out"), str(tmp_path / name))
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{name}.png"]
    assert cv2.imread(str(tmp_path / "out" / f"{name}.png")) is not None


def test_annotate_standard_input(sheet: Path, tmp_path: Path) -> None:
    """A picture from standard input, where that is a file, is drawn as stdin.png."""
    command = [sys.executable, "-m", "edge_daemon", "read", "--annotate", str(tmp_path / "out"), "/dev/stdin"]
    with sheet.open("rb") as picture:
        done = subprocess.run(command, stdin=picture, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["stdin.png"]


def test_annotate_numbers_pictures_with_the_same_name(sheet: Path, tmp_path: Path) -> None:
    """DIR holds each picture under its own name, without the folders of the original; a second one is NAME-2."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / sheet.name).write_bytes(sheet.read_bytes())
    edge_daemon("read", "--annotate", str(tmp_path / "out"), str(sheet), str(tmp_path / "other"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["sheet-2.png", "sheet.png"]


@pytest.mark.parametrize("arguments", [["read"], ["read", "--json"], ["config"], ["schema"], ["--help"]])
def test_output_to_a_full_disk_is_one_line(sheet: Path, arguments: list[str]) -> None:
    """The reason, and exit code 1: no traceback."""
    command = [sys.executable, "-m", "edge_daemon", *arguments, *([str(sheet)] if arguments[0] == "read" else [])]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_annotate_tells_a_folder_it_cannot_write(sheet: Path) -> None:
    """A folder below a file is one line with the name and the reason."""
    done = edge_daemon("read", "--annotate", f"{sheet}/x", str(sheet))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written" in done.stderr


def test_a_reader_that_goes_away_is_no_traceback(sheet: Path) -> None:
    """`edge-daemon read ... | head -1` ends quietly."""
    command = [sys.executable, "-m", "edge_daemon", "read", *[str(sheet)] * 20]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reading:
        assert reading.stdout is not None
        assert reading.stderr is not None
        assert "2021" in reading.stdout.readline()
        reading.stdout.close()
        assert reading.stderr.read() == ""
        assert reading.wait(20) == 1


def test_ctrl_c_ends_watch_quietly(broker: Mosquitto) -> None:
    """SIGINT is what a person stops it with: exit code 130, no traceback; what came is printed as it came."""
    command = [sys.executable, "-m", "edge_daemon", "watch", "--json", "--broker", broker.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        recorder = Recorder(broker.port)
        recorder.say(Message("edge_daemon/dock3/availability", b"online", retain=True))
        assert json.loads(watching.stdout.readline()) == {
            "topic": "edge_daemon/dock3/availability",
            "payload": "online",
        }
        recorder.close()
        watching.send_signal(signal.SIGINT)
        assert watching.stderr.read().strip() == ""
        assert watching.wait(20) == 130


def test_watch_of_one_device(broker: Mosquitto) -> None:
    """--device leaves out what other devices say."""
    recorder = Recorder(broker.port)
    for device in ("other", "dock3"):
        recorder.say(Message(f"edge_daemon/{device}/availability", b"online", retain=True))
    recorder.wait_for(lambda heard: len(heard) == 2)
    recorder.close()
    command = [sys.executable, "-m", "edge_daemon", "watch", "--device", "dock3", "--broker", broker.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("dock3 ")
        watching.send_signal(signal.SIGINT)
        watching.wait(20)


def test_a_progress_bar_only_where_a_person_waits(sheet: Path) -> None:
    """With a terminal on stderr and the answers going elsewhere, many files show a bar; few do not."""
    assert "%" in terminal("read", *[str(sheet)] * 5)
    assert terminal("read", str(sheet)) == ""


def terminal(*arguments: str) -> str:
    """What a terminal on stderr gets to see."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edge_daemon", *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, env=os.environ | {"TERM": "xterm"}, check=True)
    os.write(theirs, b"END")  # so that there is always something to read
    os.close(theirs)
    shown = b""
    while not shown.endswith(b"END"):
        shown += os.read(ours, 65536)
    os.close(ours)
    return shown.decode().removesuffix("END")


def test_a_wrong_broker_is_wrong_usage() -> None:
    """--broker is checked before anything is tried: exit code 2, with how it is written."""
    done = edge_daemon("watch", "--broker", "localhost")
    assert done.returncode == 2
    assert "mqtt://HOST:PORT" in done.stderr


def test_help_says_how_to_complete() -> None:
    """Completion is there and told in --help, for three shells."""
    shown = edge_daemon("--help").stdout
    for shell in ("bash", "zsh", "fish"):
        assert f"_EDGE_DAEMON_COMPLETE={shell}_source edge-daemon" in shown
    assert "edge_daemon_completion" in edge_daemon(_EDGE_DAEMON_COMPLETE="bash_source").stdout

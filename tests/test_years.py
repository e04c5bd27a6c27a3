"""The daemon as a process over what happens to it in years: no camera, reloads, a broken configuration, a leak."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from edge_daemon.domain import Message
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions
from edge_daemon.system import machine
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.program import daemon
from tests.support.received import availability, has_problem, payloads, readings

FIELD = '[[field]]\nname = "{}"\nregion = [0.0, 0.0, 1.0, 1.0]\nsettle = "1s"\n'
SIMULATED = 'source = "simulated"\nseed = 4\nhold = 3.0\nactive_fps = 10.0'


def rewrite(folder: Path, change: Callable[[str], str]) -> None:
    file = folder / "edge.toml"
    file.write_text(change(file.read_text()))


def infos(recorder: Recorder) -> int:
    return recorder.count("/info")


def test_without_a_camera_the_daemon_is_there(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """No camera: `online`, a problem and an event that say so, and commands are answered; SIGTERM ends it well."""
    with daemon(tmp_path, broker.url, 'source = "picamera"') as process:
        recorder.wait_for(has_problem("camera"))
        recorder.wait_for(lambda heard: payloads(heard, "/event"))
        (event,) = payloads(recorder.heard, "/event")
        assert (event["event_type"], event["state"]) == ("camera_problem", "ON")
        assert "picamera2 is not installed" in event["text"]
        recorder.say(Message("edge_daemon/bench/request/health_check", b""))
        recorder.wait_for(lambda heard: payloads(heard, "/response/health_check"))
        assert payloads(recorder.heard, "/response/health_check")[0]["data"]["frames"] == 0
        # a process opens a Pi camera once: another one is for the next, which has the same number
        rewrite(tmp_path, lambda text: text.replace('"picamera"', '"picamera"\ncamera = 1'))
        process.send_signal(signal.SIGHUP)
        recorder.wait_for(lambda _: availability(recorder) == [b"online", b"offline", b"online"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    recorder.wait_for(lambda heard: heard[-1] == ("edge_daemon/bench/availability", b"offline"))


@pytest.mark.slow
def test_a_reload_does_not_make_us_go_offline(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """A new field, another camera, a wrong file: each takes effect, or is told, and nobody sees us offline."""
    with daemon(tmp_path, broker.url, SIMULATED, FIELD.format("one")) as process:
        recorder.wait_for(lambda heard: payloads(heard, "/reading/one"))
        rewrite(tmp_path, lambda text: text + FIELD.format("two"))
        process.send_signal(signal.SIGHUP)
        recorder.wait_for(lambda heard: payloads(heard, "/reading/two"))
        rewrite(tmp_path, lambda text: text.replace("seed = 4", "seed = 5\nsize = [320, 240]"))
        process.send_signal(signal.SIGHUP)
        recorder.wait_for(lambda _: infos(recorder) == 3)
        rewrite(tmp_path, lambda text: text.replace("settle", "settled"))
        process.send_signal(signal.SIGHUP)
        recorder.wait_for(has_problem("config", "settled"))
        assert availability(recorder) == [b"online"]
        rewrite(tmp_path, lambda text: text.replace("settled", "settle").replace('"digits"', '"value"'))
        process.send_signal(signal.SIGHUP)
        recorder.wait_for(lambda heard: b"offline" in availability(recorder))
        recorder.wait_for(lambda heard: availability(recorder)[-1] == b"online")


@pytest.mark.slow
def test_a_reload_with_a_damaged_model_goes_on_reading(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """The model in the new configuration does not load: that is told, and the bundled one reads."""
    with daemon(tmp_path, broker.url, SIMULATED) as process:
        recorder.wait_for(readings)
        rewrite(tmp_path, lambda text: text + f'[model]\npath = "{tmp_path}/none.json"\n')
        process.send_signal(signal.SIGHUP)
        recorder.wait_for(has_problem("model"))
        before = len(readings(recorder.heard))
        recorder.wait_for(lambda heard: len(readings(heard)) > before)
        assert availability(recorder) == [b"online"]


def test_a_broken_configuration_at_the_start(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """The daemon ran with it before: the last good copy runs, and `problem` says what is wrong with the file."""
    with daemon(tmp_path, broker.url, SIMULATED) as process:
        recorder.wait_for(readings)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    before = len(readings(recorder.heard))
    with daemon(tmp_path, broker.url, SIMULATED.replace("hold", "holt")) as process:
        recorder.wait_for(has_problem("config", "holt"))
        recorder.wait_for(lambda heard: len(readings(heard)) > before)


@pytest.mark.slow
@pytest.mark.skipif(machine.resident_bytes() is None, reason="this system does not tell the memory of a process")
def test_too_much_memory_is_a_clean_restart(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """A daemon that holds more than it may starts anew as the same process, offline in between, and loses nothing."""
    imports = "from edge_daemon import app; from edge_daemon.cli.main import main"
    program = f"{imports}; app.NO_RESTART = 0; hog = bytearray(b'x') * (250 << 20); main()"
    config = tmp_path / "edge.toml"
    text = f'[device]\nid = "bench"\n[camera]\n{SIMULATED}\n[mqtt]\nurl = "{broker.url}"\n'
    config.write_text(text + '[health]\nmax_memory = "300MB"\n')
    env = os.environ | {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path / "runtime")}
    command = ["-c", program, "run", "--config", str(config)]
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        while "restarting" not in (line := process.stderr.readline()):
            assert line
        until(lambda: availability(recorder)[-2:] == [b"offline", b"online"])
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(640, 480), (1920, 1080)], ids=str)
def test_the_whole_daemon_is_small(
    tmp_path: Path, broker: Mosquitto, recorder: Recorder, size: tuple[int, int]
) -> None:
    """With pictures, networks, broker and outbox it holds less than 150 MB, with large pictures, too: a Pi Zero 2 W has
    512. It does not draw them itself: that takes 60 MB more of large ones."""
    picture = SimulatedCamera(SimulatedOptions(seed=4, size=size, surface="paper")).picture(0)
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures/page.jpg"), picture)
    with daemon(tmp_path, broker.url, f'source = "files"\npath = "{tmp_path}/pictures"\nwatch = true'):
        recorder.wait_for(lambda heard: len(readings(heard)) >= 3)
        recorder.say(Message("edge_daemon/bench/request/health_check", b""))
        recorder.wait_for(lambda heard: payloads(heard, "/response/health_check"))
    facts = payloads(recorder.heard, "/response/health_check")[0]["data"]
    assert 50e6 < facts["rss_bytes"] < 150e6

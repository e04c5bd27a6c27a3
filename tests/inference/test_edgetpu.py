"""The Coral Edge TPU: there or not, failing in each way that it can; something always reads, and says what.

A library made of edgetpu.c plays the device. No real one can be had here.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_daemon.domain import DIGITS
from edge_daemon.errors import ModelError
from edge_daemon.inference import classifier
from edge_daemon.inference.edgetpu import EdgeTpu
from edge_daemon.inference.edgetpu_probe import IDS, LIBRARY, why_unusable
from edge_daemon.inference.options import ModelOptions
from edge_daemon.model_store.store import Store
from scripts import compile_edgetpu
from tests.support import tflite_files
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.pictures.paper import write_page
from tests.support.program import daemon
from tests.support.received import readings

INKS = [tflite_files.ink(digit, 5) for digit in DIGITS]
GOLDEN = 20


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the vendor's library, as the test has it."""
    folder = tmp_path_factory.mktemp("lib")
    source = Path(__file__).with_name("edgetpu.c")
    command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(folder / LIBRARY), str(source), "-lm"]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """A model and its Edge TPU twin side by side, and what the device needs to play it."""
    (tmp_path / "mine.tflite").write_bytes(tflite_files.linear(dtype="uint8"))
    (tmp_path / "mine_edgetpu.tflite").write_bytes(tflite_files.linear(dtype="uint8", edgetpu=True))
    tflite_files.weights(28, 28)[:10].tofile(tmp_path / "weights")
    return tmp_path / "mine.tflite"


@pytest.fixture
def plays(library: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say how the device behaves. This process has loaded no library: only what it starts sees it."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(library))
    monkeypatch.setenv("EDGETPU_WEIGHTS", str(compiled.with_name("weights")))

    def play(does: str, after: int = 0) -> None:
        monkeypatch.setenv("EDGETPU_DOES", does)
        monkeypatch.setenv("EDGETPU_AFTER", str(after))

    return play


def run(folder: Path, broker: Mosquitto, delegate: str = "edgetpu") -> Any:
    shown = write_page(folder, ("2357", 60, 60))
    camera = f'source = "files"\npath = "{shown}"\nactive_fps = 20.0\nidle_fps = 20.0'
    model = f'[model]\npath = "{folder / "mine.tflite"}"\ndelegate = "{delegate}"\n'
    return daemon(folder, f"mqtt://127.0.0.1:{broker.port}", camera, model)


def backends(recorder: Recorder) -> set[str]:
    return {reading["backend"] for reading in readings(recorder.heard)}


def troubles(recorder: Recorder) -> list[str]:
    return [problem["text"] for problem in recorder.payloads("/problem") if "edgetpu" in problem["codes"]]


@pytest.mark.slow
def test_a_device_that_works_reads(tmp_path: Path, plays: Any, broker: Mosquitto, recorder: Recorder) -> None:
    """Each reading says edgetpu, the value is right, no problem is told."""
    plays("works")
    with run(tmp_path, broker, "auto"):
        recorder.wait_for(lambda heard: "2357" in {reading["text"] for reading in readings(heard)})
        assert backends(recorder) == {"edgetpu"}
        assert troubles(recorder) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("does", "after", "told"),
    [
        ("absent", 0, "none is attached. Plug it in"),
        ("prepare", 0, "compile it again"),
        ("invoke", 0, "it fails when it runs"),
        ("abort", 0, "the process that tried it was killed by SIGABRT"),
    ],
)
def test_a_device_that_cannot_be_used_leaves_the_cpu_reading(
    does: str, after: int, told: str, tmp_path: Path, plays: Any, broker: Mosquitto, recorder: Recorder
) -> None:
    """The probe finds out, the daemon lives, the CPU reads, and `problem` says what to do."""
    plays(does, after)
    with run(tmp_path, broker):
        recorder.wait_for(lambda heard: "2357" in {reading["text"] for reading in readings(heard)})
        assert backends(recorder) == {"cpu"}
        until(lambda: troubles(recorder))
        assert told in troubles(recorder)[-1]


@pytest.mark.slow
def test_an_error_in_use_hands_over_to_the_cpu(
    tmp_path: Path, plays: Any, broker: Mosquitto, recorder: Recorder
) -> None:
    """Of the frame in which the device fails the same glyphs are read on the CPU: nothing is lost, and it is told."""
    plays("invoke", after=GOLDEN + 30)
    with run(tmp_path, broker):
        until(lambda: troubles(recorder))
        assert "it failed in use (" in troubles(recorder)[-1]
        recorder.wait_for(lambda heard: "2357" in {reading["text"] for reading in readings(heard)})
        assert "cpu" in {reading["backend"] for reading in readings(recorder.heard)}


@pytest.mark.slow
@pytest.mark.parametrize("does", ["hang", "abort"])
def test_after_a_hang_or_an_abort_the_next_start_reads_on_the_cpu(
    does: str, tmp_path: Path, plays: Any, broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd's part, played by the test: no ping within the watchdog's time is a SIGABRT, then comes a new start."""
    plays(does, after=GOLDEN + 30)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(3.0)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    with run(tmp_path, broker) as process:
        heard = []
        while process.poll() is None:
            try:
                heard.append(manager.recv(1000))
            except TimeoutError:
                if b"READY=1" in heard and does == "hang":
                    process.send_signal(signal.SIGABRT)
                    process.wait()
        assert process.returncode == -signal.SIGABRT
    monkeypatch.delenv("WATCHDOG_USEC")
    monkeypatch.delenv("NOTIFY_SOCKET")
    manager.close()
    with run(tmp_path, broker):
        until(lambda: troubles(recorder))
        assert "the program died while it used the device" in troubles(recorder)[-1]
        recorder.wait_for(
            lambda heard: ("2357", "cpu") in {(reading["text"], reading["backend"]) for reading in readings(heard)}
        )


# The same without a daemon, on a clock of the test's own: in a process that can load the library.

IN_A_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from edge_daemon.inference import classifier
from edge_daemon.inference.edgetpu import FIRST_WAIT, STABLE, EdgeTpu
from edge_daemon.inference.options import ModelOptions
import os
from edge_daemon.domain import DIGITS
from tests.support import tflite_files
INKS = [tflite_files.ink(digit, 5) for digit in DIGITS]
clock = [0.0]
device = EdgeTpu(Path(sys.argv[2]), now=lambda: clock[0])
model = classifier.load(ModelOptions(sys.argv[1]), device)
def read():
    assert (model.classify_inks(INKS).argmax(axis=1) == np.arange(10)).all()
    return model.backend
def settled():
    while device._probe is not None:
        read()
"""


def played(code: str, *arguments: Path, ending: int = 0) -> str:
    command = [sys.executable, "-c", IN_A_PROCESS + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ending, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_device_that_failed_is_tried_again_at_growing_distances(tmp_path: Path, plays: Any, compiled: Path) -> None:
    """After one minute, then two; while it waits the CPU reads. What lies long back is forgotten."""
    plays("invoke", after=GOLDEN + 15)
    code = """
assert read() == "edgetpu"
assert read() == "cpu"
os.environ["EDGETPU_DOES"] = "absent"
clock[0] += FIRST_WAIT - 1
assert read() == "cpu" and device._probe is None
clock[0] += 2
assert read() == "cpu" and device._probe is not None
settled()
assert "none is attached" in device.problem
os.environ["EDGETPU_DOES"] = "works"
clock[0] += 3600
read()
settled()
assert read() == "edgetpu" and device.problem == ""
device.report_failure("test")
assert "in 120 s" in device.problem
clock[0] += 121
read()
settled()
assert read() == "edgetpu"
clock[0] += STABLE + 1
read()
device.report_failure("test")
assert "in 60 s" in device.problem
device.close()
"""
    played(code, compiled, tmp_path / "state")


@pytest.mark.slow
def test_a_clean_end_leaves_no_mark(tmp_path: Path, plays: Any, compiled: Path) -> None:
    """Who closes the device finds it again at the next start; who is killed with it in use does not."""
    plays("works")
    played('assert read() == "edgetpu"; device.close()', compiled, tmp_path / "state")
    played('assert read() == "edgetpu"; os.kill(os.getpid(), 9)', compiled, tmp_path / "state", ending=-9)
    played('assert read() == "cpu" and "died" in device.problem; device.close()', compiled, tmp_path / "state")


def test_without_the_library_it_is_told_what_to_install(tmp_path: Path, compiled: Path) -> None:
    """In this process there is no library: a device that is wanted is missed, one that may be there is not."""
    for wanted in (True, False):
        device = EdgeTpu(tmp_path / "state", wanted)
        model = classifier.load(ModelOptions(str(compiled)), device)
        assert ("libedgetpu1-std" in device.problem) is wanted
        assert model.backend == "cpu"
        assert (model.classify_inks(INKS).argmax(axis=1) == np.arange(10)).all()
        device.close()


def test_a_library_without_the_entrance_is_too_old(
    tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It loads, and has none of the functions that are called."""
    (tmp_path / "empty.c").write_text("int nothing;\n")
    command = ["gcc", "-shared", "-fPIC", "-o", str(tmp_path / LIBRARY), str(tmp_path / "empty.c")]
    subprocess.run(command, check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    device = EdgeTpu(tmp_path / "state", required=True)
    classifier.load(ModelOptions(str(compiled)), device)
    assert "too old" in device.problem
    device.close()


@pytest.fixture
def usb(tmp_path: Path) -> Path:
    """A tree as /sys/bus/usb/devices and /dev are, with one Edge TPU."""
    entry = tmp_path / "usb/1-1"
    entry.mkdir(parents=True)
    vendor, product = IDS[1].split(":")
    for name, text in {"idVendor": vendor, "idProduct": product, "busnum": "1", "devnum": "4"}.items():
        (entry / name).write_text(f"{text}\n")
    (tmp_path / "dev/bus/usb/001").mkdir(parents=True)
    return tmp_path


def test_no_device_no_permission_and_no_answer_are_told_apart(usb: Path) -> None:
    """By what the system shows of it."""
    node = usb / "dev/bus/usb/001/004"
    assert "no permission for" in why_unusable(usb / "usb", usb / "dev")  # no node that this user may open
    node.touch()
    assert "does not answer" in why_unusable(usb / "usb", usb / "dev")
    assert "none is attached" in why_unusable(usb / "nothing", usb / "dev")


def test_the_compiled_file_and_its_twin_are_one_model(compiled: Path) -> None:
    """Whichever is named, the other is found; alone the compiled one is refused with what to do."""
    named = classifier.load(ModelOptions(str(compiled.with_name("mine_edgetpu.tflite"))))
    assert named.name == classifier.load(ModelOptions(str(compiled))).name
    compiled.unlink()
    with pytest.raises(ModelError, match="name the file it was compiled from"):
        classifier.load(ModelOptions(str(compiled.with_name("mine_edgetpu.tflite"))))


COMPILER = """#!/bin/sh
test "$1 $2" = "-s -o" || exit 2
cp "$4" "$3/$(basename "$4" .tflite)_edgetpu.tflite"
"""


def test_the_compiled_bundled_model_is_one_that_the_store_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """scripts/compile-edgetpu with a compiler that copies: the folder is added, and names the compiled file.

    A model that is no compiled one does not run on the device, and is told; the CPU reads.
    """
    (tmp_path / "edgetpu_compiler").write_text(COMPILER)
    (tmp_path / "edgetpu_compiler").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "made").mkdir()
    compile_edgetpu.model(tmp_path / "made")
    store = Store(tmp_path / "store")
    version = store.add(tmp_path / "made")
    store.activate(version)
    assert version.endswith("+edgetpu")
    device = EdgeTpu(tmp_path / "state", required=True)
    model = classifier.load(ModelOptions(str(store.active().manifest)), device)
    assert model.backend == "cpu"
    assert LIBRARY in device.problem
    device.close()

"""`edge-daemon selftest` reads ten numbers, and fails with a model that is damaged or wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge_daemon
from edge_daemon.errors import ModelError
from edge_daemon.inference.manifest import models_folder
from edge_daemon.inference.options import ModelOptions
from edge_daemon.inference.runtime import default_kind
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.number import Truth
from edge_daemon.tools import selftest

MODELS = [
    path.name
    for name, kind in (("digits", default_kind()), ("sieve", default_kind()), ("strips", "int8"))
    for path in models_folder().glob(f"{name}-*.{kind}.tflite")
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The program and its models, to be damaged."""
    package = tmp_path / "edge_daemon"
    shutil.copytree(Path(edge_daemon.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "models"))
    shutil.copytree(models_folder(), tmp_path / "models")
    return tmp_path


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_daemon", "selftest"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_all_samples_are_read(copy: Path) -> None:
    """An installation that is as it should be reads all, and says so in the words the installer ends with."""
    done = run(copy)
    assert (done.returncode, done.stdout) == (0, "read 10 of 10 sample numbers\n")


@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_model_fails(copy: Path, name: str) -> None:
    """One changed byte in any network that runs here fails it, with the file's name."""
    path = copy / "models" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = run(copy)
    assert done.returncode == 1
    assert name in done.stderr
    assert "sample numbers" not in done.stdout


def test_a_wrong_reading_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not what was written is not counted as read."""
    monkeypatch.setattr(SimulatedCamera, "_truth_at", lambda *_: [Truth("1234567", (0, 0, 1, 1), 0)])
    assert not any(found.is_right for found in selftest.samples(ModelOptions()))


def test_a_model_of_ones_own_is_tested() -> None:
    """The configured model is the one that is tried."""
    with pytest.raises(ModelError, match="nowhere"):
        list(selftest.samples(ModelOptions("nowhere.json")))

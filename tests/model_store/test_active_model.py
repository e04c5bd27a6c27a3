"""Which model runs: the one that is wanted, on probation where it is new, and never none."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import DIGITS, Glyph
from edge_daemon.inference.digits import DigitClassifier, golden_inks, read_manifest
from edge_daemon.inference.edgetpu import EdgeTpu
from edge_daemon.inference.manifest import bundled, read_file
from edge_daemon.inference.options import ModelOptions
from edge_daemon.model_store import active_model
from edge_daemon.model_store import store as store_module
from edge_daemon.model_store.active_model import open_active_model
from edge_daemon.model_store.probation import INSPECTED, Probation
from edge_daemon.model_store.store import Store
from edge_daemon.system import atomic
from tests.support import tflite_files
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.models import model
from tests.support.program import daemon
from tests.support.received import readings

BUNDLED = bundled("digits").stem.removeprefix("digits-")
GLYPHS = [Glyph((0, 0, 80, 80), tflite_files.ink(digit, 5)) for digit in DIGITS]
WANTED = ModelOptions(precision="int8")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Models are installed without acceptance, which has tests of its own."""
    monkeypatch.setattr(store_module, "accept_model", lambda _: None)
    monkeypatch.setattr(active_model, "accept_options", lambda _: None)
    return Store(tmp_path / "store")


def unsure(folder: Path, version: str) -> Path:
    """A model that keeps what its manifest promises, and is nowhere near as sure as the bundled one."""
    source = bundled("digits")
    facts = read_manifest(source)
    warm = {kind: 8 * t for kind, t in facts.temperature.items()}
    made = model(folder, version, temperature=warm, golden=[[0.0] * 11] * len(facts.golden))
    manifest = made / f"digits-{version}.json"
    classifier = object.__new__(DigitClassifier)
    plain = DigitClassifier(ModelOptions(str(source), precision="int8"))
    classifier._networks, classifier._temperature = plain._networks, warm["int8"]
    said = classifier.classify_inks(golden_inks(read_file(source.parent, facts.files["golden"]), len(facts.golden)))
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"golden": said.astype(float).tolist()}))
    return made


def test_a_new_model_speaks_on_probation(store: Store, tmp_path: Path) -> None:
    """Its name stands in what is read; the mark of its use is gone afterwards."""
    store.add(model(tmp_path, "9.0.0"))
    store.activate("9.0.0")
    with open_active_model(WANTED, store, EdgeTpu(tmp_path), lambda: None) as now:
        assert isinstance(now.reader.classifier, Probation)
        assert now.reader.classifier.name == "digits@9.0.0"
        assert now.problems() == {}
        assert store.deaths() == 1
    assert store.deaths() == 0


def test_a_worse_model_is_left_and_the_one_before_comes_back(store: Store, tmp_path: Path) -> None:
    """Unsure where the old one is sure: at the first inspection the store turns back, and a rebuild is asked for."""
    store.add(unsure(tmp_path, "9.0.0"))
    store.activate("9.0.0")
    asked: list[bool] = []
    with open_active_model(WANTED, store, EdgeTpu(tmp_path), lambda: asked.append(True)) as now:
        for _ in range(INSPECTED):
            now.reader.classifier.classify(GLYPHS)
        assert now.reader.classifier.name == f"digits@{BUNDLED}"
    assert asked == [True]
    assert store.active().bundled
    assert "confidence" in store.refusals()["9.0.0"]


def test_a_model_that_keeps_killing_the_program_is_left(store: Store, tmp_path: Path) -> None:
    """Three deaths on probation: the next start does not load it, and says so."""
    store.add(model(tmp_path, "9.0.0"))
    store.activate("9.0.0")
    (store.folder / "deaths").write_text("3")
    with open_active_model(WANTED, store, EdgeTpu(tmp_path), lambda: None) as now:
        assert now.reader.classifier.name == f"digits@{BUNDLED}"
        assert "9.0.0 was replaced by" in now.problems()["model"]
    assert set(store.refusals()) == {"9.0.0"}


def test_on_a_disk_that_cannot_be_written_a_model_that_fails_is_left_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store cannot note it: the one before reads, and it is told, at each start anew."""
    store.add(model(tmp_path, "9.0.0", temperature={}))
    store.activate("9.0.0")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write", full)
    for _ in range(2):
        with open_active_model(WANTED, store, EdgeTpu(tmp_path), lambda: None) as now:
            assert now.reader.classifier.name == f"digits@{BUNDLED}"
            assert "9.0.0 was replaced by" in now.problems()["model"]
    assert store.active().name == "9.0.0"


def test_a_damaged_model_is_told_and_something_reads(store: Store, tmp_path: Path) -> None:
    """Of the active version a byte is lost: the bundled one runs, `problem` says why."""
    store.add(model(tmp_path, "9.0.0"))
    store.activate("9.0.0")
    [network] = (store.folder / "versions/9.0.0").glob("*int8.tflite")
    network.write_bytes(network.read_bytes()[:-1])
    with open_active_model(WANTED, store, EdgeTpu(tmp_path), lambda: None) as now:
        assert (now.reader.classifier.classify(GLYPHS).argmax(axis=1) == np.arange(10)).all()
        assert "9.0.0 cannot be used" in now.problems()["model"]


@pytest.mark.parametrize("content", [None, b"<html>404</html>"])
def test_a_configured_file_that_cannot_be_used_is_told_and_the_bundled_model_reads(
    store: Store, tmp_path: Path, content: bytes | None
) -> None:
    """A person's own file is missing or damaged: the daemon reads all the same, and says with what."""
    file = tmp_path / "mine.tflite"
    if content is not None:
        file.write_bytes(content)
    with open_active_model(ModelOptions(str(file), precision="int8"), store, EdgeTpu(tmp_path), lambda: None) as now:
        assert now.reader.classifier.name == f"digits@{BUNDLED}"
        assert "the bundled model runs instead of" in now.problems()["model"]


@pytest.mark.slow
def test_the_daemon_leaves_a_worse_model_by_itself(
    tmp_path: Path, broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole road: an unsure model is added and activated; the daemon reads with it, leaves it, and reads on."""
    store = Store(tmp_path / "state/models")
    store.activate(store.add(unsure(tmp_path, "9.0.0")))
    camera = 'source = "simulated"\nactive_fps = 20.0\nidle_fps = 20.0\nhold = 3.0'
    with daemon(tmp_path, f"mqtt://127.0.0.1:{broker.port}", camera) as process:
        recorder.wait_for(
            lambda heard: f"digits@{BUNDLED}" in {reading["model"] for reading in readings(heard)}, timeout=100
        )
        assert process.poll() is None
        recorder.wait_for(lambda heard: any(topic.endswith("/event") and b"model_changed" in p for topic, p in heard))
    assert set(store.refusals()) == {"9.0.0"}

"""Three networks as one version: what goes together in comes together out, or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from edge_daemon.errors import ModelError
from edge_daemon.inference import digits
from edge_daemon.inference.manifest import bundled
from edge_daemon.inference.options import ModelOptions
from edge_daemon.model_store import acceptance
from edge_daemon.model_store import store as store_module
from edge_daemon.model_store.store import Store
from edge_daemon.recognition.reader import open_reader
from edge_daemon.tools.join_models import join
from tests.support.models import model

DIGITS, SIEVE, STRIPS = map(bundled, ("digits", "sieve", "strips"))


def test_the_store_takes_them_in_as_one_version_and_all_three_read(tmp_path: Path) -> None:
    """The whole way, with the acceptance: from the store the reader has the sieve and the strips network of it."""
    made = join(tmp_path / "made", DIGITS, [SIEVE, STRIPS], "9.0.0")
    store = Store(tmp_path / "store")
    store.activate(store.add(made.parent))
    active = store.active().manifest
    brought = digits.companions(str(active))
    assert {name: path.parent for name, path in brought.items()} == dict.fromkeys(("sieve", "strips"), active.parent)
    assert open_reader(ModelOptions(str(active))).strips is not None
    assert digits.companions(str(DIGITS)) == {}


def test_damage_to_one_is_damage_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit of the sieve is lost: the whole version gives way, so that no two versions ever mix."""
    monkeypatch.setattr(store_module, "accept_model", lambda _: None)
    store = Store(tmp_path / "store")
    store.activate(store.add(join(tmp_path / "made", DIGITS, [SIEVE], "9.0.0").parent))
    [network] = (store.folder / "versions/9.0.0").glob("sieve*int8.tflite")
    network.write_bytes(network.read_bytes()[:-1] + b"\0")
    runs, told = store.usable()
    assert runs.bundled
    assert network.name in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda facts: facts | {"views": 99}, "trained with views 99"),
        (lambda facts: facts | {"name": "strips"}, "as its sieve is of 'strips'"),
        (lambda facts: facts | {"files": facts["files"] | {"int8": facts["files"]["golden"]}}, "does not load"),
        (lambda facts: facts | {"golden": facts["golden"][::-1]}, "golden pictures"),
    ],
)
def test_a_companion_that_does_not_belong_is_refused(tmp_path: Path, change, told: str) -> None:  # type: ignore[no-untyped-def]
    """Another version's manifest in its place, hashes right: a sieve for another program, another network, other
    files, other answers. None is accepted."""
    made = join(tmp_path / "made", DIGITS, [SIEVE], "9.0.0")
    [companion] = made.parent.glob("*.manifest")
    companion.write_text(json.dumps(change(json.loads(companion.read_text()))))
    facts, content = json.loads(made.read_text()), companion.read_bytes()
    facts["files"]["sieve"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    made.write_text(json.dumps(facts))
    with pytest.raises(ModelError, match=told):
        acceptance.run_model(str(made))


def test_what_cannot_be_joined(tmp_path: Path) -> None:
    """A second digit model is no companion; a folder with something in it is left alone."""
    with pytest.raises(ModelError, match="can bring sieve and strips"):
        join(tmp_path / "made", DIGITS, [model(tmp_path, "9.1.0") / "digits-9.1.0.json"], "9.0.0")
    join(tmp_path / "made", DIGITS, [STRIPS], "9.0.0")
    with pytest.raises(ModelError, match="not empty"):
        join(tmp_path / "made", DIGITS, [STRIPS], "9.0.0")

"""The store: what gets in, what runs, and that something always does."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from edge_daemon.errors import ModelError
from edge_daemon.inference.manifest import bundled
from edge_daemon.model_store import acceptance
from edge_daemon.model_store import store as module
from edge_daemon.model_store.store import Store
from edge_daemon.model_store.version import is_older
from edge_daemon.system.child_process import call
from tests.support.models import model

BUNDLED = bundled("digits").stem.removeprefix("digits-")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Without the acceptance in a child process: it has tests of its own, and takes a second."""
    monkeypatch.setattr(module, "accept_model", lambda _: None)
    return Store(tmp_path / "store")


def filled(store: Store, folder: Path, *versions: str) -> Store:
    for version in versions:
        store.add(model(folder, version))
        store.activate(version)
    return store


def test_an_empty_store_runs_the_bundled_model(tmp_path: Path) -> None:
    """Nothing has to be there, and nothing is written by looking."""
    store = Store(tmp_path / "store")
    [only] = store.versions()
    assert (only.name, only.bundled, only.active) == (BUNDLED, True, True)
    assert store.usable() == (only, "")
    assert not (tmp_path / "store").exists()


def test_a_model_is_tried_in_a_child_added_and_activated(tmp_path: Path) -> None:
    """The whole way, nothing left out: then it runs, on probation, also for a new process."""
    store = Store(tmp_path / "store")
    assert store.add(model(tmp_path, "9.0.0")) == "9.0.0"
    assert store.active().bundled
    store.activate("9.0.0")
    now = Store(tmp_path / "store").active()
    assert (now.name, now.probation, now.bundled) == ("9.0.0", True, False)
    assert now.manifest.is_file()
    store.end_probation()
    assert not store.active().probation


def test_a_rollback_brings_back_the_one_before_and_is_final(store: Store, tmp_path: Path) -> None:
    """What was left is never added or activated again, unless a person says so."""
    filled(store, tmp_path, "9.0.0", "9.1.0")
    assert store.rollback("it was worse") == "9.0.0"
    assert set(store.refusals()) == {"9.1.0"}
    with pytest.raises(ModelError, match="it was worse"):
        store.activate("9.1.0")
    with pytest.raises(ModelError, match="it was worse"):
        store.add(tmp_path / "model-9.1.0")
    assert store.rollback() == BUNDLED
    with pytest.raises(ModelError, match="none before it"):
        store.rollback()
    store.activate("9.1.0", again=True)
    assert store.active().name == "9.1.0"
    assert set(store.refusals()) == {"9.0.0"}


@pytest.mark.parametrize("damaged", [["9.1.0"], ["9.0.0", "9.1.0"]])
def test_damage_gives_way_to_what_is_whole(store: Store, tmp_path: Path, damaged: list[str]) -> None:
    """One bit in the active version: the one before it runs, or the bundled one, and it is told. Added anew it runs."""
    filled(store, tmp_path, "9.0.0", "9.1.0")
    for version in damaged:
        [network] = (store.folder / "versions" / version).glob("*int8.tflite")
        content = bytearray(network.read_bytes())
        content[5000] ^= 1
        network.write_bytes(content)
    runs, told = store.usable()
    assert runs.name == ("9.0.0" if damaged == ["9.1.0"] else BUNDLED)
    assert "9.1.0 cannot be used" in told
    assert "is damaged" in told
    store.add(tmp_path / "model-9.1.0")
    assert store.usable()[0].name == "9.1.0"


@pytest.mark.parametrize("name", ["active", "refused"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b'{"version": 3}', b'{"version": "../../etc"}', b"[]"])
def test_a_damaged_pointer_points_to_something_that_runs(
    store: Store, tmp_path: Path, name: str, content: bytes
) -> None:
    """Whatever the small files hold, the store opens and names a model that is whole."""
    filled(store, tmp_path, "9.0.0")
    (store.folder / name).write_bytes(content)
    assert store.usable()[0].name in ("9.0.0", BUNDLED)
    store.versions()
    store.activate("9.0.0", again=True)
    assert store.usable()[0].name == "9.0.0"


def test_what_does_not_fit_stays_out(store: Store, tmp_path: Path) -> None:
    """Another content under a version that is there, the bundled version, a version that is a path, a wrong hash."""
    store.add(model(tmp_path, "9.0.0"))
    with pytest.raises(ModelError, match="with other content"):
        store.add(model(tmp_path / "other", "9.0.0", comment="other"))
    with pytest.raises(ModelError, match="needs a new version"):
        store.add(model(tmp_path, BUNDLED))
    spoiled = model(tmp_path, "9.2.0")
    next(spoiled.glob("*int8.tflite")).write_bytes(b"<html>")
    with pytest.raises(ModelError, match="is damaged"):
        store.add(spoiled)
    manifest = model(tmp_path, "9.3.0") / "digits-9.3.0.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": "../9"}))
    with pytest.raises(ModelError, match="is not a version"):
        store.add(manifest.parent)
    with pytest.raises(ModelError, match="one manifest"):
        store.add(tmp_path / "other")
    assert [version.name for version in store.versions()] == [BUNDLED, "9.0.0"]
    assert sorted(path.name for path in (store.folder / "versions").iterdir()) == ["9.0.0"]


def upgraded(store: Store, bundled_version: str) -> Store:
    """The same store, seen by a program that brings another bundled model."""
    newer = Store(store.folder)
    newer._floor = newer._floor.with_name(f"digits-{bundled_version}.json")
    return newer


def test_an_older_version_gives_way_to_a_newer_bundled_one(store: Store, tmp_path: Path) -> None:
    """After an upgrade of the program the bundled model runs, and it is told; by hand the older one comes back, and
    stays. Without the upgrade all is as it was."""
    store = filled(store, tmp_path, "9.0.0", "9.1.0")
    newer = upgraded(store, "9.2.0")
    assert (newer.usable()[0].name, newer.usable()[1], newer.outdated()) == ("9.2.0", "", "9.1.0")
    assert [version.name for version in newer.versions() if version.outdated] == ["9.1.0"]
    assert store.usable()[0].name == "9.1.0"
    newer.activate("9.1.0")
    assert (newer.active().name, newer.outdated(), newer.previous().name) == ("9.1.0", "", "9.2.0")
    assert upgraded(store, "9.3.0").active().name == "9.3.0"


def test_an_upgrade_leaves_what_is_newer_and_goes_back_to_nothing_older(store: Store, tmp_path: Path) -> None:
    """A version newer than the bundled one goes on, yet from there the way back leads to the bundled one, not past it.
    A version that comes with the program is the bundled one; one with its owner's name is never older."""
    store = filled(store, tmp_path, "9.0.0", "9.1.0")
    newer = upgraded(store, "9.0.5")
    assert (newer.active().name, newer.previous().name, newer.outdated()) == ("9.1.0", "9.0.5", "")
    same = upgraded(store, "9.1.0")
    assert [(version.name, version.bundled) for version in same.versions()] == [("9.1.0", True), ("9.0.0", False)]
    assert same.usable() == (same.active(), "")
    assert upgraded(filled(store, tmp_path, "dock-2"), "10.0.0").active().name == "dock-2"


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [
        ("0.3.0", "0.4.0", True), ("0.9.0", "0.10.0", True), ("0.4", "0.4.0", False), ("0.4.1", "0.4.0", False),
        ("0.3.9+dock", "0.4.0", True), ("0.4.0+dock", "0.4.0", False), ("dock-2", "0.4.0", False),
        ("", "0.4.0", False), ("2026-11-24", "0.4.0", False), ("0.3.0", "dock", False),
    ],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(one: str, other: str, older: bool) -> None:
    """What has no numbers to compare is never older."""
    assert is_older(one, other) is older


def test_the_store_does_not_grow_for_ever(store: Store, tmp_path: Path) -> None:
    """The active version and the one before it stay, the oldest others go."""
    filled(store, tmp_path, "9.0.0", "9.1.0")
    for patch in range(6):
        store.add(model(tmp_path, f"9.2.{patch}"))
    names = [version.name for version in store.versions()]
    assert {"9.0.0", "9.1.0", "9.2.5"} <= set(names)
    assert len(names) == 1 + module.KEPT


def test_who_adds_a_model_does_not_hold_up_the_daemon(store: Store, tmp_path: Path) -> None:
    """Acceptance takes a minute on a slow machine; in that time a probation can end without waiting."""
    filled(store, tmp_path, "9.0.0")
    with store._locked(".adding"):
        store.end_probation()
        assert store.rollback() == BUNDLED


def test_it_is_noticed_once_that_another_model_reads(store: Store) -> None:
    """Not at the very first start."""
    assert [store.note_model(name) for name in ("a", "a", "b", "b", "a")] == [None, None, "a", None, "b"]


def test_deaths_on_probation_are_counted_and_forgotten(store: Store, tmp_path: Path) -> None:
    """Only of a process that is killed: whoever leaves by themselves, also through an exception, does not count."""
    filled(store, tmp_path, "9.0.0")
    with store.counting_deaths():
        assert store.deaths() == 1
    assert store.deaths() == 0
    code = "import os, sys; from pathlib import Path; from edge_daemon.model_store.store import Store\n"
    code += "with Store(Path(sys.argv[1])).counting_deaths(): os.kill(os.getpid(), 9)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(store.folder)], check=False)
    assert store.deaths() == 2
    store.rollback()
    assert store.deaths() == 0


KILLER = """
import os, shutil, sys
from pathlib import Path
from edge_daemon.model_store import store as module
at, folder, source = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
module.accept_model = lambda _: None
count = 0
def counted(inner):
    def call(*arguments, **keywords):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), 9)
        return inner(*arguments, **keywords)
    return call
for place, name in ((os, "fsync"), (os, "rename"), (os, "replace"), (os, "mkdir"), (os, "open"), (shutil, "rmtree"),
                    (Path, "replace"), (Path, "rename"), (Path, "open"), (Path, "unlink")):
    setattr(place, name, counted(getattr(place, name)))
store = module.Store(folder)
store.add(source)
store.activate("9.1.0")
"""


def killed_at(step: int, folder: Path, source: Path) -> bool:
    done = subprocess.run([sys.executable, "-c", KILLER, str(step), str(folder), str(source)], check=False)
    return done.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_killed_at_every_step_the_old_or_the_new_model_is_active(store: Store, tmp_path: Path) -> None:
    """SIGKILL before each call that changes the disk, from taking in to activating: a whole model runs, and the next
    try goes through."""
    filled(store, tmp_path, "9.0.0")
    source = model(tmp_path, "9.1.0")
    step = 1
    while killed_at(step, store.folder, source):
        runs, told = Store(store.folder).usable()
        assert runs.name in ("9.0.0", "9.1.0")
        assert told == ""
        step += 1
    assert step > 15
    assert Store(store.folder).active().name == "9.1.0"
    assert sorted(path.name for path in (store.folder / "versions").iterdir()) == ["9.0.0", "9.1.0"]


def test_a_hostile_model_only_kills_the_child(tmp_path: Path) -> None:
    """A job that segfaults, one that hangs and one that eats memory each end in a sentence; this process goes on."""
    manifest = tmp_path / "digits-9.json"
    for job, told in (("segfault", "SIGSEGV"), ("hang", "was not finished"), ("eat", "exit code")):
        with pytest.raises(ModelError, match=told):
            acceptance.in_child(manifest.name, partial(call, f"tests.support.hostile_code:{job}", seconds=3.0))


def test_a_model_that_is_much_slower_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A multiple of the bundled model's time, measured side by side."""
    paces = iter([0.05, 0.06, 0.002])
    monkeypatch.setattr(acceptance, "seconds_per_glyph", lambda *_: next(paces))
    with pytest.raises(ModelError, match=r"takes 50\.0 ms for a digit, the bundled model 2\.0 ms"):
        acceptance.run_model(str(model(tmp_path, "9.0.0") / "digits-9.0.0.json"))


def test_a_model_from_before_0_2_is_still_taken(tmp_path: Path) -> None:
    """Its manifest names two pictures, blends and views, that no program reads any more: undamaged they do no harm."""
    folder = model(tmp_path, "9.0.0")
    manifest = folder / "digits-9.0.0.json"
    facts = json.loads(manifest.read_text()) | {"blends": ["float32", "int8"]}
    for kind in ("blends", "views"):
        (folder / f"digits-9.0.0.{kind}.png").write_bytes(b"a picture")
        digest = hashlib.sha256(b"a picture").hexdigest()
        facts["files"][kind] = {"name": f"digits-9.0.0.{kind}.png", "sha256": digest, "bytes": 9}
    manifest.write_text(json.dumps(facts))
    store = Store(tmp_path / "store")
    assert store.add(folder) == "9.0.0"
    store.activate("9.0.0")
    assert store.usable() == (store.active(), "")


@pytest.mark.parametrize("kind", ["fifo", "zero", "sparse", "folder", "missing", "longer", "shorter"])
@pytest.mark.parametrize("which", ["manifest", "network"])
def test_what_is_no_file_of_the_right_size_is_refused_at_once(
    store: Store, tmp_path: Path, which: str, kind: str
) -> None:
    """A FIFO would block, /dev/zero and a sparse file fill the memory; and `bytes` must be what is there."""
    folder = model(tmp_path, "9.0.0")
    [manifest] = folder.glob("*.json")
    file = manifest if which == "manifest" else folder / json.loads(manifest.read_text())["files"]["int8"]["name"]
    content = file.read_bytes()
    file.unlink()
    match kind:
        case "fifo":
            os.mkfifo(file)
        case "zero":
            file.symlink_to("/dev/zero")
        case "sparse":
            file.touch()
            os.truncate(file, 2**36)
        case "folder":
            file.mkdir()
        case "longer":
            file.write_bytes(content + b"\0")
        case "shorter":
            file.write_bytes(content[:-1])
    with pytest.raises(ModelError):
        store.add(folder)


@pytest.mark.parametrize("name", ["a\0b.tflite", "../a.tflite", "", "a\nb", "/dev/zero"])
def test_names_of_files_that_are_refused(store: Store, tmp_path: Path, name: str) -> None:
    """A name with NUL, a line break or a folder."""
    folder = model(tmp_path, "9.0.0")
    [manifest] = folder.glob("*.json")
    facts = json.loads(manifest.read_text())
    facts["files"]["int8"]["name"] = name
    manifest.write_text(json.dumps(facts))
    with pytest.raises(ModelError):
        store.add(folder)

"""Models and their updates: manifests with wrong, missing and odd fields, damaged files, and metadata of a web server.

A model is refused with a reason, or it is the original. The files of an update change nothing unless they are signed.
(`scripts/campaign fuzz-models` damages networks whose hashes are right.)
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from edge_daemon.errors import ModelError, UpdateError
from edge_daemon.inference.digits import companions
from edge_daemon.inference.manifest import bundled
from edge_daemon.model_store import version
from edge_daemon.model_store.store import Store
from tests.campaigns.fuzz.campaign import ODD, Check, Target, Wrong
from tests.support.model_publisher import ModelPublisher, UpdatedDevice
from tests.support.models import model
from tests.support.webserver import serving

VERSION = "9.4.0"
HUGE = 2**40
text = st.text(ODD, max_size=20) | st.sampled_from(["", "..", "a/b", "\0", "x" * 300, VERSION, "~"])
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | text
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner), max_leaves=4)


@dataclass(frozen=True)
class Edit:
    """One change of a JSON document."""

    way: tuple[int, ...]
    """Which child is taken, level by level; the last one is changed."""
    change: str
    """remove, replace, or add."""
    key: str
    value: Any

    def apply(self, document: Any) -> None:
        """Changes the document in place."""
        place, way = document, list(self.way)
        while True:
            names = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not names:
                return
            name = names[way.pop(0) % len(names)]
            if not way or not isinstance(place[name], (dict, list)) or not place[name]:
                break
            place = place[name]
        if self.change == "remove":
            del place[name]
        elif self.change == "replace" or isinstance(place, list):
            place[name] = self.value
        else:
            place[self.key] = self.value


@dataclass(frozen=True)
class Spoiling:
    """One change of a file as bytes, or of what it is."""

    file: int
    """Which one, in order of their names."""
    kind: str
    at: float
    data: bytes

    def apply(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < HUGE)
        path = files[self.file % len(files)]
        content = path.read_bytes()
        at = round(self.at * len(content))
        if self.kind in ("fifo", "link", "huge", "folder"):
            path.unlink()
        match self.kind:
            case "changed":
                path.write_bytes(content[:at] + self.data + content[at + len(self.data) :])
            case "cut":
                path.write_bytes(content[:at])
            case "fifo":
                os.mkfifo(path)
            case "link":
                path.symlink_to("/dev/zero")
            case "folder":
                path.mkdir()
            case "huge":
                path.write_bytes(content)
                os.truncate(path, HUGE)


edits = st.builds(
    Edit,
    st.lists(st.integers(0, 30), min_size=1, max_size=5).map(tuple),
    st.sampled_from(["remove", "replace", "add"]), text, values,
)  # fmt: skip
kinds = st.sampled_from(["changed", "changed", "changed", "cut", "fifo", "link", "huge", "folder"])
spoilings = st.builds(Spoiling, st.integers(0, 30), kinds, st.floats(0, 1), st.binary(min_size=1, max_size=20))
cases = st.tuples(st.lists(edits, max_size=3), st.lists(spoilings, max_size=2))


def edit(path: Path, changes: list[Edit]) -> None:
    """Changes a JSON file."""
    document = json.loads(path.read_text())
    for change in changes:
        change.apply(document)
    path.write_text(json.dumps(document))


@contextmanager
def store_checking(folder: Path) -> Iterator[Check]:
    """A version in the store of models, with the one before it."""
    original = model(folder / "original", VERSION)
    numbers = count()

    def check(case: tuple[list[Edit], list[Spoiling]]) -> None:
        changes, spoiled = case
        store = Store(folder / str(next(numbers)))
        there = store.folder / "versions" / VERSION
        shutil.copytree(original, there)
        (store.folder / "active").write_text(json.dumps({"version": VERSION, "previous": "", "probation": False}))
        try:
            edit(there / f"digits-{VERSION}.json", copy.deepcopy(changes))
            for spoiling in spoiled:
                spoiling.apply(there)
            judge(store, there)
        finally:
            shutil.rmtree(store.folder)

    yield check


def judge(store: Store, there: Path) -> None:
    """Looks at the version in all ways that load nothing. Raises Wrong if a changed file counts as the original."""
    store.versions()
    chosen, why = store.usable()
    for look in (version.read_version, version.read_content):
        try:
            look(there)
        except (ModelError, OSError):
            continue
    try:
        companions(str(chosen.manifest))
    except (ModelError, OSError):
        if chosen.bundled:
            raise
    if not chosen.bundled:
        manifest, _ = version.read_version(there)
        originals = {file["sha256"] for file in json.loads(bundled("digits").read_text())["files"].values()}
        if not {file.sha256 for file in manifest.files.values()} <= originals:
            raise Wrong(f"a file that is not the original is used; {why}")


@contextmanager
def update_checking(folder: Path) -> Iterator[Check]:
    """A device that looks for a newer model on a server whose files were changed after they were signed."""
    owner = ModelPublisher(folder / "owner")
    owner.publish(VERSION)
    numbers = count()

    def check(case: tuple[list[Edit], list[Spoiling]]) -> None:
        changes, spoiled = case
        place = folder / str(next(numbers))
        shutil.copytree(owner.public, place / "public")
        documents = sorted((place / "public").rglob("*.json"))
        for at, change in enumerate(changes):
            edit(documents[(at + len(changes)) % len(documents)], [copy.deepcopy(change)])
        for spoiling in spoiled:
            spoiling.apply(place / "public")
        try:
            with serving(place / "public") as web:
                device = UpdatedDevice(place / "device", web.url, owner.root)
                try:
                    found = device.look().latest
                except (UpdateError, ModelError):
                    found = None
                device.known()
            if found not in (None, VERSION) or not device.store.active().bundled:
                raise Wrong(f"{found} is offered")
        finally:
            shutil.rmtree(place)

    yield check


STORE = Target(cases, store_checking)
UPDATES = Target(cases, update_checking)

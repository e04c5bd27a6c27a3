"""A publisher of signed models, and a device that downloads them, for tests of updates by URL."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata

from edge_daemon.inference.manifest import bundled
from edge_daemon.model_store.store import Store
from edge_daemon.updates.client import MODEL, Limits, UpdateOptions
from edge_daemon.updates.install import UpdateResult, UpdateState, load_state, update
from edge_daemon.updates.publish import Published, publish
from tests.support.models import model

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
_SHIPPED = json.loads(bundled("digits").read_text())
BUNDLED = _SHIPPED["version"]
WEIGHTS, INT8 = _SHIPPED["files"]["float32"]["name"], _SHIPPED["files"]["int8"]["name"]
"""Files of any model here, the largest one first."""
HASTY = Limits(silence=1, total=20.0)
"""Short limits, so that a test of a bad connection ends soon."""


class ModelPublisher:
    """A signed repository: the folder that is served, and its keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public, self.keys, self.root = folder / "public", folder / "keys", folder / "keys/root.json"

    def publish(self, version: str | None = None, now: datetime = NOW, **how: Any) -> Published:
        manifest = self.folder / f"model-{version}" / f"digits-{version}.json" if version else None
        if version and manifest and not manifest.exists():
            model(self.folder, version)
        return publish(self.public, self.keys, manifest, now=now, **how)

    def copy(self, folder: Path) -> ModelPublisher:
        """A copy of the repository as it is now."""
        shutil.copytree(self.folder, folder)
        return ModelPublisher(folder)

    def signed(self, name: str) -> Metadata[Any]:
        """The served metadata file of this name."""
        return Metadata.from_bytes((self.public / "metadata" / name).read_bytes())

    def target(self, path: str = MODEL) -> Path:
        """The served file of this name of the newest model."""
        newest = max(int(path.name.split(".")[0]) for path in (self.public / "metadata").glob("*.targets.json"))
        found = self.signed(f"{newest}.targets.json").signed.targets[path]
        return self.public / "targets" / f"{found.hashes['sha256']}.{path}"


class UpdatedDevice:
    """A device that updates from `url`, with a model store of its own and its clock at `clock`."""

    def __init__(self, folder: Path, url: str, root: Path, clock: datetime = NOW + timedelta(days=1)) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(root, folder / "root.json")
        self.options = UpdateOptions(url, str(folder / "root.json"))
        self.store = Store(folder / "models")
        self.clock = clock
        self.limits = HASTY

    def look(self, **how: Any) -> UpdateResult:
        """Checks for an update without installing it. Raises UpdateError."""
        return self.update(check=True, **how)

    def update(self, **how: Any) -> UpdateResult:
        limits, clock = how.pop("limits", self.limits), self.clock.timestamp
        return update(self.folder / "updates", self.store, self.options, limits=limits, clock=clock, **how)

    def known(self) -> UpdateState:
        return load_state(self.folder / "updates")

    def hasty(self, **limits: Any) -> None:
        self.limits = replace(HASTY, **limits)


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelPublisher]:
    """Three repositories: with 9.4.0; the same a month later with 9.5.0; one signed with other keys, with 9.6.0."""
    folder = tmp_path_factory.mktemp("states")
    first, other = ModelPublisher(folder / "first"), ModelPublisher(folder / "stranger")
    first.publish("9.4.0")
    second = first.copy(folder / "second")
    second.publish("9.5.0", now=NOW + timedelta(days=30))
    other.publish("9.6.0")
    return {"first": first, "second": second, "stranger": other}


@pytest.fixture(scope="session")
def published(states: dict[str, ModelPublisher]) -> ModelPublisher:
    """The repository with 9.4.0. Shared by all tests: copy it before you change it."""
    return states["first"]

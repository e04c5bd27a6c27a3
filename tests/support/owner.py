"""Who publishes models, and a device that gets them, for tests of updates by URL."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata

from edge_daemon.inference.interpreter import bundled
from edge_daemon.model_store.store import Store
from edge_daemon.updates.client import MODEL, Options
from edge_daemon.updates.fetcher import Limits
from edge_daemon.updates.install import Known, Outcome, known, update
from edge_daemon.updates.publish import Published, publish
from tests.support.models import model

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
_SHIPPED = json.loads(bundled("digits").read_text())
BUNDLED = _SHIPPED["version"]
WEIGHTS, INT8 = _SHIPPED["files"]["float32"]["name"], _SHIPPED["files"]["int8"]["name"]
"""Files of any model here, the largest one first."""
HASTY = Limits(silence=1.0, window=0.3, least=5_000, longest=20.0, pause=0.001)
"""For tests: a link that is bad is given up soon."""


class Owner:
    """A folder to serve, and the keys to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public, self.keys, self.root = folder / "public", folder / "keys", folder / "keys/root.json"

    def publish(self, version: str | None = None, now: datetime = NOW, **how: Any) -> Published:
        manifest = self.folder / f"model-{version}" / f"digits-{version}.json" if version else None
        if version and manifest and not manifest.exists():
            model(self.folder, version)
        return publish(self.public, self.keys, manifest, now=now, **how)

    def copy(self, folder: Path) -> Owner:
        """As it is now."""
        shutil.copytree(self.folder, folder)
        return Owner(folder)

    def signed(self, name: str) -> Metadata[Any]:
        """What is served as this metadata file."""
        return Metadata.from_bytes((self.public / "metadata" / name).read_bytes())

    def target(self, path: str = MODEL) -> Path:
        """The newest model's file of that name, as it is served."""
        newest = max(int(path.name.split(".")[0]) for path in (self.public / "metadata").glob("*.targets.json"))
        found = self.signed(f"{newest}.targets.json").signed.targets[path]
        return self.public / "targets" / f"{found.hashes['sha256']}.{path}"


class Device:
    """One that is told where to look, and whose clock is at `clock`."""

    def __init__(self, folder: Path, url: str, root: Path, clock: datetime = NOW + timedelta(days=1)) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(root, folder / "root.json")
        self.options = Options(url, str(folder / "root.json"))
        self.store = Store(folder / "models")
        self.clock = clock
        self.limits = HASTY

    def look(self, **how: Any) -> Outcome:
        """Only look. Raises UpdateError."""
        return self.update(check=True, **how)

    def update(self, **how: Any) -> Outcome:
        limits, clock = how.pop("limits", self.limits), self.clock.timestamp
        return update(self.folder / "updates", self.store, self.options, limits=limits, clock=clock, **how)

    def known(self) -> Known:
        return known(self.folder / "updates")

    def hasty(self, **limits: Any) -> None:
        self.limits = replace(HASTY, **limits)


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Owner]:
    """What is served at first, with 9.4.0, and a month later, with 9.5.0; and what a stranger serves."""
    folder = tmp_path_factory.mktemp("states")
    first, other = Owner(folder / "first"), Owner(folder / "stranger")
    first.publish("9.4.0")
    second = first.copy(folder / "second")
    second.publish("9.5.0", now=NOW + timedelta(days=30))
    other.publish("9.6.0")
    return {"first": first, "second": second, "stranger": other}


@pytest.fixture(scope="session")
def published(states: dict[str, Owner]) -> Owner:
    """Who has published 9.4.0. To be copied before anything is changed."""
    return states["first"]

"""Model folders to add to a store: the bundled model under another version, intact or changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_daemon.inference.manifest import bundled


def model(folder: Path, version: str, change: Callable[[bytes], bytes] = bytes, **facts: Any) -> Path:
    """A new folder with a manifest and its files; all hashes are correct. `change` is applied to each network."""
    source = bundled("digits")
    manifest = json.loads(source.read_text()) | {"version": version} | facts
    folder = folder / f"model-{version}"
    folder.mkdir(parents=True)
    for kind, file in manifest["files"].items():
        content = source.with_name(file["name"]).read_bytes()
        content = change(content) if file["name"].endswith(".tflite") else content
        (folder / file["name"]).write_bytes(content)
        manifest["files"][kind] = file | {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / f"digits-{version}.json").write_text(json.dumps(manifest))
    return folder

"""Joins networks into one model: a digit model with the sieve and the strips network that it was made with.

The digit model's manifest then also names their manifests and files: one version and one signature, which is installed
and rolled back as a whole. A digit model without them runs with the bundled sieve and strips network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from edge_daemon.errors import ModelError
from edge_daemon.inference.digits import read_manifest
from edge_daemon.inference.manifest import COMPANIONS, Manifest, decode, read_file

SUFFIX = ".manifest"
"""Suffix of a companion's manifest: a version has only one .json file."""


def join(folder: Path, digits: Path, others: Sequence[Path], version: str) -> Path:
    """Write a digit model with its companions into a new `folder`, as `version`. Returns the manifest.

    The arguments are manifests, their files beside them. Raises ModelError.
    """
    facts = read_manifest(digits)
    contents = {kind: (file.name, read_file(digits.parent, file)) for kind, file in facts.files.items()}
    for other in others:
        companion = decode(other, Manifest)
        if companion.name not in COMPANIONS:
            raise ModelError(
                f"{other} is a model of {companion.name!r}; a digit model can bring {' and '.join(COMPANIONS)}"
            )
        contents[companion.name] = (f"{companion.name}-{companion.version}{SUFFIX}", other.read_bytes())
        for kind, file in companion.files.items():
            contents[f"{companion.name} {kind}"] = (file.name, read_file(other.parent, file))
    if folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder} is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.values():
        (folder / name).write_bytes(content)
    files = {
        kind: {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for kind, (name, content) in contents.items()
    }
    path = folder / f"{facts.name}-{version}.json"
    path.write_text(json.dumps(json.loads(digits.read_text()) | {"version": version, "files": files}, indent=1) + "\n")
    return path

"""Writes a model folder: networks, golden sheet, manifest. Older files of the same model are removed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import LABELS, Grey
from edge_daemon.inference import normalise
from edge_daemon.inference.digits import digit_network
from edge_daemon.inference.network import softmax
from edge_daemon.inference.runtime import find_runtime
from scripts.training.common import golden
from scripts.training.digits import sets

NAME = "digits"


def read(path: Path) -> dict[str, Any]:
    """All keys of a manifest, also those for people."""
    facts: dict[str, Any] = json.loads(path.read_text())
    return facts


def write(
    folder: Path,
    version: str,
    networks: dict[str, bytes],
    temperature: dict[str, float],
    figures: dict[str, Any],
    other: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Write the digit model into `folder` and return the manifest's path.

    `other` keys replace or add to the usual ones: by default the model was trained on all sets of sets.py.
    """
    facts = {
        "labels": [*LABELS],
        "temperature": temperature,
        "normaliser": normalise.VERSION,
        "figures": figures,
        "trained_on": [
            {"set": s.file, "from": s.project, "licence": s.licence, "holds": s.holds, "share": s.share}
            for s in sets.SETS
        ],
        "golden": golden_answers(networks["float32"], temperature["float32"]).round(4).tolist(),
    } | dict(other)
    return save(folder, NAME, version, networks, golden.sheet(), facts)


def save(
    folder: Path,
    name: str,
    version: str,
    networks: dict[str, bytes],
    sheet: bytes,
    facts: dict[str, Any],
) -> Path:
    """Networks (by kind), golden sheet and manifest of any model; its old files go.

    Returns the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-*"):
        old.unlink()
    stem = f"{name}-{version}"
    contents = {f"{stem}.{kind}.tflite": content for kind, content in networks.items()}
    contents[f"{stem}.golden.png"] = sheet
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    files = {file.split(".")[-2]: file_facts(file, content) for file, content in contents.items()}
    path = folder / f"{stem}.json"
    path.write_text(json.dumps({"name": name, "version": version, "files": files} | facts, indent=1) + "\n")
    return path


def golden_answers(network: bytes, temperature: float) -> NDArray[np.float32]:
    return probabilities(network, temperature, [normalise.normalise(ink) for ink in golden.inks()])


def probabilities(
    network: bytes, temperature: float, pictures: Sequence[Grey] | NDArray[np.uint8]
) -> NDArray[np.float32]:
    return softmax(digit_network(find_runtime(), network, "the network").logits(pictures), temperature)


def file_facts(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

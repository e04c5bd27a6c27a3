"""Write what ships into models/: networks, golden sheet, manifest. Old files of the model are removed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.classifiers import normalise
from edge_daemon.classifiers.tflite import digit_network
from edge_daemon.domain import DIGITS
from edge_daemon.networks import find_interpreter, softmax
from scripts.training import golden, sets

NAME = "digits"


def write(
    folder: Path, version: str, networks: dict[str, bytes], temperature: dict[str, float], figures: dict[str, Any]
) -> Path:
    """Write the digit model into `folder` and return the manifest's path."""
    facts = {
        "labels": [*DIGITS, "not"],
        "temperature": temperature,
        "normaliser": normalise.VERSION,
        "figures": figures,
        "trained_on": [
            {"set": s.file, "from": s.project, "licence": s.licence, "holds": s.holds, "share": s.share}
            for s in sets.SETS
        ],
        "golden": golden_answers(networks["float32"], temperature["float32"]).round(4).tolist(),
    }
    return save(folder, NAME, version, networks, golden.sheet(), facts)


def save(
    folder: Path, name: str, version: str, networks: dict[str, bytes], sheet: bytes, facts: dict[str, Any]
) -> Path:
    """Networks (by kind), golden sheet (PNG) and manifest of any model; its old files go. Returns the manifest."""
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
    pictures = [normalise.normalise(ink) for ink in golden.inks()]
    return softmax(digit_network(find_interpreter().interpreter, network, "float32").logits(pictures), temperature)


def file_facts(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

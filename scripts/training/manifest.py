"""Write what ships into models/: networks, golden sheet, manifest. Old files of the model are removed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.classifiers import normalise
from edge_daemon.classifiers.tflite import digit_network, softmax
from edge_daemon.domain import DIGITS
from edge_daemon.networks import find_interpreter
from scripts.training import golden, sets

NAME = "digits"


def write(
    folder: Path, version: str, networks: dict[str, bytes], temperature: dict[str, float], figures: dict[str, Any]
) -> Path:
    """Write the model into `folder` and return the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{NAME}-*"):
        old.unlink()
    stem = f"{NAME}-{version}"
    contents = {f"{stem}.{kind}.tflite": content for kind, content in networks.items()}
    contents[f"{stem}.golden.png"] = golden.sheet()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    record = {
        "name": NAME,
        "version": version,
        "files": {name.split(".")[-2]: file_facts(name, content) for name, content in contents.items()},
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
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path


def golden_answers(network: bytes, temperature: float) -> NDArray[np.float32]:
    pictures = [normalise.normalise(ink) for ink in golden.inks()]
    return softmax(digit_network(find_interpreter().interpreter, network, "float32").logits(pictures), temperature)


def file_facts(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

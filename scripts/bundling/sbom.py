"""The software bill of materials of a bundle, in the format CycloneDX 1.5 (JSON).

python -m scripts.bundling.sbom VERSION WHEELS MODELS > sbom.cdx.json
"""

from __future__ import annotations

import hashlib
import json
import sys
import uuid
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

LONGEST = 100
"""Characters of a licence's name; what is longer is its text."""


def bill(version: str, wheels: Path, models: Path) -> dict[str, Any]:
    """The program, the wheels and the networks with their hashes and, where it is known, their licence."""
    components = [library(wheel) for wheel in sorted(wheels.glob("*.whl"))]
    components += [network(path) for path in sorted(models.glob("*.tflite"))]
    content = json.dumps([version, components]).encode()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=hashlib.sha256(content).digest()[:16], version=4)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "edge-daemon",
                "name": "edge-daemon",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": components,
    }


def library(wheel: Path) -> dict[str, Any]:
    """One wheel as a component."""
    facts = metadata(wheel)
    url = f"pkg:pypi/{str(facts['Name']).lower().replace('_', '-')}@{facts['Version']}"
    licences = list(licence(facts))
    return {
        "type": "library",
        "bom-ref": url,
        "name": facts["Name"],
        "version": facts["Version"],
        "purl": url,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}],
        "licenses": licences[:1],
    }


def metadata(wheel: Path) -> Message:
    """The file METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1]
        return Parser().parsestr(archive.read(name).decode())


def licence(facts: Message) -> Iterator[dict[str, Any]]:
    """What the metadata says of the licence, the most exact first."""
    if facts["License-Expression"]:
        yield {"expression": facts["License-Expression"]}
    for classifier in facts.get_all("Classifier", []):
        if classifier.startswith("License :: OSI Approved :: "):
            yield {"license": {"name": classifier.rpartition(" :: ")[2]}}
    if facts["License"] and len(facts["License"]) <= LONGEST and "\n" not in facts["License"]:
        yield {"license": {"name": facts["License"]}}


def network(path: Path) -> dict[str, Any]:
    """One network as a component."""
    return {
        "type": "machine-learning-model",
        "bom-ref": path.name,
        "name": path.name,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        "licenses": [{"expression": "Apache-2.0"}],
    }


if __name__ == "__main__":
    print(json.dumps(bill(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])), indent=1))

"""Locked requirements, and the list of what a bundle contains."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from pip._vendor.packaging.requirements import Requirement

from scripts.bundling import requirements, sbom

ROOT = Path(__file__).parents[2]
LOCKED = ROOT / "scripts/install/requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def wanted(extra: str) -> list[Requirement]:
    """What pyproject.toml asks for."""
    lines = PROJECT["dependencies"] if extra == "base" else PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def locked(extra: str, python: str) -> dict[str, Requirement]:
    """Name -> what is locked of the base and an extra."""
    found = [library for name in ("base", extra) for library in requirements.read((LOCKED / f"{name}.txt").read_text())]
    return {
        library.requirement.name: library.requirement
        for library in found
        if requirements.fits(library, python, "aarch64")
    }


@pytest.mark.parametrize("extra", ["base", "preview", "updates", "report", "fast", "opinion"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_what_is_locked_is_what_the_project_asks_for(extra: str, python: str) -> None:
    """Every requirement is locked at a version that it allows. If not: run scripts/lock."""
    there = locked(extra, python)
    for requirement in wanted(extra):
        if requirement.marker and not requirement.marker.evaluate(
            {"python_version": python, "sys_platform": "linux", "extra": ""}
        ):
            continue
        [version] = there[requirement.name.lower()].specifier
        assert (version.operator, requirement.specifier.contains(version.version)) == ("==", True), str(requirement)


@pytest.mark.parametrize("path", sorted(LOCKED.iterdir()), ids=lambda path: path.stem)
def test_every_library_has_hashes(path: Path) -> None:
    """pip refuses a file with another hash, and every file where one library has none."""
    for library in requirements.read(path.read_text()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", library.text), library.requirement


def test_a_bundle_has_what_its_machine_needs() -> None:
    """Markers are judged for that machine, and left out: pip would judge them by the one on which it runs."""
    text = """\
numpy==1.26.4 ; python_full_version < '3.12' \\
    --hash=sha256:aa
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
click==8.5.1 \\
    --hash=sha256:dd
"""
    found = [library for library in requirements.read(text) if requirements.fits(library, "3.13", "aarch64")]
    assert "\n".join(requirements.without_marker(library) for library in found) == (
        "numpy==2.5.5 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\nclick==8.5.1 \\\n    --hash=sha256:dd"
    )


def wheel(folder: Path, name: str, *facts: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *facts, "", "Text."])
        archive.writestr(f"{name}-1.0.dist-info/METADATA", text)
        archive.writestr(f"{name}/_vendor/other-1.0.dist-info/METADATA", "Name: other")


def test_the_bill_of_materials(tmp_path: Path) -> None:
    """Each library with version, hash and licence, and each network; the same content has the same serial number."""
    wheel(tmp_path, "Py_One", "License-Expression: MIT")
    wheel(tmp_path, "two", "License: " + 200 * "long ", "Classifier: License :: OSI Approved :: BSD License")
    wheel(tmp_path, "three", "License: Frei für alle")
    (tmp_path / "digits.tflite").write_bytes(b"weights")
    made = sbom.bill("0.1.0", tmp_path, tmp_path)
    facts = [(part["bom-ref"], part.get("licenses")) for part in made["components"]]
    assert facts == [
        ("pkg:pypi/py-one@1.0", [{"expression": "MIT"}]),
        ("pkg:pypi/three@1.0", [{"license": {"name": "Frei für alle"}}]),
        ("pkg:pypi/two@1.0", [{"license": {"name": "BSD License"}}]),
        ("digits.tflite", [{"expression": "Apache-2.0"}]),
    ]
    assert all(len(part["hashes"][0]["content"]) == 64 for part in made["components"])
    assert sbom.bill("0.1.0", tmp_path, tmp_path) == made

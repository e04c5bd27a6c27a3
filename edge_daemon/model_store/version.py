"""What one version in the store consists of: a folder with a manifest and the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

from edge_daemon.errors import ModelError
from edge_daemon.inference.digits import DigitManifest, read_manifest
from edge_daemon.inference.manifest import LARGEST_MODEL, read_file


def is_version(name: str) -> bool:
    return re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}", name) is not None


def is_older(version: str, than: str) -> bool:
    """By the numbers they begin with: 0.3.0+mine is as old as 0.3.0. What begins with none is never older."""
    one, other = (re.findall(r"\d+", re.split(r"[^\d.]", each)[0]) for each in (version, than))
    return bool(one and other) and [*map(int, one), 0, 0, 0][:4] < [*map(int, other), 0, 0, 0][:4]


def manifest(folder: Path) -> Path:
    """The one manifest in a folder. Raises ModelError."""
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if len(found) != 1:
        raise ModelError(f"{folder} should hold one manifest (.json) and holds {len(found)}")
    return found[0]


def facts(folder: Path) -> tuple[DigitManifest, Path]:
    """What a folder's manifest says, as far as it fits the store. Raises ModelError."""
    path = manifest(folder)
    said = read_manifest(path)
    if not is_version(said.version):
        raise ModelError(f"{path}: the version {said.version[:80]!r} is none: letters, digits and . + _ - are expected")
    if said.size > LARGEST_MODEL:
        raise ModelError(f"{path}: its files are larger than {LARGEST_MODEL // 10**6} MB together")
    return said, path


def damage(folder: Path) -> str:
    """What is wrong with a version in the store; empty: it is whole."""
    try:
        said, path = facts(folder)
        for file in said.files.values():
            read_file(path.parent, file)
    except (ModelError, OSError) as error:
        return str(error)
    return ""

"""One version in the store: a folder with a manifest and the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

from edge_daemon.errors import ModelError
from edge_daemon.inference.digits import DigitManifest, read_manifest
from edge_daemon.inference.manifest import LARGEST_MODEL, read_file
from edge_daemon.system import regular_file


def is_version(name: str) -> bool:
    """Whether a name can be a version, and a folder's name."""
    return re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}", name) is not None


def is_older(version: str, than: str) -> bool:
    """Compares the numbers at the beginning: 0.3.0+mine is as old as 0.3.0. Without numbers it is never older."""
    one, other = (re.findall(r"\d+", re.split(r"[^\d.]", each)[0]) for each in (version, than))
    return bool(one and other) and [*map(int, one), 0, 0, 0][:4] < [*map(int, other), 0, 0, 0][:4]


def find_manifest(folder: Path) -> Path:
    """The one manifest in a folder. Raises ModelError."""
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if len(found) != 1:
        raise ModelError(f"{folder} should hold one manifest (.json) and holds {len(found)}")
    return found[0]


def read_version(folder: Path) -> tuple[DigitManifest, Path]:
    """The manifest in a folder, checked for the store, and its path. Raises ModelError."""
    path = find_manifest(folder)
    manifest = read_manifest(path)
    if not is_version(manifest.version):
        raise ModelError(
            f"{path}: {manifest.version[:80]!r} is not a version: letters, digits and . + _ - are expected"
        )
    if manifest.size > LARGEST_MODEL:
        raise ModelError(f"{path}: its files are larger than {LARGEST_MODEL // 10**6} MB together")
    return manifest, path


def read_content(folder: Path) -> dict[str, bytes]:
    """Name -> content of the manifest in a folder and of the files that it names, checked. Raises ModelError."""
    manifest, path = read_version(folder)
    return {path.name: regular_file.read(path)} | {
        file.name: read_file(folder, file) for file in manifest.files.values()
    }


def damage(folder: Path) -> str:
    """What is wrong with a version in the store; empty: nothing."""
    try:
        manifest, path = read_version(folder)
        for file in manifest.files.values():
            read_file(path.parent, file)
    except (ModelError, OSError) as error:
        return str(error)
    return ""

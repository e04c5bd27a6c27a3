"""Model files: a manifest (.json) and the files it names, side by side.

A damaged .tflite file can crash the runtime, and a wrong one can load and give wrong answers. So a manifest holds the
SHA-256 of each file, and no file is parsed before its hash was checked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

import edge_daemon
from edge_daemon.errors import ModelError
from edge_daemon.system import regular_file

COMPANIONS = ("sieve", "strips")
"""The networks that a digit model may bring: the kind in its manifest, and the name in theirs."""
LARGEST_MANIFEST = 1_000_000
"""Bytes of a manifest, at most; that of digits 0.4.0 has 3,000."""
LARGEST_MODEL = 32_000_000
"""Bytes that all files of a model may have together; digits 0.4.0 has 578,000."""


class ModelFile(msgspec.Struct, frozen=True):
    """One file that a manifest names."""

    name: str
    """Without a folder: it lies beside the manifest."""
    sha256: str
    """In hexadecimal digits."""
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """The description of a model. Keys that are not named here are for people."""

    name: str
    version: str
    files: dict[str, ModelFile]
    """Kind -> file: int8 and float32 (.tflite), golden (.png); of a digit model also the manifests of COMPANIONS."""
    temperature: dict[str, float]
    """Kind -> the number by which logits are divided, so that of answers with confidence 0.9 nine in ten are right."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.bytes for file in self.files.values())


M = TypeVar("M", bound=Manifest)


def models_folder() -> Path:
    """The folder of the bundled models: inside the package when installed, at the top of a checkout otherwise."""
    package = Path(edge_daemon.__file__).parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def bundled(name: str) -> Path:
    """The manifest of the model of this name that came with the program. Raises ModelError."""
    found = sorted(models_folder().glob(f"{name}-*.json"))
    if len(found) != 1:
        raise ModelError(
            f"{models_folder()} should hold one manifest {name}-*.json and holds {len(found)}; reinstall edge-daemon"
        )
    return found[0]


def decode(path: Path, manifest: type[M]) -> M:
    """A manifest file as the given Struct. Raises ModelError, which names the file and what is wrong."""
    try:
        return msgspec.json.decode(regular_file.read(path, LARGEST_MANIFEST), type=manifest)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a model manifest ({error}); reinstall the model") from error


def read_file(folder: Path, file: ModelFile) -> bytes:
    """The bytes of one file of the model in `folder`, its hash checked. Raises ModelError."""
    path = folder / file.name
    if Path(file.name).name != file.name or not file.name.isprintable():
        raise ModelError(f"{str(path)!r}: a model's files lie beside its manifest; the name must not hold a folder")
    try:
        content = regular_file.read(path, LARGEST_MODEL)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); reinstall the model") from error
    if len(content) != file.bytes:
        raise ModelError(
            f"{path} is damaged: it has {len(content)} bytes, the manifest names {file.bytes}; reinstall the model"
        )
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ModelError(
            f"{path} is damaged: its {file.bytes} bytes are not those that the manifest names (sha256 differs);"
            " reinstall the model"
        )
    return content

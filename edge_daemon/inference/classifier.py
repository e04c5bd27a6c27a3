"""Opens the digit classifier that the configuration names: a model with a manifest, or any other .tflite file."""

from __future__ import annotations

from pathlib import Path

from edge_daemon.inference import digits, foreign
from edge_daemon.inference.digits import DigitClassifier
from edge_daemon.inference.edgetpu import EDGETPU, EdgeTpu
from edge_daemon.inference.foreign import ForeignClassifier
from edge_daemon.inference.options import ModelOptions

__all__ = ["ForeignClassifier", "compiled_file", "is_foreign", "load"]


def load(options: ModelOptions, edgetpu: EdgeTpu | None = None) -> ForeignClassifier | DigitClassifier:
    """The classifier for the table [model], on the Edge TPU where that works.

    Raises ModelError, or RuntimeMissingError.
    """
    return (ForeignClassifier if is_foreign(options) else DigitClassifier)(options, edgetpu)


def is_foreign(options: ModelOptions) -> bool:
    """Whether the path is a .tflite file that belongs to no manifest."""
    path = Path(options.path).expanduser()
    return path.suffix == ".tflite" and path.is_file() and not digits.manifest_of(path)[0].is_file()


def compiled_file(options: ModelOptions) -> Path | None:
    """The model's file for the Edge TPU; None where it has none. Raises ModelError."""
    if is_foreign(options):
        file = foreign.compiled_file(foreign.cpu_file(Path(options.path).expanduser()))
        return file if file.is_file() else None
    manifest = digits.find_model(options.path)[0]
    file_facts = digits.read_manifest(manifest).files.get(EDGETPU)
    return manifest.with_name(file_facts.name) if file_facts else None

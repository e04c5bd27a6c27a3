"""What reads a glyph: a network of ours, which has a manifest, or a foreign one. A Coral is an option of both."""

from pathlib import Path

from edge_daemon.inference import digits, foreign
from edge_daemon.inference.digits import TfliteClassifier
from edge_daemon.inference.edgetpu import TPU, Device
from edge_daemon.inference.foreign import ForeignClassifier
from edge_daemon.inference.options import ModelOptions

__all__ = ["ForeignClassifier", "ModelOptions", "compiled", "is_foreign", "load"]


def load(options: ModelOptions, device: Device | None = None) -> ForeignClassifier | TfliteClassifier:
    """The classifier that the table [model] asks for; on `device` where that works.

    Raises ModelError, or RuntimeMissingError.
    """
    return (ForeignClassifier if is_foreign(options) else TfliteClassifier)(options, device)


def is_foreign(options: ModelOptions) -> bool:
    """A .tflite file that belongs to no manifest."""
    path = Path(options.path).expanduser()
    return path.suffix == ".tflite" and path.is_file() and not digits.owner(path)[0].is_file()


def compiled(options: ModelOptions) -> Path | None:
    """The model's file for the Edge TPU, where it has one. Raises ModelError."""
    if is_foreign(options):
        file = foreign.compiled(foreign.twin(Path(options.path).expanduser()))
        return file if file.is_file() else None
    manifest = digits.locate(options.path)[0]
    named = digits.read_manifest(manifest).files.get(TPU)
    return manifest.with_name(named.name) if named else None

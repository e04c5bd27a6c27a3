"""What reads a glyph: a network of ours, which has a manifest, or a foreign one. A Coral is an option of both."""

from pathlib import Path

from edge_daemon.classifiers import tflite
from edge_daemon.classifiers.foreign import ForeignClassifier
from edge_daemon.classifiers.options import Options
from edge_daemon.classifiers.tflite import TfliteClassifier
from edge_daemon.coral import Device

__all__ = ["ForeignClassifier", "Options", "is_foreign", "load"]


def load(options: Options, device: Device | None = None) -> ForeignClassifier | TfliteClassifier:
    """The classifier that the table [model] asks for; on `device` where that works.

    Raises ModelError, or RuntimeMissingError.
    """
    return (ForeignClassifier if is_foreign(options) else TfliteClassifier)(options, device)


def is_foreign(options: Options) -> bool:
    """A .tflite file that belongs to no manifest."""
    path = Path(options.path).expanduser()
    return path.suffix == ".tflite" and path.is_file() and not tflite.owner(path)[0].is_file()

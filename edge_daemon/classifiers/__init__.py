"""What reads a glyph. One kind today: a Coral is an option of tflite.py, not a second class."""

from edge_daemon.classifiers.tflite import Options, TfliteClassifier
from edge_daemon.domain import Classifier

__all__ = ["Options", "load"]


def load(options: Options) -> Classifier:
    """The classifier that the table [model] asks for. Raises ModelError."""
    return TfliteClassifier(options)

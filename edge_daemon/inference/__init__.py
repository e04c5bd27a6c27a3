"""Runs networks: finds a TFLite interpreter or an Edge TPU, checks a model's files, classifies glyphs.

A manifest and glyphs come in, probabilities go out. Recognition, the model store and the tools use it.
"""

__all__ = [
    "classifier",
    "digits",
    "edgetpu",
    "edgetpu_probe",
    "foreign",
    "interpreter",
    "manifest",
    "network",
    "normalise",
    "options",
    "runtime",
]

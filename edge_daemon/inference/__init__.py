"""Runs networks: finds the runtime library or an Edge TPU, checks a model's files, classifies glyphs.

A manifest and glyphs come in, probabilities go out. Recognition, the model store and the tools use it. To add a runtime
library, write an adapter with the interface in interpreter.py (tflite.py is one), add a row to runtime.RUNTIMES, and
its name to options.py.
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

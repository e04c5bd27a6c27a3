"""Finds the library that runs networks.

To add one: write an adapter with the interface in interpreter.py, a row in RUNTIMES, and its name in options.py.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

from edge_daemon.errors import RuntimeMissingError
from edge_daemon.inference import tflite
from edge_daemon.inference.interpreter import Runtime

ANY = "auto"
"""Stands for the first library that is installed."""

RUNTIMES: Mapping[str, Callable[[str], Runtime]] = {"ai-edge-litert": tflite.load, "tflite-runtime": tflite.load}
"""Package -> the function that loads its adapter; it raises ImportError where the package is not installed."""


def find_runtime(package: str = ANY) -> Runtime:
    """The adapter of `package`, or of the first package that is installed. Raises RuntimeMissingError."""
    missing: list[str] = []
    for name in RUNTIMES if package == ANY else (package,):
        try:
            runtime = RUNTIMES[name](name)
        except ImportError as error:
            missing.append(f"{name} cannot be imported ({error})")
        else:
            runtime.why = "; ".join([runtime.why, *missing])
            return runtime
    raise RuntimeMissingError(
        f"no TFLite interpreter: {'; '.join(missing)}. Run: pip install ai-edge-litert"
        " (Python 3.11 on a 32-bit Pi: pip install tflite-runtime==2.14.0 'numpy<2')"
    )


def default_kind(package: str = ANY) -> str:
    """The kind of network that runs with precision = "auto": int8, but float32 on x86 with tflite-runtime.

    There int8 kernels take twice the time of float32 kernels. Raises RuntimeMissingError.
    """
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return "float32" if is_x86 and find_runtime(package).package == "tflite-runtime" else "int8"

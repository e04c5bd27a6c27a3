"""The same network on every TFLite interpreter at hand: do they agree?"""

from __future__ import annotations

import importlib
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.classifiers.tflite import digit_network
from edge_daemon.networks import INTERPRETERS, find_interpreter


def logits(content: bytes, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 28, 28) -> (n, 11) on the interpreter that the daemon would take."""
    return digit_network(find_interpreter().interpreter, content, "the network").logits(list(pictures))


def installed() -> dict[str, Any]:
    """Interpreter classes by package."""
    found = {}
    for package, module in INTERPRETERS.items():
        try:
            found[package] = importlib.import_module(module).Interpreter
        except ImportError:
            print(f"  {package} is not installed here: not compared")
    return found


def compare(networks: dict[str, bytes], pictures: NDArray[np.uint8]) -> dict[str, float]:
    """For each pair of (kind on package) the share of pictures that both read alike."""
    answers = {
        f"{kind} on {package}": digit_network(interpreter, content, kind).logits(list(pictures)).argmax(axis=1)
        for package, interpreter in installed().items()
        for kind, content in networks.items()
    }
    return {
        f"{one} = {other}": round(float((answers[one] == answers[other]).mean()), 5)
        for one, other in combinations(answers, 2)
    }

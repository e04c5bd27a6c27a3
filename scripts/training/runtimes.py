"""The same network on every TFLite interpreter at hand: do they agree?"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.classifiers.tflite import digit_network
from edge_daemon.networks import INTERPRETERS, Network, find_interpreter


def logits(content: bytes, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 28, 28) -> (n, 11) on the interpreter that the daemon would take."""
    return digit_network(find_interpreter().interpreter, content, "the network").logits(pictures)


def installed() -> dict[str, Any]:
    """Interpreter classes by package."""
    found = {}
    for package, module in INTERPRETERS.items():
        try:
            found[package] = importlib.import_module(module).Interpreter
        except ImportError:
            print(f"  {package} is not installed here: not compared")
    return found


def answers(
    networks: dict[str, bytes], pictures: NDArray[np.uint8], load: Callable[[Any, bytes, str], Network]
) -> dict[str, NDArray[np.float32]]:
    """The logits that each network gives on each interpreter, by "kind on package"."""
    return {
        f"{kind} on {package}": load(interpreter, content, kind).logits(pictures)
        for package, interpreter in installed().items()
        for kind, content in networks.items()
    }


def compare(networks: dict[str, bytes], pictures: NDArray[np.uint8]) -> dict[str, float]:
    """For each pair of (kind on package) the share of pictures that both read alike."""
    read = {name: out.argmax(axis=1) for name, out in answers(networks, pictures, digit_network).items()}
    return {f"{a} = {b}": round(float((read[a] == read[b]).mean()), 5) for a, b in combinations(read, 2)}

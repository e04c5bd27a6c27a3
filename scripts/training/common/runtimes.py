"""Runs a network on every installed TFLite interpreter and compares the results."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.inference.digits import digit_network
from edge_daemon.inference.network import Network
from edge_daemon.inference.runtime import RUNTIMES, find_runtime


def logits(content: bytes, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 28, 28, VIEWS) -> (n, 11) on the interpreter that the daemon uses."""
    return digit_network(find_runtime(), content, "the network").logits(pictures)


def installed_packages() -> list[str]:
    """The installed packages with an interpreter."""
    found = []
    for package in RUNTIMES:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"  {package} is not installed here: not compared")
        else:
            found.append(package)
    return found


def logits_by_runtime(
    networks: dict[str, bytes], pictures: NDArray[np.uint8], load: Callable[[Any, bytes, str], Network]
) -> dict[str, NDArray[np.float32]]:
    """The logits of each network on each interpreter, by "kind on package".

    Each interpreter runs in a process of its own: tflite-runtime fails in one process with the other or TensorFlow.
    """
    outputs: dict[str, NDArray[np.float32]] = {}
    for package in installed_packages():
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            rows = alone.submit(_answers, package, networks, pictures, load).result()
        outputs |= {f"{kind} on {package}": out for kind, out in rows.items()}
    return outputs


def _answers(
    package: str, networks: dict[str, bytes], pictures: NDArray[np.uint8], load: Callable[[Any, bytes, str], Network]
) -> dict[str, NDArray[np.float32]]:
    runtime = find_runtime(package)
    return {kind: load(runtime, content, kind).logits(pictures) for kind, content in networks.items()}


def compare(networks: dict[str, bytes], pictures: NDArray[np.uint8]) -> dict[str, float]:
    """For each pair of (kind on package) the share of pictures that both read alike."""
    read = {name: out.argmax(axis=1) for name, out in logits_by_runtime(networks, pictures, digit_network).items()}
    return {f"{a} = {b}": round(float((read[a] == read[b]).mean()), 5) for a, b in combinations(read, 2)}

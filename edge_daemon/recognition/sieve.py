"""The sieve: before recognition a small network rates each piece of ink by its surroundings.

A digit's own shape says little where it is thin: a table line, a fold, a hair and a 1 are all bars. Its surroundings
say more: a line that runs on, a texture, a word, neighbours of the same size on one base line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.errors import ModelError
from edge_daemon.inference.manifest import Manifest, bundled, decode, read_file
from edge_daemon.inference.network import Network, check_golden, open_network
from edge_daemon.inference.runtime import ANY
from edge_daemon.recognition.ink import Blob

if TYPE_CHECKING:
    from cv2.typing import MatLike

VERSION = 2
"""Goes up whenever `views` changes: a network only works with the version that it was trained with."""
SIDE = 32
"""Width and height of the network's input in pixels."""
VIEWS = 4
"""Channels of the input: the blob itself, and its surroundings in each of WINDOWS."""
PICTURE = (SIDE, SIDE, VIEWS)
"""Shape of the input."""
WINDOWS = 2.0, 6.0, 18.0
"""Sides of the windows, in longer sides of the blob: what touches it, its word or number, its part of the page."""
FIT = 28
"""Pixels of the blob's longer side in its own view."""
PEAK = 200.0
"""Grey level of the blob's own ink in the windows: darker ink around it stays darker."""
_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class SieveManifest(Manifest, frozen=True):
    """The manifest of a sieve."""

    views: int
    golden: list[float]
    """The probability that the float32 network gives each picture on the golden sheet."""


class Sieve:
    """The sieve's network, checked and ready."""

    def __init__(self, manifest: Path | None = None, kind: str = "int8", runtime: str = ANY) -> None:
        """Raises ModelError, or RuntimeMissingError without an interpreter."""
        path = manifest or bundled("sieve")
        facts = read_manifest(path)
        self._network = open_network(path, facts, kind, network, runtime)
        self._temperature = np.float32(facts.temperature[kind])
        shown = golden_views(read_file(path.parent, facts.files["golden"]), len(facts.golden))
        check_golden(path, self._probabilities(shown), facts.golden)

    def filter(self, ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.float32]:
        """For each blob the probability that it is a digit, a large part of one, or several that touch.

        `ink` is the contrast map in which the blobs were found.
        """
        return self._probabilities(views(ink, blobs))

    def _probabilities(self, shown: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = self._network.logits(shown)[:, 0] / self._temperature
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def read_manifest(path: Path) -> SieveManifest:
    """Read and check a manifest. Raises ModelError naming the file and what is wrong."""
    manifest = decode(path, SieveManifest)
    if manifest.views != VERSION:
        raise ModelError(
            f"{path} was trained with views {manifest.views}, this program has {VERSION}:"
            " use the model that came with it"
        )
    missing = {"int8", "float32", "golden"} - manifest.files.keys()
    if missing or not {"int8", "float32"} <= manifest.temperature.keys():
        raise ModelError(f"{path} does not name all its files and temperatures; reinstall the model")
    return manifest


def network(interpreter: Any, content: bytes, name: str) -> Network:
    """A network from trusted `content`. Raises ModelError when it is no sieve."""
    return Network(interpreter, content, name, PICTURE, 1)


def golden_views(sheet: bytes, count: int) -> NDArray[np.uint8]:
    """The pictures (count, SIDE, SIDE, VIEWS) of a PNG that holds them side by side. Raises ModelError."""
    picture = cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or count == 0 or picture.shape != (SIDE, SIDE * count, VIEWS):
        raise ModelError(f"the sieve's golden sheet does not hold {count} pictures; reinstall the model")
    return np.asarray(picture, np.uint8).reshape(SIDE, count, SIDE, VIEWS).swapaxes(0, 1)


def views(ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.uint8]:
    """The network's input for each blob, (len(blobs), SIDE, SIDE, VIEWS). `ink` is the contrast map."""
    shown = np.empty((len(blobs), SIDE, SIDE, VIEWS), np.uint8)
    levels = pyramid(ink)
    for blob, view in zip(blobs, shown, strict=True):
        cv2.merge((alone(blob), *(around(levels, blob, reach) for reach in WINDOWS)), view)
    return shown


def pyramid(ink: Grey) -> list[MatLike]:
    """The map at full, half, quarter... size, so that a large window is averaged, not sampled."""
    levels: list[MatLike] = [ink]
    while min(levels[-1].shape) >= 2 * SIDE:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return levels


def alone(blob: Blob) -> MatLike:
    """The blob's own ink in the middle of a SIDE x SIDE picture, its longer side FIT px."""
    scale = FIT / max(blob.w, blob.h)
    w, h = max(1, round(blob.w * scale)), max(1, round(blob.h * scale))
    x, y = (SIDE - w) // 2, (SIDE - h) // 2
    small = cv2.resize(blob.ink, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(small, y, SIDE - h - y, x, SIDE - w - x, cv2.BORDER_CONSTANT)


def around(levels: Sequence[MatLike], blob: Blob, reach: float) -> MatLike:
    """A window of the map, centred on the blob, `reach` times as wide as the blob is long."""
    step = reach * max(blob.w, blob.h) / SIDE  # pixels of the map in one of the window
    level = min(len(levels) - 1, int(math.log2(step))) if step > 1 else 0
    shrunk = 1 << level
    step /= shrunk
    corner = step * (SIDE - 1) / 2
    x, y = (blob.x + blob.w / 2) / shrunk - 0.5, (blob.y + blob.h / 2) / shrunk - 0.5
    matrix = np.array(((step, 0.0, x - corner), (0.0, step, y - corner)))
    window = cv2.warpAffine(levels[level], matrix, (SIDE, SIDE), flags=_WARP)
    return cv2.convertScaleAbs(window, alpha=PEAK / max(1, blob.peak))

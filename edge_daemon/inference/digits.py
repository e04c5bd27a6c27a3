"""Digits by a TFLite network of ours. Owns the normaliser that its network was trained with.

A model is a manifest (.json) and the .tflite files it names, side by side. A damaged file can segfault the runtime,
and a wrong one can load and answer nonsense; so hashes are checked before anything is parsed, and golden pictures
are read before the first real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import LABELS, Glyph, Grey
from edge_daemon.errors import ModelError
from edge_daemon.images import decode_grey
from edge_daemon.inference import normalise
from edge_daemon.inference.edgetpu import TPU, Device, Pair
from edge_daemon.inference.interpreter import (
    COMPANIONS,
    Manifest,
    Network,
    bundled,
    compare,
    decode,
    open_network,
    read_file,
    softmax,
    usual_kind,
)
from edge_daemon.inference.options import AUTO, BUNDLED, ModelOptions

_INPUT = (normalise.SIDE, normalise.SIDE, normalise.VIEWS)
_CLASSES = len(LABELS)


class DigitManifest(Manifest, frozen=True):
    """What is known of a digit model."""

    labels: list[str]
    normaliser: int
    golden: list[list[float]]
    """For each picture on the golden sheet the 11 probabilities that the float32 network gives it."""
    strips: bool = True
    """False: it knows a hand that the network for strips does not know, and would be outvoted by it."""
    contradicts: Annotated[float, msgspec.Meta(ge=0, le=0.2)] = 0.0
    """Share of the crops it was taught that the model before it took for another digit: so much more than usual it may
    contradict that one while on probation."""


def locate(path: str) -> tuple[Path, str]:
    """What a configured path means: a manifest, and which of its networks; "": that is open. Raises ModelError."""
    if path in (AUTO, BUNDLED):
        return bundled("digits"), ""
    manifest, kind = Path(path).expanduser(), ""
    if manifest.suffix == ".tflite":
        manifest, kind = owner(manifest)
    if manifest.is_file() and manifest.suffix == ".json":
        return manifest, kind
    wrong = "is no model" if Path(path).expanduser().exists() else "is not there"
    raise ModelError(
        f"{path} {wrong}; [model] path is 'auto', 'bundled', a manifest (.json) beside its"
        " .tflite files, or the .tflite file of a digit classifier"
    )


def owner(file: Path) -> tuple[Path, str]:
    """The manifest that a network's file would belong to, and which kind it is of its networks.

    digits-1.0.0.float32.tflite belongs to digits-1.0.0.json.
    """
    stem, _, kind = file.name.removesuffix(".tflite").rpartition(".")
    return file.with_name(f"{stem}.json"), kind


def read_manifest(path: Path) -> DigitManifest:
    """Read and check a manifest. Raises ModelError naming the file and what is wrong."""
    manifest = decode(path, DigitManifest)
    if manifest.labels != [*LABELS]:
        raise ModelError(f"{path}: the labels are {manifest.labels}, not 0 to 9 and 'not'; is it a digit model?")
    if manifest.normaliser != normalise.VERSION:
        raise ModelError(
            f"{path} was trained with normaliser {manifest.normaliser}, this program has {normalise.VERSION}:"
            " use the model that came with it, or retrain (scripts/train digits)"
        )
    return manifest


def companions(path: str) -> dict[str, Path]:
    """Name -> manifest of the other networks that the model at a configured path brings, checked. Raises ModelError."""
    manifest = locate(path)[0]
    brought = {name: file for name, file in read_manifest(manifest).files.items() if name in COMPANIONS}
    for name, file in brought.items():
        read_file(manifest.parent, file)
        if (is_of := decode(manifest.with_name(file.name), Manifest).name) != name:
            raise ModelError(f"{manifest}: what it names as its {name} is a {is_of[:80]!r}")
    return {name: manifest.with_name(file.name) for name, file in brought.items()}


def digit_network(interpreter: Any, content: bytes, name: str) -> Network:
    """`content` must be trusted. Raises ModelError when it is no digit network."""
    return Network(interpreter, content, name, _INPUT, _CLASSES)


class TfliteClassifier:
    """domain.Classifier of a network of ours."""

    def __init__(self, options: ModelOptions, device: Device | None = None) -> None:
        """Load, check and try the model; where it has a file compiled for it, `device` may run it.

        Raises ModelError, or RuntimeMissingError without an interpreter.
        """
        path, kind = locate(options.path)
        kind = (kind or usual_kind(options.runtime)) if options.precision == "auto" else options.precision
        manifest = read_manifest(path)
        if kind not in manifest.files or kind not in manifest.temperature:
            raise ModelError(f"{path} names no {kind} network, only {', '.join(sorted(manifest.temperature))}")
        self.name = f"{manifest.name}@{manifest.version}"
        self.strips = manifest.strips
        """Whether lines may also be read as strips."""
        self._temperature = manifest.temperature[kind]
        self._networks = Pair(open_network(path, manifest, kind, digit_network, options.runtime))
        self._try(path, manifest)
        if device and options.delegate != "none" and TPU in manifest.files:
            content, file = read_file(path.parent, manifest.files[TPU]), path.with_name(manifest.files[TPU].name)
            device.serve(
                self._networks,
                options.runtime,
                file,
                lambda runtime: digit_network(runtime, content, file.name),
                lambda: self._try(path, manifest),
            )

    @property
    def backend(self) -> str:
        """cpu or edgetpu, as it is now."""
        return self._networks.backend

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """Probabilities, shape (len(glyphs), 11), rows summing to 1: digits 0 to 9, then 'not a digit'."""
        return self.own([glyph.ink for glyph in glyphs])

    def own(self, inks: Sequence[Grey]) -> NDArray[np.float32]:
        """The same of ink that is in no patch."""
        return self.of([normalise.normalise(ink) for ink in inks])

    def of(self, pictures: Sequence[Grey] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """The same of pictures as the network sees them, (SIDE, SIDE, VIEWS) each."""
        return softmax(self._networks.do(lambda network: network.logits(pictures)), self._temperature)

    def _try(self, path: Path, manifest: DigitManifest) -> None:
        """Read the golden pictures: a model can load and yet be wrong. Raises ModelError."""
        if "golden" not in manifest.files:
            raise ModelError(f"{path} names no golden pictures; reinstall the model")
        sheet = read_file(path.parent, manifest.files["golden"])
        compare(path, self.own(golden_inks(sheet, len(manifest.golden))), manifest.golden)


def golden_inks(sheet: bytes, count: int) -> list[Grey]:
    """A PNG of square cells side by side -> the ink of each of `count` cells. Raises ModelError."""
    picture = decode_grey(sheet)
    if picture is None or count == 0 or picture.shape[1] != count * picture.shape[0]:
        raise ModelError(f"the golden sheet does not hold {count} pictures; reinstall the model")
    return np.split(np.asarray(picture, np.uint8), count, axis=1)

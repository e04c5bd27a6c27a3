"""Classifies digits with a network of ours. The normaliser that it was trained with belongs to it.

A model is a manifest (.json) and the .tflite files that it names, side by side. Hashes are checked before any file is
parsed, and golden pictures are read before the first real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import LABELS, Glyph, Grey
from edge_daemon.errors import ModelError
from edge_daemon.images import decode_grey
from edge_daemon.inference import normalise
from edge_daemon.inference.edgetpu import EDGETPU, EdgeTpu, SwitchedNetwork
from edge_daemon.inference.interpreter import Runtime
from edge_daemon.inference.manifest import COMPANIONS, Manifest, bundled, decode, read_file
from edge_daemon.inference.network import Network, check_golden, open_network, softmax
from edge_daemon.inference.options import AUTO, BUNDLED, ModelOptions
from edge_daemon.inference.runtime import default_kind

_INPUT = (normalise.SIDE, normalise.SIDE, normalise.VIEWS)
_CLASSES = len(LABELS)


class DigitManifest(Manifest, frozen=True):
    """The description of a digit model."""

    labels: list[str]
    normaliser: int
    """The version of the normaliser that it was trained with."""
    golden: list[list[float]]
    """For each picture on the golden sheet the 11 probabilities that the float32 network gives it."""
    strips: bool = True
    """Whether the strips network may also read whole lines. False: the model has learnt a handwriting that the strips
    network does not know, and would be outvoted by it."""
    contradicts: Annotated[float, msgspec.Meta(ge=0, le=0.2)] = 0.0
    """The share of its training crops that the model before it misread: on probation it may contradict that model by as
    much more than is usual."""


def find_model(path: str) -> tuple[Path, str]:
    """The manifest that a configured path means, and the kind of network ("": not stated). Raises ModelError."""
    if path in (AUTO, BUNDLED):
        return bundled("digits"), ""
    manifest, kind = Path(path).expanduser(), ""
    if manifest.suffix == ".tflite":
        manifest, kind = manifest_of(manifest)
    if manifest.is_file() and manifest.suffix == ".json":
        return manifest, kind
    wrong = "is not a model" if Path(path).expanduser().exists() else "does not exist"
    raise ModelError(
        f"{path} {wrong}; [model] path is 'auto', 'bundled', a manifest (.json) beside its"
        " .tflite files, or the .tflite file of a digit classifier"
    )


def manifest_of(file: Path) -> tuple[Path, str]:
    """The manifest to which a network file would belong, and the kind of network that the file is.

    digits-1.0.0.float32.tflite belongs to digits-1.0.0.json, and is of the kind float32.
    """
    stem, _, kind = file.name.removesuffix(".tflite").rpartition(".")
    return file.with_name(f"{stem}.json"), kind


def read_manifest(path: Path) -> DigitManifest:
    """Read and check a manifest. Raises ModelError, which names the file and what is wrong."""
    manifest = decode(path, DigitManifest)
    if manifest.labels != [*LABELS]:
        raise ModelError(f"{path}: the labels are {manifest.labels}, not 0 to 9 and 'not'; is it a digit model?")
    if manifest.normaliser != normalise.VERSION:
        raise ModelError(
            f"{path} was trained with normaliser {manifest.normaliser}, this program has {normalise.VERSION}:"
            " use the model that came with it, or retrain (scripts/train)"
        )
    return manifest


def companions(path: str) -> dict[str, Path]:
    """Name -> manifest of the other networks that the model at a configured path brings, checked. Raises ModelError."""
    manifest = find_model(path)[0]
    brought = {name: file for name, file in read_manifest(manifest).files.items() if name in COMPANIONS}
    for name, file in brought.items():
        read_file(manifest.parent, file)
        if (is_of := decode(manifest.with_name(file.name), Manifest).name) != name:
            raise ModelError(f"{manifest}: the file that it names as its {name} is of {is_of[:80]!r}")
    return {name: manifest.with_name(file.name) for name, file in brought.items()}


def digit_network(runtime: Runtime, content: bytes, name: str) -> Network:
    """A digit network from bytes whose hash was checked. Raises ModelError where it is another kind of network."""
    return Network(runtime, content, name, _INPUT, _CLASSES)


class DigitClassifier:
    """domain.Classifier with a network of ours."""

    def __init__(self, options: ModelOptions, edgetpu: EdgeTpu | None = None) -> None:
        """Load and check the model; where it has a file compiled for the Edge TPU, `edgetpu` may run it.

        Raises ModelError, or RuntimeMissingError.
        """
        path, kind = find_model(options.path)
        kind = (kind or default_kind(options.runtime)) if options.precision == "auto" else options.precision
        manifest = read_manifest(path)
        if kind not in manifest.files or kind not in manifest.temperature:
            raise ModelError(f"{path} names no {kind} network, only {', '.join(sorted(manifest.temperature))}")
        self.name = f"{manifest.name}@{manifest.version}"
        self.strips = manifest.strips
        """Whether the strips network may also read whole lines."""
        self._temperature = manifest.temperature[kind]
        self._networks = SwitchedNetwork(open_network(path, manifest, kind, digit_network, options.runtime))
        self._check_golden(path, manifest)
        if edgetpu and options.delegate != "none" and EDGETPU in manifest.files:
            compiled = manifest.files[EDGETPU]
            content, file = read_file(path.parent, compiled), path.with_name(compiled.name)
            edgetpu.attach(
                self._networks,
                options.runtime,
                file,
                lambda runtime: digit_network(runtime, content, file.name),
                lambda: self._check_golden(path, manifest),
            )

    @property
    def backend(self) -> str:
        """What runs it now: cpu or edgetpu."""
        return self._networks.backend

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """Probabilities, shape (len(glyphs), 11), rows summing to 1: digits 0 to 9, then 'not a digit'."""
        return self.classify_inks([glyph.ink for glyph in glyphs])

    def classify_inks(self, inks: Sequence[Grey]) -> NDArray[np.float32]:
        """The same for ink (h, w), 0 = paper, that is in no patch."""
        return self.classify_normalised([normalise.normalise(ink) for ink in inks])

    def classify_normalised(self, pictures: Sequence[Grey] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """The same for pictures (SIDE, SIDE, VIEWS) as the normaliser makes them."""
        return softmax(self._networks.run(lambda network: network.logits(pictures)), self._temperature)

    def _check_golden(self, path: Path, manifest: DigitManifest) -> None:
        """Read the golden pictures: a model can load and yet be wrong. Raises ModelError."""
        if "golden" not in manifest.files:
            raise ModelError(f"{path} names no golden pictures; reinstall the model")
        sheet = read_file(path.parent, manifest.files["golden"])
        check_golden(path, self.classify_inks(golden_inks(sheet, len(manifest.golden))), manifest.golden)


def golden_inks(sheet: bytes, count: int) -> list[Grey]:
    """The ink of each of `count` cells in a PNG of square cells side by side. Raises ModelError."""
    picture = decode_grey(sheet)
    if picture is None or count == 0 or picture.shape[1] != count * picture.shape[0]:
        raise ModelError(f"the golden sheet does not hold {count} pictures; reinstall the model")
    return np.split(np.asarray(picture, np.uint8), count, axis=1)


def bundled_golden() -> tuple[list[Grey], list[int]]:
    """The golden inks of the bundled digit model, and the label of each, 0 to 10. Raises ModelError."""
    path = bundled("digits")
    manifest = read_manifest(path)
    inks = golden_inks(read_file(path.parent, manifest.files["golden"]), len(manifest.golden))
    return inks, [int(np.argmax(probabilities)) for probabilities in manifest.golden]

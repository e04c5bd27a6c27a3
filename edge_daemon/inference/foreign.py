"""Any .tflite digit classifier, without a manifest: what it wants to see is found out by showing it known digits.

Such a network has seldom a class for what is no digit. The bundled network is asked that beside it: a slash must not
become a 1 because nobody taught the network about slashes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, NOT_A_DIGIT, Glyph, Grey
from edge_daemon.errors import ModelError
from edge_daemon.inference import digits, foreign_network, normalise
from edge_daemon.inference.edgetpu import Device, Pair
from edge_daemon.inference.interpreter import bundled, find_interpreter, read_file, softmax
from edge_daemon.inference.options import BUNDLED, ModelOptions, Scale

LEAST = 10
"""Of the 20 golden digits so many must be read right, or it is no digit classifier (by chance: 2)."""
COMPILED = "_edgetpu.tflite"
"""How the vendor's compiler names what it makes of a .tflite file."""
CLEARLY, HARDLY = 0.2, 0.02
"""In nats a digit: so much better must golden digits be read from another view, and worn ones in another polarity or
scale, than in the customary one."""
_LEAST_SHARE = 1e-4
"""A probability of 0 has no logarithm, and no network is as sure as that."""


_ROOM = 8
"""Pixels around a golden digit for what leans."""
View = Literal["as it is", "evened"]
"""The ink as it is, or as the normaliser evens out slant, width and pen."""
VIEWS: tuple[View, ...] = ("as it is", "evened")


class Diet(NamedTuple):
    """What a network is fed with."""

    view: View
    dark: bool
    """Dark ink on white, not light ink on black."""
    scale: Scale

    def __str__(self) -> str:
        return f"{'dark ink on white' if self.dark else 'light ink on black'}, {self.scale}, the ink {self.view}"


class _Found(NamedTuple):
    """How golden digits are read with a diet: mean logarithm of the right label's probability."""

    clean: float
    worn: float
    """Over clean and worn ones."""
    diet: Diet
    probabilities: bool
    right: int
    """Of the clean ones."""


class ForeignClassifier:
    """domain.Classifier of any .tflite file.

    mnist_edgetpu.tflite is what mnist.tflite becomes when it is compiled for the Edge TPU: side by side they are one
    model, whichever is named.
    """

    strips = False
    """Who brings a digit network of their own wants it to read."""

    def __init__(self, options: ModelOptions, device: Device | None = None) -> None:
        """Load, find out and try. Raises ModelError, or RuntimeMissingError without an interpreter."""
        path = twin(Path(options.path).expanduser())
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from error
        self.name = f"{path.stem}@{hashlib.sha256(content).hexdigest()[:8]}"
        self.network = foreign_network.ForeignNetwork(find_interpreter(options.runtime).interpreter, content, str(path))
        self._networks = Pair(self.network)
        self.labels = foreign_network.labels(options.labels, content, path, self.network.scores)
        self._columns = foreign_network.columns(self.labels)
        self._temperature = options.temperature
        self._judge = None if NOT_A_DIGIT in self._columns else digits.TfliteClassifier(ModelOptions(BUNDLED))
        self.diet, self.probabilities, self.golden = self._find_out(golden_digits(), options)
        if self.golden < LEAST:
            raise ModelError(
                f"{path.name} reads {self.golden} of {2 * len(DIGITS)} golden digits, at best ({self.diet}):"
                " it is no digit classifier, or its labels are in another order; [model] labels names them"
            )
        file = compiled(path)
        if device and options.delegate != "none" and file.is_file():
            device.serve(self._networks, options.runtime, file, partial(_load, file), self._check)

    @property
    def backend(self) -> str:
        """cpu or edgetpu, as it is now."""
        return self._networks.backend

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """Probabilities, shape (len(glyphs), 11), rows summing to 1: digits 0 to 9, then 'not a digit'."""
        said = self.own([glyph.ink for glyph in glyphs])
        if self._judge is not None:
            no_digit = self._judge.classify(glyphs)[:, NOT_A_DIGIT]
            said[:, :NOT_A_DIGIT] *= 1 - no_digit[:, None]
            said[:, NOT_A_DIGIT] = no_digit
        return said

    def own(self, inks: Sequence[Grey]) -> NDArray[np.float32]:
        """What the network itself says, in the same form; a network without such a class never says 'not a digit'."""
        said = np.zeros((len(inks), NOT_A_DIGIT + 1), np.float32)
        if inks:
            raw = self._raw(inks, self.diet)
            logits = _logarithm(raw) if self.probabilities else raw
            np.add.at(said.T, self._columns, softmax(logits, self._temperature).T)
        return said

    def _pictures(self, inks: Sequence[Grey], view: View) -> NDArray[np.uint8]:
        return np.stack([viewed(ink, view, self.network.height, self.network.width) for ink in inks])

    def _raw(self, inks: Sequence[Grey], diet: Diet) -> NDArray[np.float32]:
        pictures = self._pictures(inks, diet.view)
        return self._networks.do(lambda network: network.raw(pictures, diet.scale, diet.dark))

    def _check(self) -> None:
        """Raises ModelError where the golden digits are no longer read as they were."""
        right = (self.own(golden_digits()).argmax(axis=1) == np.tile(np.arange(len(DIGITS)), 2)).sum()
        if right < self.golden - 1:
            raise ModelError(f"it reads {right} of the golden digits, the CPU {self.golden}: compile the file anew")

    def _find_out(self, inks: Sequence[Grey], options: ModelOptions) -> tuple[Diet, bool, int]:
        """How it reads the golden digits best, whether it gives probabilities, and how many it then reads right.

        Polarity and scale are told by worn digits: a network that has seen both reads clean ones either way.
        """
        best: _Found | None = None
        for view in VIEWS:
            found: _Found | None = None
            pictures = self._pictures([*inks, *(other for ink in inks for other in worn(ink))], view)
            for diet in self._diets(view, options):
                tried = self._tried(pictures, diet, len(inks))
                if tried and (found is None or tried.worn > found.worn + HARDLY):
                    found = tried
            if found and (best is None or found.clean > best.clean + CLEARLY):
                best = found
        if best is None:
            raise ModelError(f"{self.network.name} answers with what are no numbers")
        return best.diet, best.probabilities, best.right

    def _tried(self, pictures: NDArray[np.uint8], diet: Diet, clean: int) -> _Found | None:
        """How it reads these, of which the first are the `clean` ones; None where it answers with no numbers."""
        raw = self._networks.do(lambda network: network.raw(pictures, diet.scale, diet.dark))
        if not np.isfinite(raw).all():
            return None
        order = [*range(clean), *np.repeat(np.arange(clean), (len(raw) - clean) // clean)]
        truth = np.array([self.labels.index(DIGITS[i % len(DIGITS)]) for i in order])
        probabilities = bool(raw.min() >= -0.01 and raw.max() <= 1.01)
        said = softmax(_logarithm(raw) if probabilities else raw, 1.0)
        fit = np.log(said[range(len(raw)), truth] + _LEAST_SHARE)
        right = int((raw.argmax(axis=1) == truth)[:clean].sum())
        return _Found(float(fit[:clean].mean()), float(fit.mean()), diet, probabilities, right)

    def _diets(self, view: View, options: ModelOptions) -> Iterator[Diet]:
        """The customary one, MNIST's, first."""
        scale = options.scale if options.scale != "auto" else self.network.scale
        scales = list(foreign_network.SCALES) if scale == "auto" else [scale]
        inks = {"auto": [False, True], "light": [False], "dark": [True]}[options.ink]
        for dark, each in itertools.product(inks, scales):
            yield Diet(view, dark, each)


def worn(ink: Grey) -> Iterator[Grey]:
    """The same digit as it is seldom drawn: leaning to either side, of a fine and a broad pen, blurred."""
    wide = cv2.copyMakeBorder(ink, _ROOM, _ROOM, _ROOM, _ROOM, cv2.BORDER_CONSTANT)
    height, width = wide.shape
    pen = np.ones((3, 3), np.uint8)
    for lean in (-0.2, 0.2):
        matrix = np.array([[1, lean, -lean * height / 2], [0, 1, 0]], np.float32)
        yield np.asarray(cv2.warpAffine(wide, matrix, (width, height)), np.uint8)
    yield np.asarray(cv2.erode(wide, pen), np.uint8)
    yield np.asarray(cv2.dilate(wide, pen, iterations=2), np.uint8)
    yield np.asarray(cv2.GaussianBlur(wide, (0, 0), 2.0), np.uint8)


def twin(path: Path) -> Path:
    """The file for the CPU, where `path` is the one compiled for the Edge TPU and the other lies beside it."""
    cpu = path.with_name(path.name.replace(COMPILED, ".tflite"))
    return cpu if cpu.is_file() else path


def compiled(path: Path) -> Path:
    """What the vendor's compiler makes of the file for the CPU; it need not be there."""
    return path.with_name(f"{path.stem}{COMPILED}")


def _load(file: Path, runtime: Any) -> foreign_network.ForeignNetwork:
    return foreign_network.ForeignNetwork(runtime, file.read_bytes(), str(file))


def _logarithm(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.log(np.maximum(probabilities, np.float32(_LEAST_SHARE))), np.float32)


def viewed(ink: Grey, view: View, height: int, width: int) -> Grey:
    """One glyph's ink as a picture of the network's size, light on black."""
    if view == "as it is":
        return normalise.as_it_is(ink, height, width)
    return normalise.as_it_is(normalise.normalise(ink)[..., 0], height, width)


def golden_digits() -> list[Grey]:
    """The ink of 0 to 9 by two writers, of the bundled model's golden sheet. Raises ModelError."""
    manifest = bundled("digits")
    facts = digits.read_manifest(manifest)
    inks = digits.golden_inks(read_file(manifest.parent, facts.files["golden"]), len(facts.golden))
    return inks[: 2 * len(DIGITS)]

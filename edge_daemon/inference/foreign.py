"""Classifies digits with any .tflite file that has no manifest: how to feed it is found by showing it known digits.

Such a network rarely has a class for ink that is not a digit. Then the bundled network decides that: a slash must not
become a 1 because nobody taught the network about slashes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, NOT_A_DIGIT, Glyph, Grey
from edge_daemon.errors import ModelError
from edge_daemon.inference import digits, foreign_network, normalise
from edge_daemon.inference.edgetpu import EdgeTpu, SwitchedNetwork
from edge_daemon.inference.foreign_network import ForeignNetwork
from edge_daemon.inference.interpreter import Runtime
from edge_daemon.inference.network import softmax
from edge_daemon.inference.options import BUNDLED, ForeignOptions, ModelOptions, Scale
from edge_daemon.inference.runtime import find_runtime

MIN_GOLDEN = 10
"""Golden digits of 20 that must be read right, or the file is not a digit classifier; guessing gives 2."""
COMPILED = "_edgetpu.tflite"
"""Ending of the name of the file that the vendor's compiler makes of a .tflite file."""
VIEW_MARGIN = 0.2
"""Nats a digit by which golden digits must be read better in another view than in the usual one, to choose it."""
FORMAT_MARGIN = 0.02
"""The same for another polarity or scale, over golden and distorted digits."""
_SMALLEST = 1e-4
"""Probabilities are raised to this before the logarithm is taken: 0 has none, and no network is that certain."""
_MARGIN = 8
"""Pixels of paper around a golden digit, so that a slanted one fits."""

View = Literal["as it is", "evened"]
"""The ink as it is, or with slant, width and stroke width made even by the normaliser."""
VIEWS: tuple[View, ...] = ("as it is", "evened")


class InputFormat(NamedTuple):
    """How glyphs are shown to a network."""

    view: View
    dark: bool
    """True: dark ink on white. False: light ink on black."""
    scale: Scale

    def __str__(self) -> str:
        return f"{'dark ink on white' if self.dark else 'light ink on black'}, {self.scale}, the ink {self.view}"


class _Fit(NamedTuple):
    """How well golden digits are read with an input format."""

    golden: float
    """Mean logarithm of the probability of the right label, over the golden digits."""
    all: float
    """The same over golden and distorted digits."""
    input_format: InputFormat
    probabilities: bool
    """Whether the network gives probabilities; otherwise logits."""
    right: int
    """Golden digits that are read right."""


class ForeignClassifier:
    """domain.Classifier with any .tflite file.

    mnist_edgetpu.tflite is mnist.tflite compiled for the Edge TPU: side by side they are one model, whichever is named.
    """

    strips = False
    """The strips network does not read lines: the user wants this network to read."""

    def __init__(self, options: ModelOptions, edgetpu: EdgeTpu | None = None) -> None:
        """Load it, find its input format and check it. Raises ModelError, or RuntimeMissingError."""
        path = cpu_file(Path(options.path).expanduser())
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from error
        self.name = f"{path.stem}@{hashlib.sha256(content).hexdigest()[:8]}"
        self.network = ForeignNetwork(find_runtime(options.runtime), content, str(path))
        self._networks = SwitchedNetwork(self.network)
        self.labels = foreign_network.labels(options.foreign.labels, content, path, self.network.scores)
        self._columns = foreign_network.columns(self.labels)
        self._temperature = options.foreign.temperature
        self._not_a_digit = None
        if NOT_A_DIGIT not in self._columns:
            self._not_a_digit = digits.DigitClassifier(ModelOptions(BUNDLED))
        self.input_format, self.probabilities, self.golden = self._find_format(golden_digits(), options.foreign)
        if self.golden < MIN_GOLDEN:
            raise ModelError(
                f"{path.name} reads {self.golden} of {2 * len(DIGITS)} golden digits, at best ({self.input_format}):"
                " it is not a digit classifier, or its labels are in another order; [model.foreign] labels names them"
            )
        file = compiled_file(path)
        if edgetpu and options.delegate != "none" and file.is_file():
            edgetpu.attach(self._networks, options.runtime, file, partial(_load, file), self._check_golden)

    @property
    def backend(self) -> str:
        """What runs it now: cpu or edgetpu."""
        return self._networks.backend

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """Probabilities, shape (len(glyphs), 11), rows summing to 1: digits 0 to 9, then 'not a digit'."""
        probabilities = self.classify_inks([glyph.ink for glyph in glyphs])
        if self._not_a_digit is not None:
            rejected = self._not_a_digit.classify(glyphs)[:, NOT_A_DIGIT]
            probabilities[:, :NOT_A_DIGIT] *= 1 - rejected[:, None]
            probabilities[:, NOT_A_DIGIT] = rejected
        return probabilities

    def classify_inks(self, inks: Sequence[Grey]) -> NDArray[np.float32]:
        """The same by this network alone; without a class for it, the probability of 'not a digit' is 0."""
        probabilities = np.zeros((len(inks), NOT_A_DIGIT + 1), np.float32)
        if inks:
            raw = self._raw(self._views(inks, self.input_format.view), self.input_format)
            logits = _logarithm(raw) if self.probabilities else raw
            np.add.at(probabilities.T, self._columns, softmax(logits, self._temperature).T)
        return probabilities

    def _views(self, inks: Sequence[Grey], view: View) -> NDArray[np.uint8]:
        return np.stack([viewed(ink, view, self.network.height, self.network.width) for ink in inks])

    def _raw(self, pictures: NDArray[np.uint8], input_format: InputFormat) -> NDArray[np.float32]:
        return self._networks.run(lambda network: network.raw(pictures, input_format.scale, input_format.dark))

    def _check_golden(self) -> None:
        """Raise ModelError where the golden digits are no longer read as they were."""
        right = (self.classify_inks(golden_digits()).argmax(axis=1) == np.tile(np.arange(len(DIGITS)), 2)).sum()
        if right < self.golden - 1:
            raise ModelError(f"it reads {right} of the golden digits, the CPU {self.golden}: compile the file again")

    def _find_format(self, inks: Sequence[Grey], options: ForeignOptions) -> tuple[InputFormat, bool, int]:
        """The best input format, whether the network gives probabilities, and how many golden digits it then reads.

        Distorted digits decide on polarity and scale: a network trained on both polarities reads clean ones either way.
        """
        best: _Fit | None = None
        for view in VIEWS:
            found: _Fit | None = None
            pictures = self._views([*inks, *(other for ink in inks for other in distorted(ink))], view)
            for input_format in self._formats(view, options):
                fit = self._fit(pictures, input_format, len(inks))
                if fit and (found is None or fit.all > found.all + FORMAT_MARGIN):
                    found = fit
            if found and (best is None or found.golden > best.golden + VIEW_MARGIN):
                best = found
        if best is None:
            raise ModelError(f"{self.network.name} gives values that are not numbers (NaN or infinite)")
        return best.input_format, best.probabilities, best.right

    def _fit(self, pictures: NDArray[np.uint8], input_format: InputFormat, golden: int) -> _Fit | None:
        """How well these pictures are read, of which the first `golden` are golden; None: the network gives NaN."""
        raw = self._raw(pictures, input_format)
        if not np.isfinite(raw).all():
            return None
        order = [*range(golden), *np.repeat(np.arange(golden), (len(raw) - golden) // golden)]
        truth = np.array([self.labels.index(DIGITS[i % len(DIGITS)]) for i in order])
        probabilities = bool(raw.min() >= -0.01 and raw.max() <= 1.01)
        shares = softmax(_logarithm(raw) if probabilities else raw, 1.0)
        fit = np.log(shares[range(len(raw)), truth] + _SMALLEST)
        right = int((raw.argmax(axis=1) == truth)[:golden].sum())
        return _Fit(float(fit[:golden].mean()), float(fit.mean()), input_format, probabilities, right)

    def _formats(self, view: View, options: ForeignOptions) -> Iterator[InputFormat]:
        """All formats that `options` and the file leave open, the usual one (MNIST's) first."""
        scale = options.scale if options.scale != "auto" else self.network.scale
        scales = list(foreign_network.SCALES) if scale == "auto" else [scale]
        polarities = {"auto": [False, True], "light": [False], "dark": [True]}[options.ink]
        for dark, each in itertools.product(polarities, scales):
            yield InputFormat(view, dark, each)


def distorted(ink: Grey) -> Iterator[Grey]:
    """The same digit slanted to either side, with a thin and a thick pen, and blurred."""
    wide = cv2.copyMakeBorder(ink, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT)
    height, width = wide.shape
    pen = np.ones((3, 3), np.uint8)
    for slant in (-0.2, 0.2):
        matrix = np.array([[1, slant, -slant * height / 2], [0, 1, 0]], np.float32)
        yield np.asarray(cv2.warpAffine(wide, matrix, (width, height)), np.uint8)
    yield np.asarray(cv2.erode(wide, pen), np.uint8)
    yield np.asarray(cv2.dilate(wide, pen, iterations=2), np.uint8)
    yield np.asarray(cv2.GaussianBlur(wide, (0, 0), 2.0), np.uint8)


def cpu_file(path: Path) -> Path:
    """The file for the CPU, where `path` is compiled for the Edge TPU and the other lies beside it; else `path`."""
    cpu = path.with_name(path.name.replace(COMPILED, ".tflite"))
    return cpu if cpu.is_file() else path


def compiled_file(path: Path) -> Path:
    """The file that the vendor's compiler makes of a file for the CPU; it may not exist."""
    return path.with_name(f"{path.stem}{COMPILED}")


def viewed(ink: Grey, view: View, height: int, width: int) -> Grey:
    """One glyph's ink as a picture of the network's size, light on black."""
    if view == "as it is":
        return normalise.as_it_is(ink, height, width)
    return normalise.as_it_is(normalise.normalise(ink)[..., 0], height, width)


def golden_digits() -> list[Grey]:
    """The ink of 0 to 9 by two writers, from the bundled model's golden sheet. Raises ModelError."""
    return digits.bundled_golden()[0][: 2 * len(DIGITS)]


def _load(file: Path, runtime: Runtime) -> ForeignNetwork:
    return ForeignNetwork(runtime, file.read_bytes(), str(file))


def _logarithm(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.log(np.maximum(probabilities, np.float32(_SMALLEST))), np.float32)

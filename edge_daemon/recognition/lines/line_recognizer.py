"""Line recognition: a strip -> the most likely texts, without deciding which ink belongs to which digit.

A strip is a line cut from the contrast map, HEIGHT px high. A convolutional network gives for each of FRAMES columns
the probability of each digit and of blank, and connectionist temporal classification (CTC, Graves et al., 2006) decodes
texts from that: the same digit in neighbouring frames is one digit, blank between them separates two. Marks, letters,
rules and patterns are blank. Digits that touch, overlap or share strokes need no cuts.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Box, Candidate, Grey
from edge_daemon.errors import ModelError
from edge_daemon.geometry import clip_box
from edge_daemon.images import decode_grey
from edge_daemon.inference.manifest import Manifest, bundled, decode, read_file
from edge_daemon.inference.network import Network, check_golden, open_network, softmax
from edge_daemon.inference.runtime import ANY
from edge_daemon.recognition.lines import ctc

VERSION = 1
"""Goes up whenever `cut_strip` changes: a network only works with the version that it was trained with."""
HEIGHT = 32
"""Height of a strip in pixels."""
WIDTH = 224
"""Width of a strip in pixels."""
SQUEEZE = 1.5
"""Factor by which a longer line may be made narrower to fit, at most: as in training."""
MIN_CONTRAST = 24
"""Grey levels between a strip's ink and its paper: with less it is not stretched further, because it holds noise."""
FRAMES = WIDTH // 2
"""Columns for which the network gives probabilities."""
BLANK = len(DIGITS)
"""Column of a frame's scores for blank: no digit here."""
SCORES = BLANK + 1
"""Scores of a frame: ten digits and blank."""
CONFIDENT = 0.95
"""Confidence, of a strip or of glyphs, from which a number is not read a second time in another way."""
STRETCHES = 0.88, 1.12
"""Widths, as multiples of its own, at which a line is read again that has no CONFIDENT text."""
STEP = 32
"""Columns. A network runs only at multiples of this width: each other width costs time to prepare it."""
ROOM = 8
"""Empty columns that a network sees behind the last ink, where the strip has them."""
APART = 16
"""Blank columns between short strips that share a run of the network."""


class LineManifest(Manifest, frozen=True):
    """The manifest of a line network."""

    strip: int
    """VERSION of `cut` that the network was trained with."""
    golden: list[list[float]]
    """For each strip on the golden sheet the probability of each digit and of none, highest over all frames."""


@dataclass(frozen=True, slots=True)
class LineText:
    """The texts of one line."""

    candidates: tuple[Candidate, ...]
    """Up to three texts, best first; "" says that there is no digit. Calibrated."""
    spans: tuple[tuple[float, float], ...]
    """For each digit of the best text about where it stands: first and last column, as shares 0..1 of WIDTH."""


class LineRecognizer:
    """The bundled line network, checked and ready."""

    def __init__(self, manifest: Path | None = None, kind: str = "int8", runtime: str = ANY) -> None:
        """Raises ModelError, or RuntimeMissingError without an interpreter."""
        path = manifest or bundled("strips")
        facts = read_manifest(path)
        self._network = open_network(path, facts, kind, network, runtime)
        self._temperature = facts.temperature[kind]
        shown = golden_strips(read_file(path.parent, facts.files["golden"]), len(facts.golden))
        scores = np.array([self.probabilities(strip).max(axis=0) for strip in shown], np.float32)
        check_golden(path, scores, facts.golden)

    def read(self, ink: Grey, box: Box) -> LineText | None:
        """The text in `box` of a contrast map; None where `cut_strip` finds no line.

        A line without a CONFIDENT text is also read narrower and wider (STRETCHES); the probabilities are averaged.
        """
        strip = cut_strip(ink, box)
        if strip is None:
            return None
        scores = self.probabilities(strip)
        candidates = decode_texts(scores)
        if candidates[0][1] < CONFIDENT:
            again = [strip for wide in STRETCHES if (strip := cut_strip(ink, box, wide)) is not None]
            candidates = average_texts([candidates, *self.read_strips(again)])
        return LineText(candidates, digit_spans(scores, candidates[0][0]))

    def read_strips(self, strips: Sequence[Grey]) -> list[tuple[Candidate, ...]]:
        """The candidates of several strips, each read once; short strips share a run of the network."""
        found: list[tuple[Candidate, ...]] = []
        for together in pack_strips(strips):
            sheet = np.zeros((HEIGHT, WIDTH), np.uint8)
            for strip, at in together:
                sheet[:, at : at + strip.shape[1]] = strip
            scores = self.probabilities(sheet)
            found += [decode_texts(scores[at // 2 : (at + strip.shape[1] + APART // 2) // 2]) for strip, at in together]
        return found

    def probabilities(self, strip: Grey) -> NDArray[np.float32]:
        """(FRAMES, SCORES) for a strip (HEIGHT, WIDTH), rows summing to 1. The empty right end is blank."""
        found = self._network.strip_logits(used_part(strip)).reshape(-1, SCORES)
        rows = np.zeros((FRAMES, SCORES), np.float32)
        rows[:, BLANK] = 1
        rows[: len(found)] = softmax(found, self._temperature)
        return rows


def read_manifest(path: Path) -> LineManifest:
    """Read and check a manifest. Raises ModelError when it cannot be read, or does not fit this program."""
    manifest = decode(path, LineManifest)
    kinds = {"int8"}
    if (
        manifest.strip != VERSION
        or not {*kinds, "golden"} <= manifest.files.keys()
        or not manifest.temperature.keys() >= kinds
    ):
        raise ModelError(f"{path} is not a strip network of this edge-daemon; reinstall the model")
    return manifest


def network(runtime: Any, content: bytes, name: str) -> Network:
    """A network from trusted `content`. Raises ModelError when it is no line network."""
    return Network(runtime, content, name, (HEIGHT, WIDTH, 1), FRAMES * SCORES)


def golden_strips(sheet: bytes, count: int, width: int = WIDTH) -> list[Grey]:
    """The strips (HEIGHT, width) of a PNG with `count` strips one below the other. Raises ModelError."""
    picture = decode_grey(sheet)
    if picture is None or count == 0 or picture.shape != (HEIGHT * count, width):
        raise ModelError(f"the golden sheet does not hold {count} strips; reinstall the model")
    return list(picture.reshape(count, HEIGHT, width))


def cut_strip(ink: Grey, box: Box, wide: float = 1.0) -> Grey | None:
    """The line in `box` of the contrast map `ink` as a strip (HEIGHT, WIDTH), at its left end; the rest is 0.

    The line is stretched to `wide` times its width. `box` holds the digits with a little space around them (a tenth to
    half of their height, as in training) and is clipped to the map. The strip's paper becomes 0 and its ink 255.
    None for a line that the network does not know: too long for its height, or empty.
    """
    x, y, w, h = clip_box(box, ink)
    if min(w, h) < 2 or w * wide * HEIGHT > h * WIDTH * SQUEEZE:
        return None
    how = cv2.INTER_AREA if h > HEIGHT else cv2.INTER_LINEAR
    line = cv2.resize(ink[y : y + h, x : x + w], (strip_width(w * wide, h), HEIGHT), interpolation=how)
    paper, dark = (float(v) for v in np.percentile(line, (50, 98)))
    strip = np.zeros((HEIGHT, WIDTH), np.uint8)
    strip[:, : line.shape[1]] = np.clip(
        (line.astype(np.float32) - paper) * (255 / max(MIN_CONTRAST, dark - paper)), 0, 255
    )
    return strip


def used_part(strip: Grey) -> Grey:
    """The strip without its empty right end, of which ROOM is kept; its width is a multiple of STEP or the whole."""
    used = int(np.flatnonzero(strip.any(axis=0)).max(initial=0)) + 1
    return np.ascontiguousarray(strip[:, : STEP * math.ceil((used + ROOM) / STEP)])


def average_texts(readings: Sequence[Sequence[Candidate]]) -> tuple[Candidate, ...]:
    """The three most likely texts of several readings, each with the same weight."""
    chances: dict[str, float] = defaultdict(float)
    for text, chance in itertools.chain.from_iterable(readings):
        chances[text] += chance / len(readings)
    return tuple(sorted(chances.items(), key=lambda candidate: -candidate[1])[:3])


def pack_strips(strips: Sequence[Grey]) -> list[list[tuple[Grey, int]]]:
    """The strips without the empty columns at their right end, in order, each with the column where it is placed.

    Those of one list fit side by side on one sheet.
    """
    lists: list[list[tuple[Grey, int]]] = []
    end = WIDTH
    for strip in strips:
        width = 4 * math.ceil((int(np.flatnonzero(strip.any(axis=0)).max(initial=0)) + 1) / 4)
        if end + width > WIDTH:
            lists.append([])
            end = 0
        lists[-1].append((strip[:, :width], end))
        end += width + APART
    return lists


def strip_width(w: float, h: int) -> int:
    """Columns of a strip that a box of w x h px fills."""
    return max(1, min(WIDTH, round(w * HEIGHT / h)))


def digit_boxes(box: Box, ink: Grey, spans: Sequence[tuple[float, float]]) -> list[Box]:
    """The boxes, on the map, of the digits of a strip cut from `box`: as high as the line, as wide as their spans."""
    x, y, w, h = clip_box(box, ink)
    step = w * WIDTH / strip_width(w, h)
    ends = [(min(w, round(first * step)), min(w, round(last * step))) for first, last in spans]
    return [(x + first, y, max(1, last - first), h) for first, last in ends]


def decode_texts(probabilities: NDArray[np.float32], beam: int = ctc.BEAM) -> tuple[Candidate, ...]:
    """The three most likely texts and their probabilities; `probabilities` (frames, SCORES)."""
    return tuple(ctc.search_texts(probabilities, DIGITS, beam=beam)[:3])


def digit_spans(probabilities: NDArray[np.float32], text: str) -> tuple[tuple[float, float], ...]:
    """For each digit of `text` its first and last column, as shares 0..1: from half way to its neighbours."""
    if not text:
        return ()
    spans = ctc.align(probabilities, DIGITS, text)
    at = [(first + last + 1) / 2 / len(probabilities) for first, last in spans]
    half = min((b - a for a, b in itertools.pairwise(at)), default=0.06) / 2
    middles = [(a + b) / 2 for a, b in itertools.pairwise(at)]
    return tuple(zip([max(0.0, at[0] - half), *middles], [*middles, min(1.0, at[-1] + half)], strict=True))

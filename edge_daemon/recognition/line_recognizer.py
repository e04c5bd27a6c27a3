"""A whole line of digits at once, where it cannot be told which ink is which digit's: a strip -> the likeliest texts.

A strip is a line cut from the contrast map, HEIGHT px high. A convolutional network gives for each of FRAMES columns
the probability of each digit and of none, and connectionist temporal classification (Graves et al., 2006) reads texts
from that: the same digit in neighbouring frames is one digit, none between them parts two. Marks, letters, rules and
patterns are none. No lattice: digits that touch, overlap or share strokes need no cuts.
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

VERSION = 1
"""Goes up whenever `cut` changes: a network only works with the version that it was trained with."""
HEIGHT, WIDTH = 32, 224
"""Of a strip in px."""
SQUEEZE = 1.5
"""A longer line is made narrower to fit, up to so many times: what training saw."""
LEAST_CONTRAST = 24
"""Between a strip's ink and its paper: a strip with less is not stretched further, it holds noise."""
FRAMES = WIDTH // 2
NONE = len(DIGITS)
"""Column of a frame's scores that says: no digit here."""
SCORES = NONE + 1
SETTLED = 0.95
"""What is this sure, read as a strip or by its glyphs, needs no second look, be it the same way or the other."""
STRETCHED = 0.88, 1.12
"""Widths, of its own, at which a line is looked at again that is not read surely."""
APART = 16
"""Columns of nothing between short strips that share a run of the network."""
BEAM = 8
"""Texts kept from frame to frame."""
FAINT = 1e-3
"""A digit less likely than this in a frame does not start a text of its own."""


class StripManifest(Manifest, frozen=True):
    """What is known of a strip network."""

    strip: int
    """VERSION of `cut` that the network was trained with."""
    golden: list[list[float]]
    """For each strip on the golden sheet the probability of each digit and of none, highest over all frames."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """What a strip says."""

    candidates: tuple[Candidate, ...]
    """Up to three texts, best first; "" says that there is no digit. Calibrated."""
    spans: tuple[tuple[float, float], ...]
    """For each digit of the best text about where it stands: first and last column, as shares 0..1 of WIDTH."""


class StripReader:
    """The bundled network, checked and ready."""

    def __init__(self, manifest: Path | None = None, kind: str = "int8", runtime: str = ANY) -> None:
        """Raises ModelError, or RuntimeMissingError without an interpreter."""
        path = manifest or bundled("strips")
        facts = read_manifest(path)
        self._network = open_network(path, facts, kind, network, runtime)
        self._temperature = facts.temperature[kind]
        shown = golden_strips(read_file(path.parent, facts.files["golden"]), len(facts.golden))
        said = np.array([self.probabilities(strip).max(axis=0) for strip in shown], np.float32)
        check_golden(path, said, facts.golden)

    def read(self, ink: Grey, box: Box) -> Spelled | None:
        """The line in `box` of a contrast map; None where `cut` finds none. What is not sure is looked at narrower and
        wider as well, and each look counts alike."""
        strip = cut(ink, box)
        if strip is None:
            return None
        said = self.probabilities(strip)
        candidates = texts(said)
        if candidates[0][1] < SETTLED:
            again = [strip for wide in STRETCHED if (strip := cut(ink, box, wide)) is not None]
            candidates = together([candidates, *self.read_each(again)])
        return Spelled(candidates, spans(said, candidates[0][0]))

    def read_each(self, strips: Sequence[Grey]) -> list[tuple[Candidate, ...]]:
        """The candidates of several strips, as `read` gives them one by one; short ones share a run of the network."""
        found: list[tuple[Candidate, ...]] = []
        for together in shared(strips):
            sheet = np.zeros((HEIGHT, WIDTH), np.uint8)
            for strip, at in together:
                sheet[:, at : at + strip.shape[1]] = strip
            said = self.probabilities(sheet)
            found += [texts(said[at // 2 : (at + strip.shape[1] + APART // 2) // 2]) for strip, at in together]
        return found

    def probabilities(self, strip: Grey) -> NDArray[np.float32]:
        """(FRAMES, SCORES), rows summing to 1."""
        return softmax(self._network.logits(strip[None])[0].reshape(FRAMES, SCORES), self._temperature)


def read_manifest(path: Path) -> StripManifest:
    """Raises ModelError when it cannot be read, or does not fit this program."""
    manifest = decode(path, StripManifest)
    kinds = {"int8"}
    if (
        manifest.strip != VERSION
        or not {*kinds, "golden"} <= manifest.files.keys()
        or not manifest.temperature.keys() >= kinds
    ):
        raise ModelError(f"{path} is not a strip network of this edge-daemon; reinstall the model")
    return manifest


def network(runtime: Any, content: bytes, name: str) -> Network:
    """`content` must be trusted. Raises ModelError when it is no strip network."""
    return Network(runtime, content, name, (HEIGHT, WIDTH, 1), FRAMES * SCORES)


def golden_strips(sheet: bytes, count: int) -> list[Grey]:
    """A PNG of `count` strips, one below the other, taken apart. Raises ModelError."""
    picture = decode_grey(sheet)
    if picture is None or count == 0 or picture.shape != (HEIGHT * count, WIDTH):
        raise ModelError(f"the golden sheet does not hold {count} strips; reinstall the model")
    return list(np.asarray(picture, np.uint8).reshape(count, HEIGHT, WIDTH))


def cut(ink: Grey, box: Box, wide: float = 1.0) -> Grey | None:
    """The line in `box` of the contrast map `ink` as a strip (HEIGHT, WIDTH), at its left end; the rest is 0.

    It is `wide` times as wide as it stands there.
    `box` holds the digits with a little space around them (a tenth to a half of their height is what training saw) and
    is clipped to the map. The strip's paper is stretched to 0 and its ink to 255. None for what cannot be a line that
    the network knows: too long for its height, or empty.
    """
    x, y, w, h = clip_box(box, ink)
    if min(w, h) < 2 or w * wide * HEIGHT > h * WIDTH * SQUEEZE:
        return None
    how = cv2.INTER_AREA if h > HEIGHT else cv2.INTER_LINEAR
    line = cv2.resize(ink[y : y + h, x : x + w], (across(w * wide, h), HEIGHT), interpolation=how)
    paper, dark = (float(v) for v in np.percentile(line, (50, 98)))
    strip = np.zeros((HEIGHT, WIDTH), np.uint8)
    strip[:, : line.shape[1]] = np.clip(
        (line.astype(np.float32) - paper) * (255 / max(LEAST_CONTRAST, dark - paper)), 0, 255
    )
    return strip


def together(looks: Sequence[Sequence[Candidate]]) -> tuple[Candidate, ...]:
    """The three likeliest texts by several looks, each of which counts alike."""
    chances: dict[str, float] = defaultdict(float)
    for text, chance in itertools.chain.from_iterable(looks):
        chances[text] += chance / len(looks)
    return tuple(sorted(chances.items(), key=lambda candidate: -candidate[1])[:3])


def shared(strips: Sequence[Grey]) -> list[list[tuple[Grey, int]]]:
    """The strips without the emptiness behind them, in their order, and at which column each is laid; those of one
    list fit side by side."""
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


def across(w: float, h: int) -> int:
    """Columns of a strip that a box of this size fills."""
    return max(1, min(WIDTH, round(w * HEIGHT / h)))


def boxes(box: Box, ink: Grey, spans: Sequence[tuple[float, float]]) -> list[Box]:
    """Where the digits of a strip cut from `box` stand on the map: as high as the line, as wide as their spans."""
    x, y, w, h = clip_box(box, ink)
    step = w * WIDTH / across(w, h)
    ends = [(min(w, round(first * step)), min(w, round(last * step))) for first, last in spans]
    return [(x + first, y, max(1, last - first), h) for first, last in ends]


def texts(said: NDArray[np.float32], beam: int = BEAM) -> tuple[Candidate, ...]:
    """Prefix beam search: the three likeliest texts and their probabilities, over all ways to spell them.

    `said` (frames, SCORES) are probabilities. For each text so far two numbers are kept: that it ends in a digit, and
    that no digit followed (Hannun et al., 2014, without a language model).
    """
    beams = {"": (0.0, 1.0)}
    quiet = (said[:, :NONE] <= FAINT).all(axis=1).tolist()
    for row, nothing_there in zip(said.tolist(), quiet, strict=True):
        none = row[NONE]
        if nothing_there:
            beams = {text: (0.0, (digit + nothing) * none) for text, (digit, nothing) in beams.items()}
            continue
        likely = [(digit, chance) for digit, chance in zip(DIGITS, row, strict=False) if chance > FAINT]
        longer: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for text, (digit, nothing) in beams.items():
            here = longer[text]
            here[1] += (digit + nothing) * none
            for char, chance in likely:
                if text.endswith(char):
                    here[0] += digit * chance
                    longer[text + char][0] += nothing * chance
                else:
                    longer[text + char][0] += (digit + nothing) * chance
        best = sorted(longer.items(), key=lambda item: -sum(item[1]))[:beam]
        least = FAINT * FAINT * sum(best[0][1])
        beams = {text: (ends[0], ends[1]) for text, ends in best if sum(ends) >= least}
    return tuple((text, sum(ends)) for text, ends in list(beams.items())[:3])


def spans(said: NDArray[np.float32], text: str) -> tuple[tuple[float, float], ...]:
    """About where each digit of `text` stands: half way to its neighbours from where the network saw it best."""
    if not text:
        return ()
    at = [(frames[0] + frames[-1] + 1) / 2 / len(said) for frames in aligned(said, text)]
    half = min((b - a for a, b in itertools.pairwise(at)), default=0.06) / 2
    middles = [(a + b) / 2 for a, b in itertools.pairwise(at)]
    return tuple(zip([max(0.0, at[0] - half), *middles], [*middles, min(1.0, at[-1] + half)], strict=True))


def aligned(said: NDArray[np.float32], text: str) -> list[list[int]]:
    """For each digit of `text` its frames on the likeliest way to spell it (Viterbi); at least one each."""
    seen = said[:, NONE] < 1 - FAINT
    kept = np.flatnonzero(seen | np.roll(seen, 1))  # of a gap one frame is enough
    if len(kept) < 2 * len(text):
        kept = np.arange(len(said))
    states = [NONE, *itertools.chain.from_iterable((int(char), NONE) for char in text)]
    score = np.log(np.maximum(said[kept][:, states], 1e-12))
    bar = np.array([0.0 if i > 1 and s not in (NONE, states[i - 2]) else -np.inf for i, s in enumerate(states)])
    best = np.full(
        (3, len(states) + 2), -np.inf
    )  # each state's best way so far, as seen from it, one and two further on
    best[0, 2:4] = score[0, :2]
    came = np.zeros(score.shape, np.int64)
    for t in range(1, len(score)):
        best[1, 3:], best[2, 4:] = best[0, 2:-1], best[0, 2:-2]
        best[2, 2:] += bar
        came[t] = best[:, 2:].argmax(axis=0)
        best[0, 2:] = best[:, 2:].max(axis=0) + score[t]
    state = len(states) - 1 - int(best[0, -2] > best[0, -1])
    frames: list[list[int]] = [[] for _ in text]
    for t in range(len(score) - 1, -1, -1):
        if state % 2:
            frames[state // 2].insert(0, int(kept[t]))
        state -= int(came[t, state])
    return frames

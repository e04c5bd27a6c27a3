"""Loads what lines are composed of: pen traces, crops, pictures of lines, fonts and surfaces.

Some writers, fonts and surfaces are held back: lines of them are for figures, never for training.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Grey
from scripts.training.digits import sets
from scripts.training.scenes import fonts, writers
from scripts.training.strips import sources
from scripts.training.strips.stitching import StitchedLine

Strokes = Sequence[NDArray[np.float32]]
"""Polylines (n, 2), x to the right, y down; the top left corner of all is (0, 0)."""

HELD_BACK_EVERY = 10
"""Of this many writers, crops and surfaces one is held back."""
LETTERS_LIKE_DIGITS = "OoDQIlijJSsZzBbGgqUuVvtT1y"
"""Letters that look like a digit when they stand alone."""
MIN_LIKELIHOOD = 0.05
"""Crops whose label is less likely than this are left out, in sets that state it (`pl`)."""
DIGIT_LIKE = (
    "circle",
    "line",
    "moon",
    "snowman",
    "squiggle",
    "stick",
    "string",
    "zigzag",
    "eye",
    "hockey",
    "boomerang",
)
"""Names of doodles that a person could read as a digit."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Writing whose pen strokes were recorded."""

    strokes: Strokes
    text: str
    writer: str

    @property
    def height(self) -> float:
        return float(max(stroke[:, 1].max() for stroke in self.strokes))


@dataclass(frozen=True, slots=True, eq=False)
class LinePicture:
    """A photograph or scan of a line, dark ink on light paper."""

    pixels: Grey
    text: str


@dataclass(frozen=True, slots=True)
class Material:
    """What lines are composed of: either for training, or held back."""

    traces: dict[str, list[dict[str, list[Trace]]]]
    """By set the writers, for each writer the samples of each digit."""
    signs: dict[str, list[Trace]]
    """By sign its samples."""
    letters: list[Trace]
    """Letters that do not look like digits."""
    words: list[Trace]
    lines: list[Trace]
    """Lines of text without digits."""
    strings: list[Trace]
    """Digits and signs that were written together."""
    doodles: list[Trace]
    """Drawings that do not look like digits."""
    crops: dict[str, list[list[Grey]]]
    """By set ten lists of digits as ink."""
    cheque: tuple[Sequence[Grey], NDArray[np.int64]]
    """Cheque digits as ink, in written order, and their labels."""
    stitched: Sequence[StitchedLine]
    """Parts of lines, stitched from crops."""
    pictures: list[LinePicture]
    characters: Sequence[Grey]
    """Ink that is no digit."""
    fonts: Sequence[Path]
    surfaces: list[Grey]
    """Photographs of paper, wood and other surfaces."""


def load_material(data: Path, held: bool = False) -> Material:
    """Loads a folder of training sets. `held`: the part that is held back from training."""
    traced = partial(_traced, data / "strokes", held)
    known = sources.sources(data, held)
    letters = [
        sample
        for name in ("unipen_lower", "unipen_upper")
        for sample in traced(name)
        if sample.text not in LETTERS_LIKE_DIGITS
    ]
    text = [sample for sample in traced("unipen_text") if not set(sample.text) & set(DIGITS) and len(sample.text) > 3]
    signs: dict[str, list[Trace]] = {}
    for sample in traced("unipen_symbols"):
        signs.setdefault(sample.text.replace("\\", "") or "\\", []).append(sample)
    return Material(
        {name: group_by_writer(traced(name)) for name in ("unipen_digits", "pendigits", "skahl_ipad")},
        signs,
        letters,
        [sample for sample in traced("unipen_words") if len(sample.text) > 1 and not set(sample.text) & set(DIGITS)],
        text,
        traced("unipen_digit_strings"),
        [sample for sample in traced("quickdraw") if not any(name in sample.text for name in DIGIT_LIKE)],
        _crops(data, held, known),
        known.cheque,
        known.stitched,
        _pictures(data / "strings" / "lectaurep_strings.npz", held),
        known.characters,
        fonts.split_held_back(fonts.files())[int(held)],
        _surfaces(data / "bg", held),
    )


def is_held_back(name: str) -> bool:
    """Whether a writer, crop or surface is held back; it depends on the name alone."""
    return zlib.crc32(name.encode()) % HELD_BACK_EVERY == 0


def group_by_writer(samples: Sequence[Trace]) -> list[dict[str, list[Trace]]]:
    """The writers of at least eight different digits."""
    found: dict[str, dict[str, list[Trace]]] = {}
    for sample in samples:
        if sample.text in DIGITS:
            found.setdefault(sample.writer, {}).setdefault(sample.text, []).append(sample)
    return [digits for digits in found.values() if len(digits) >= 8]


def _traced(folder: Path, held: bool, name: str) -> list[Trace]:
    """The samples in one file of pen traces, without those that the set calls suspect."""
    with np.load(folder / f"{name}.npz") as kept:
        points, strokes, samples = kept["pts"].astype(np.float32), kept["stroke_ptr"], kept["sample_ptr"]
        texts, writers = kept["y"].astype(str), kept["w"].astype(str)
        odd = kept["suspect"] if "suspect" in kept.files else np.zeros(len(texts), bool)
    found = []
    for i, (text, writer) in enumerate(zip(texts.tolist(), writers.tolist(), strict=True)):
        if odd[i] or is_held_back(writer) != held:
            continue
        first, last = samples[i], samples[i + 1]
        corner = points[strokes[first] : strokes[last]].min(axis=0)
        found.append(Trace([points[strokes[k] : strokes[k + 1]] - corner for k in range(first, last)], text, writer))
    return found


def _crops(data: Path, held: bool, known: sources.Sources) -> dict[str, list[list[Grey]]]:
    """Material.crops: those of strips, and of more sets."""
    crops = dict(known.crops)
    for name in ("lectaurep_fr", "testaments_fr", "handwriting_fonts", "jokinen_fi"):
        with np.load(data / f"{name}.npz") as kept:
            x, y = kept["x"], kept["y"].astype(np.int64)
            likely = kept["pl"] >= MIN_LIKELIHOOD if "pl" in kept.files else np.ones(len(y), bool)
            who = kept["w"].astype(str).tolist() if "w" in kept.files else [f"{name} {i // 40}" for i in range(len(y))]
        mine = [i for i in range(len(y)) if likely[i] and is_held_back(who[i]) == held]
        raw = name in ("lectaurep_fr", "testaments_fr")
        inks = [sources.full(sets.ink_of(x[i]) if raw else x[i]) for i in mine]
        clean = [k for k, ink in enumerate(inks) if sets.is_clean(ink, *sources.CLEAN)]
        crops[name] = writers.group_by_digit([inks[k] for k in clean], y[[mine[k] for k in clean]])
    return crops


def _pictures(path: Path, held: bool) -> list[LinePicture]:
    with np.load(path) as kept:
        pixels, shapes = kept["pix"], kept["shape"]
        texts, writers = kept["y"].astype(str).tolist(), kept["w"].astype(str).tolist()
    ends = np.concatenate(([0], np.cumsum(shapes.prod(axis=1))))
    return [
        LinePicture(pixels[ends[i] : ends[i + 1]].reshape(shapes[i]), text)
        for i, (text, writer) in enumerate(zip(texts, writers, strict=True))
        if is_held_back(writer) == held and text and set(text) <= set(DIGITS)
    ]


def _surfaces(folder: Path, held: bool) -> list[Grey]:
    paths = sorted(path for path in folder.rglob("*.jpg"))
    mine = [path for path in paths if is_held_back(path.name) == held]
    read = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in mine]
    return [np.asarray(picture, np.uint8) for picture in read if picture is not None and min(picture.shape) >= 100]

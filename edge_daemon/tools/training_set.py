"""Exports labelled samples as glyphs for training, and compares two readers on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_daemon.decision.observations import main_line, merge_line
from edge_daemon.domain import DIGITS, LABELS, NOT, NOT_A_DIGIT, Classifier, Glyph, Grey, Line
from edge_daemon.errors import SampleError
from edge_daemon.fields.extract import patch_of_sample
from edge_daemon.images import encode_png
from edge_daemon.on_device.samples import NOTHING, Sample
from edge_daemon.recognition.reader import Reader
from edge_daemon.recognition.segment import segment
from edge_daemon.tools.evaluate import Crops

FLOOR = 1e-3
"""Probabilities are raised to this: a glyph may be its label however unlikely the model finds it; that is to be
learnt."""
MARGIN = 4
"""Pixels of paper around a glyph's ink, so that the border shows which is paper."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export."""

    glyphs: int
    numbers: int
    lost: tuple[str, ...]
    """Names of samples that could not be split into as many digits as their label has."""


def export(labelled: Iterable[tuple[str, Sample]], folder: Path, reader: Reader) -> Exported:
    """Write each glyph as a PNG, light ink on black, into the sub-folder of its digit. Raises SampleError."""
    glyphs, numbers, lost = 0, 0, []
    for name, sample in labelled:
        found = split_digits(sample.pixels, sample.label or NOTHING, reader)
        if not found:
            lost.append(name)
            continue
        numbers += 1
        for i, (digit, glyph) in enumerate(found):
            path = folder / digit / f"{name}-{i}.png"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                ink = cv2.copyMakeBorder(glyph.ink, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT)
                path.write_bytes(encode_png(np.asarray(ink, np.uint8)))
            except OSError as error:
                raise SampleError(f"{path}: cannot be written: {error.strerror}") from None
            glyphs += 1
    return Exported(glyphs, numbers, tuple(lost))


def crops(labelled: Iterable[tuple[str, Sample]], reader: Reader) -> Crops:
    """The glyphs of samples that can be split, as a set to measure models on."""
    found = [pair for _, sample in labelled for pair in split_digits(sample.pixels, sample.label or NOTHING, reader)]
    return [glyph.ink for _, glyph in found], np.array([LABELS.index(label) for label, _ in found], np.int64)


def split_digits(pixels: Grey, label: str, reader: Reader) -> list[tuple[str, Glyph]]:
    """(folder, glyph) of each digit of `label`; of NOTHING all pieces of ink, as "not". []: it cannot be split."""
    lines = segment(patch_of_sample(add_margin(pixels)))  # no sieve: it is known that there are digits
    if label == NOTHING:
        return [(NOT, line.glyphs[i]) for line in lines for i in uncut_glyphs(line)]
    ways = [way for line in lines if (way := align(line, label, reader.classifier))]
    if not ways:
        return []
    _, line, chosen = max(ways, key=lambda way: way[0])
    return [(digit, line.glyphs[i]) for digit, i in zip(label, chosen, strict=True)]


def add_margin(pixels: Grey) -> Grey:
    """The cut-out with a margin of paper as wide as it is high: without it the stem of a 4 would be taken for the line
    of a table."""
    pad = pixels.shape[0]
    return np.asarray(cv2.copyMakeBorder(pixels, pad, pad, pad, pad, cv2.BORDER_REPLICATE), np.uint8)


def uncut_glyphs(line: Line) -> list[int]:
    """The indices of a line's glyphs that are single pieces of ink, neither joined nor cut."""
    return [i for i, (start, end) in enumerate(line.edges) if end == start + 1]


def align(line: Line, label: str, classifier: Classifier) -> tuple[float, Line, list[int]] | None:
    """The most likely path through a line's lattice that spells `label`; other glyphs count as "not a digit".

    This is forced alignment. Returns its log-likelihood, the line, and the glyph of each digit; None: there is none.
    """
    scores = np.log(np.maximum(classifier.classify(line.glyphs), FLOOR))
    best: dict[tuple[int, int], tuple[float, list[int]]] = {(0, 0): (0.0, [])}
    for i in line.forwards():
        start, end = line.edges[i]
        for spelled in range(len(label) + 1):
            if (here := best.get((start, spelled))) is None:
                continue
            _offer(best, (end, spelled), here[0] + line.priors[i] + float(scores[i, NOT_A_DIGIT]), here[1])
            if spelled < len(label):
                weight = float(scores[i, DIGITS.index(label[spelled])])
                _offer(best, (end, spelled + 1), here[0] + line.priors[i] + weight, [*here[1], i])
    found = best.get((line.nodes - 1, len(label)))
    return None if found is None else (found[0], line, found[1])


def _offer(
    best: dict[tuple[int, int], tuple[float, list[int]]], place: tuple[int, int], weight: float, way: list[int]
) -> None:
    if weight > best.get(place, (-math.inf, []))[0]:
        best[place] = weight, way


def read_text(reader: Reader, pixels: Grey) -> str:
    """The text that a reader reads in a cut-out; NOTHING where it finds no number."""
    numbers = reader.read(patch_of_sample(pixels))
    return merge_line(main_line(numbers)).text if numbers else NOTHING


@dataclass(frozen=True, slots=True)
class ReaderComparison:
    """Two readers on the same labelled samples."""

    samples: int
    right: tuple[int, int]
    gained: tuple[str, ...]
    """Names of samples that only the second reads right."""
    lost: tuple[str, ...]
    """Names of samples that only the first reads right."""


def compare_readers(labelled: Sequence[tuple[str, Sample]], one: Reader, other: Reader) -> ReaderComparison:
    """The results of both readers."""
    right = [[read_text(reader, s.pixels) == s.label for _, s in labelled] for reader in (one, other)]
    gained = tuple(name for (name, _), a, b in zip(labelled, *right, strict=True) if b and not a)
    lost = tuple(name for (name, _), a, b in zip(labelled, *right, strict=True) if a and not b)
    return ReaderComparison(len(labelled), (sum(right[0]), sum(right[1])), gained, lost)

"""Reads each photo again, slightly changed: a reader that knows what it sees says the same."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Number
from edge_daemon.sources.image_file import load_colour
from scripts.evaluation.grouping import Progress, halved
from scripts.evaluation.photos import Answer, Read, names_of
from scripts.evaluation.scores import percent
from scripts.evaluation.sets import runs
from scripts.evaluation.table import Row

Colour = NDArray[np.uint8]
"""(h, w, 3)."""
Changed = NDArray[np.integer[Any] | np.floating[Any]]
Variant = Callable[[Colour], Changed]
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 70]


def smaller(picture: Colour) -> Changed:
    """By a tenth."""
    return cv2.resize(picture, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)


def larger(picture: Colour) -> Changed:
    """By a tenth."""
    return cv2.resize(picture, None, fx=1.1, fy=1.1, interpolation=cv2.INTER_LINEAR)


def turned(picture: Colour) -> Changed:
    """By three degrees."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 3, 1)
    return cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def jpeg(picture: Colour) -> Changed:
    """Compressed."""
    return cv2.imdecode(cv2.imencode(".jpg", picture, QUALITY)[1], cv2.IMREAD_COLOR)


def soft(picture: Colour) -> Changed:
    """A little out of focus."""
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def darker(picture: Colour) -> Changed:
    """By 15 %."""
    return np.asarray(picture * 0.85, np.uint8)


def shifted(picture: Colour) -> Changed:
    """By three and two pixels: the last rows and columns are lost."""
    return cv2.copyMakeBorder(picture[:-2, :-3], 2, 0, 3, 0, cv2.BORDER_REPLICATE)


VARIANTS: tuple[Variant, ...] = (smaller, larger, turned, jpeg, soft, darker, shifted)


def agreement(answers: Sequence[Answer], read: Read, progress: Progress) -> list[Row]:
    """By set and half for each variant: 2 * numbers in common / (numbers of the one + of the other), in per cent."""
    again = [(answer, read_again(answer.photo.path, read)) for answer in progress(answers)]
    rows: list[Row] = []
    for (name, half), some in halved(again, lambda pair: names_of(pair[0].photo), lambda pair: pair[0].photo.half):
        pairs = [[(texts(answer.numbers), said[i]) for answer, said in some] for i in range(len(VARIANTS))]
        row: Row = {"set": name, "half": half, "all": agree([pair for each in pairs for pair in each])}
        rows.append(row | {v.__name__: agree(each) for v, each in zip(VARIANTS, pairs, strict=True)})
    return rows


def agree(pairs: Sequence[tuple[Counter[str], Counter[str]]]) -> float | None:
    """None where nothing was read."""
    common = sum((a & b).total() for a, b in pairs)
    return percent(2 * common, sum(a.total() + b.total() for a, b in pairs))


def read_again(path: Path, read: Read) -> list[Counter[str]]:
    """The numbers in each variant of a picture, which is read from a file as any other."""
    picture = load_colour(str(path))
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for variant in VARIANTS:
            copy = Path(folder) / f"{variant.__name__}.png"
            cv2.imwrite(str(copy), variant(picture))
            found.append(texts(read(copy)))
    return found


def texts(numbers: Sequence[Number]) -> Counter[str]:
    return Counter(run for number in numbers for run in runs(number.text))

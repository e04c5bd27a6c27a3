"""Measures how well a digit model reads a set of labelled crops: `edge-daemon model evaluate`."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import LABELS, NOT_A_DIGIT, Grey
from edge_daemon.errors import PictureError
from edge_daemon.images import decode_grey
from edge_daemon.inference.classifier import load
from edge_daemon.inference.network import softmax
from edge_daemon.inference.options import ModelOptions

BINS = 10
"""Intervals of confidence for the calibration error."""
TEMPERATURES = np.geomspace(0.2, 8.0, 75)
"""Temperatures that are tried."""
_CELL = 44  # pixels of a cell of the drawn confusion matrix
_SMALLEST = 1e-4  # added to probabilities before the logarithm


@dataclass(frozen=True, slots=True)
class Result:
    """How well a model reads a set of crops."""

    model: str
    set: str
    crops: int
    accuracy: float
    """Share whose best label is the right one, 0..1. Refused ("not") is wrong for a digit."""
    top3: float
    """Share whose right label is among the best three, 0..1."""
    calibration_error: float
    """Expected calibration error over BINS bins of confidence, 0..1."""
    temperature: float
    """The number by which the model's logits should be divided on this set: 1 is right, more means overconfident."""
    calibrated_error: float
    """The calibration error with that temperature."""
    us_per_crop: float
    """Microseconds, with normalising."""
    confusion: NDArray[np.int64]
    """(11, 11) counts: row the truth, column what was read, of LABELS."""


Crops = tuple[list[Grey], NDArray[np.int64]]
"""(inks, light on black; labels as columns of domain.Classifier's result)."""


def evaluate(options: ModelOptions, path: Path) -> Result:
    """Measure a model on the set at `path`. Raises ModelError, or PictureError where that is not a set."""
    model = load(options)
    inks, truth = crops(path)
    start = time.perf_counter()
    probabilities = model.classify_inks(inks)
    took = time.perf_counter() - start
    order = np.argsort(-probabilities, axis=1, kind="stable")
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (truth, order[:, 0]), 1)
    logits = np.log(np.maximum(probabilities, np.float32(1e-7)))
    best = float(min(TEMPERATURES, key=lambda t: _loss(softmax(logits, t), truth)))
    return Result(
        model=model.name,
        set=path.name,
        crops=len(inks),
        accuracy=float((order[:, 0] == truth).mean()),
        top3=float((order[:, :3] == truth[:, None]).any(axis=1).mean()),
        calibration_error=calibration_error(probabilities, truth),
        temperature=round(best, 2),
        calibrated_error=calibration_error(softmax(logits, best), truth),
        us_per_crop=1e6 * took / len(inks),
        confusion=confusion,
    )


def calibration_error(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The calibration_gap of the best label of each crop; `probabilities` (n, 11), `truth` (n,)."""
    return calibration_gap(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth, BINS)


def calibration_gap(confidence: NDArray[np.float32], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error (Naeini et al., 2015; Guo et al., 2017), 0..1.

    The mean over bins of confidence of the distance between `confidence` (n,) and the share of `right` (n,).
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs((right[place == b] - confidence[place == b]).sum()) for b in range(bins)) / len(right))


def _loss(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    return -float(np.log(probabilities[np.arange(len(truth)), truth] + _SMALLEST).mean())


# Sets


def crops(path: Path) -> Crops:
    """A .npz file (`x` (n, h, w) uint8 light on black, `y` labels), or a folder with sub-folders 0 to 9 and "not".

    Raises PictureError.
    """
    inks, truth = _folder(path) if path.is_dir() else _archive(path)
    if not inks:
        raise PictureError(f"{path}: expected crops; there are none")
    return inks, truth


def _archive(path: Path) -> Crops:
    try:
        with np.load(path, allow_pickle=False) as held:
            x, y = held["x"], held["y"]
    except KeyError as error:
        raise PictureError(f"{path}: expected the arrays x and y; got no {str(error).split()[0]}") from None
    except OSError as error:
        raise PictureError(f"{path}: expected crops; it cannot be read ({error.strerror or error})") from None
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError):
        raise PictureError(f"{path}: expected a .npz file with x and y, or a folder; it is neither") from None
    if x.ndim != 3 or x.dtype != np.uint8 or 0 in x.shape[1:]:
        raise PictureError(f"{path}: expected x as (n, height, width) uint8; got {x.shape} {x.dtype}")
    if y.shape != x.shape[:1] or y.dtype.kind not in "iu" or (len(y) and not 0 <= y.min() <= y.max() <= NOT_A_DIGIT):
        raise PictureError(f"{path}: expected y as a label for each crop, 0 to 9, or 10 for what is no digit")
    return list(x), y.astype(np.int64)


def _folder(path: Path) -> Crops:
    found = [(ink, column) for column, label in enumerate(LABELS) for ink in _pictures(path / label)]
    return [ink for ink, _ in found], np.array([column for _, column in found], np.int64)


def _pictures(folder: Path) -> Iterator[Grey]:
    """The pictures in a folder as light ink on black; the border shows which is paper. Raises PictureError."""
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        read = decode_grey(file.read_bytes())
        if read is None:
            raise PictureError(f"{file}: expected a picture; it cannot be read")
        rim = np.concatenate((read[0], read[-1], read[:, 0], read[:, -1]))
        yield np.asarray(255 - read if np.median(rim) > 127 else read, np.uint8)


# Output


def as_json(result: Result) -> dict[str, Any]:
    rows = {label: _row(result.confusion, i) for i, label in enumerate(LABELS) if result.confusion[i].any()}
    return {
        "model": result.model,
        "set": result.set,
        "crops": result.crops,
        "accuracy": round(result.accuracy, 6),
        "top3": round(result.top3, 6),
        "calibration_error": round(result.calibration_error, 6),
        "temperature": result.temperature,
        "calibrated_error": round(result.calibrated_error, 6),
        "us_per_crop": round(result.us_per_crop, 1),
        "classes": rows,
        "labels": list(LABELS),
        "confusion": result.confusion.tolist(),
    }


def _row(confusion: NDArray[np.int64], i: int) -> dict[str, float]:
    right, count, read = int(confusion[i, i]), int(confusion[i].sum()), int(confusion[:, i].sum())
    return {"crops": count, "recall": round(right / count, 6), "precision": round(right / max(1, read), 6)}


def as_table(result: Result) -> str:
    """A table as text."""
    lines = [
        f"{result.model}: {result.crops} crops of {result.set}",
        f"accuracy {100 * result.accuracy:.2f} %, top-3 {100 * result.top3:.2f} %,"
        f" {result.us_per_crop:.0f} us a crop, with normalising",
        f"calibration error {100 * result.calibration_error:.1f} %; divided by a temperature of {result.temperature:g}"
        f" it would be {100 * result.calibrated_error:.1f} %",
        "",
        "      crops  recall  precision  taken for",
    ]
    for i, label in enumerate(LABELS):
        if result.confusion[i].any():
            row, others = _row(result.confusion, i), result.confusion[i].copy()
            others[i] = 0
            taken = [f"{LABELS[j]} ({others[j]})" for j in np.argsort(-others, kind="stable")[:4] if others[j]]
            lines.append(
                f"{label:>4}  {row['crops']:5}  {100 * row['recall']:5.1f} %    {100 * row['precision']:5.1f} %"
                f"  {', '.join(taken)}".rstrip()
            )
    return "\n".join(lines)


def draw_confusion(result: Result) -> NDArray[np.uint8]:
    """The confusion matrix as a picture (h, w, 3): a row for each true label; mistakes are red."""
    side = (len(LABELS) + 1) * _CELL
    picture = np.full((side, side, 3), 255, np.uint8)
    shares = result.confusion / np.maximum(1, result.confusion.sum(axis=1, keepdims=True))
    for i, label in enumerate(LABELS):
        _write(picture, label, 0, i + 1)
        _write(picture, label, i + 1, 0)
        for j in range(len(LABELS)):
            shade = 255 - int(215 * shares[i, j] ** (1 if i == j else 0.4))
            colour = (shade, 255, shade) if i == j else (shade, shade, 255)
            corner = ((j + 1) * _CELL, (i + 1) * _CELL)
            cv2.rectangle(picture, corner, (corner[0] + _CELL - 2, corner[1] + _CELL - 2), colour, cv2.FILLED)
            if result.confusion[i, j]:
                _write(picture, str(result.confusion[i, j]), j + 1, i + 1)
    return picture


def _write(picture: NDArray[np.uint8], text: str, column: int, row: int) -> None:
    where = (column * _CELL + 4, row * _CELL + 27)
    cv2.putText(picture, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)

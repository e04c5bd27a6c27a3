"""Evaluates the line reader on a folder of pictures with one line each."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edge_daemon.domain import Grey
from edge_daemon.recognition.ink import contrast
from edge_daemon.recognition.lines import line_recognizer
from scripts.evaluation.scores import edits


class Read(NamedTuple):
    """One picture."""

    name: str
    truth: str
    text: str
    confidence: float


def pictures(folder: Path) -> list[tuple[str, str, Grey]]:
    """(name, digits, picture) by the folder's truth.json."""
    truth = json.loads((folder / "truth.json").read_text())
    shown = [
        (name, facts["digits"], cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)) for name, facts in truth.items()
    ]
    return [(name, digits, np.asarray(picture, np.uint8)) for name, digits, picture in shown if picture is not None]


def read(reader: line_recognizer.LineRecognizer, folder: Path) -> list[Read]:
    found = []
    for name, truth, picture in pictures(folder):
        number = reader.read(contrast(picture), (0, 0, picture.shape[1], picture.shape[0]))
        text, chance = number.candidates[0] if number else ("", 0.0)
        found.append(Read(name, truth, text, chance))
    return found


def threshold_for(found: Sequence[Read], precision: float) -> tuple[float, float]:
    """The lowest confidence above which the share `precision` is right, and the share of all pictures above it."""
    ranked = sorted(found, key=lambda r: -r.confidence)
    right = np.cumsum([r.text == r.truth for r in ranked]) / np.arange(1, len(ranked) + 1)
    enough = np.flatnonzero(right >= precision)
    last = int(enough[-1]) if len(enough) else -1
    return (ranked[last].confidence, (last + 1) / len(ranked)) if last >= 0 else (1.0, 0.0)


def speed(reader: line_recognizer.LineRecognizer, folder: Path) -> float:
    """Median microseconds from the contrast map of a line to its texts."""
    times = []
    for _, _, picture in pictures(folder):
        ink = contrast(picture)
        began = time.perf_counter()
        reader.read(ink, (0, 0, ink.shape[1], ink.shape[0]))
        times.append(time.perf_counter() - began)
    return 1e6 * float(np.median(times))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.training.strips.evaluate", description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures and truth.json: by name {digits: ...}")
    parser.add_argument("--model", type=Path, help="manifest (default: the shipped one)")
    parser.add_argument("--kind", default="int8", choices=("int8", "float32"))
    parser.add_argument("--misses", action="store_true", help="name the pictures that were read wrong")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    reader = line_recognizer.LineRecognizer(args.model, args.kind)
    found = read(reader, args.folder)
    right = [r.text == r.truth for r in found]
    wrong = sum(edits(r.text, r.truth) for r in found)
    level, share = threshold_for(found, 0.98)
    print(f"exact {100 * np.mean(right):.1f} % of {len(found)}")
    print(f"characters {100 * (1 - wrong / sum(len(r.truth) for r in found)):.2f} %")
    print(f"98 % right from confidence {level:.3f} on: {100 * share:.1f} % of all")
    print(f"{speed(reader, args.folder):.0f} us a strip")
    for r in sorted(found, key=lambda r: -r.confidence) if args.misses else ():
        if r.text != r.truth:
            print(f"  {r.truth:>9} read as {r.text:<9} {r.confidence:.2f}  {r.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

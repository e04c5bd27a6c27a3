"""Compares what was read with the truth: counts for a picture, measures for a set.

A picture's truth (an entry of truth.json) is one of three kinds: `lines`, lists of numbers in reading order; `grid`,
rows of single digits, 0 for an empty cell, neighbours may be read as one number; `digits`, one number without its
points and commas, so that everything read counts as one number.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_daemon.domain import Number

Texts = list[str]


@dataclass(frozen=True, slots=True)
class Scored:
    """One picture."""

    name: str
    truth: Texts
    read: Texts
    confidences: tuple[float, ...]
    """One for each of `read`."""
    edits: int
    """Edit distance between all read and all written digits, in reading order."""

    @property
    def matched(self) -> int:
        return sum((Counter(self.truth) & Counter(self.read)).values())

    @property
    def right(self) -> list[bool]:
        """For each read number whether it is written there; a written number counts once, most confident first."""
        left = Counter(self.truth)
        found = [False] * len(self.read)
        for i in sorted(range(len(self.read)), key=lambda i: -self.confidences[i]):
            found[i] = left[self.read[i]] > 0
            left[self.read[i]] -= found[i]
        return found


def truths(folder: Path) -> dict[str, tuple[str, Texts]]:
    """By picture (kind, numbers) of a set's truth.json. Raises FileNotFoundError, or ValueError naming the picture."""
    entries: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return {name: truth_of(name, entry) for name, entry in entries.items()}


def truth_of(name: str, entry: Any) -> tuple[str, Texts]:
    if "lines" in entry:
        return "lines", [run for line in entry["lines"] for text in line for run in runs(str(text))]
    if "grid" in entry:
        return "grid", [str(digit) for row in entry["grid"] for digit in row if digit]
    if "digits" in entry:
        return "digits", ["".join(runs(str(entry["digits"])))] if entry["digits"] else []
    raise ValueError(f"truth.json: {name} has neither lines nor grid nor digits")


def runs(text: str) -> Texts:
    """The runs of digits in a text."""
    return re.findall("[0-9]+", text)


def score(name: str, kind: str, truth: Texts, read: Sequence[Number]) -> Scored:
    """Scores one picture. `read`: in reading order; other characters in a text separate numbers."""
    parts = [(run, number.confidence) for number in read for run in runs(number.text)]
    if kind == "grid":
        parts = [(digit, sure) for run, sure in parts for digit in run]
    elif kind == "digits" and parts:
        parts = [("".join(run for run, _ in parts), min(sure for _, sure in parts))]
    texts = [text for text, _ in parts]
    return Scored(name, truth, texts, tuple(sure for _, sure in parts), edits("".join(texts), "".join(truth)))


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def measures(pictures: Sequence[Scored]) -> dict[str, float | int | None]:
    """Measures of a set, from sums over all pictures; None instead of a division by zero."""
    matched = sum(p.matched for p in pictures)
    truth, read = sum(len(p.truth) for p in pictures), sum(len(p.read) for p in pictures)
    digits = sum(len("".join(p.truth)) for p in pictures)
    empty = [p for p in pictures if not p.truth]
    return {
        "pictures": len(pictures),
        "numbers": truth,
        "recall": share(matched, truth),
        "precision": share(matched, read),
        "f1": share(2 * matched, truth + read),
        "characters": max(0.0, 1 - sum(p.edits for p in pictures) / digits) if digits else None,
        "exact": sum(p.read == p.truth for p in pictures),
        "false numbers a picture": (read - matched) / len(pictures),
        "read where nothing is written": share(sum(len(p.read) for p in empty), len(empty)),
    }


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None

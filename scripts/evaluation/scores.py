"""Compares the numbers that were read in a picture with its truth: counts for a picture, measures for a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edge_daemon.domain import Number
from scripts.evaluation.sets import Kind, runs


@dataclass(frozen=True, slots=True)
class Scored:
    """One picture."""

    truth: list[str]
    read: list[str]
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


def score(kind: Kind, truth: list[str], read: Sequence[Number]) -> Scored:
    """Scores one picture. `read`: in reading order; other characters in a text separate numbers."""
    parts = [(run, number.confidence) for number in read for run in runs(number.text)]
    if kind == "grid":
        parts = [(digit, sure) for run, sure in parts for digit in run]
    elif kind == "digits" and parts:
        parts = [("".join(run for run, _ in parts), min(sure for _, sure in parts))]
    texts = [text for text, _ in parts]
    return Scored(truth, texts, tuple(sure for _, sure in parts), edits("".join(texts), "".join(truth)))


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def measures(pictures: Sequence[Scored]) -> dict[str, float | int | None]:
    """Measures of a set, from sums over its pictures, shares in per cent; None instead of a division by zero.

    F1 is that of pictures in which something is written: what is read in the others counts in `false where empty`.
    """
    written, empty = [p for p in pictures if p.truth], [p for p in pictures if not p.truth]
    matched = sum(p.matched for p in written)
    truth, read = sum(len(p.truth) for p in written), sum(len(p.read) for p in written)
    digits, edited = sum(len("".join(p.truth)) for p in written), sum(p.edits for p in written)
    strays = sum(len(p.read) for p in empty)
    return {
        "pictures": len(pictures),
        "numbers": truth,
        "F1": percent(2 * matched, truth + read) if truth else None,
        "chars": percent(max(0, digits - edited), digits),
        "exact": percent(sum(p.read == p.truth for p in pictures), len(pictures)),
        "false": read - matched + strays,
        "false where empty": round(strays / len(empty), 2) if empty else None,
    }


def percent(part: float, whole: float) -> float | None:
    """The share in per cent, rounded to 0.1; None of nothing."""
    return round(100 * part / whole, 1) if whole else None

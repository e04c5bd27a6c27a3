"""How far confidences can be trusted: expected calibration error, and the share of sure numbers that is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edge_daemon.tools.evaluate import calibration_gap
from scripts.evaluation.grouping import halved
from scripts.evaluation.halves import Half
from scripts.evaluation.scores import percent
from scripts.evaluation.table import Row

SURE = 0.95
"""Numbers with at least this confidence should be right at least as often."""


class ReadNumber(NamedTuple):
    """A number that was read with some confidence."""

    half: Half
    confidence: float
    is_right: bool


def figures(what: str, numbers: Sequence[ReadNumber]) -> list[Row]:
    """By half."""
    rows: list[Row] = []
    for (name, half), some in halved(numbers, lambda _: [what], lambda number: number.half):
        confidence = np.array([n.confidence for n in some], np.float32)
        right = np.array([n.is_right for n in some], np.bool_)
        sure = right[confidence >= SURE]
        rows.append(
            {
                "numbers of": name,
                "half": half,
                "numbers": len(some),
                "ECE, %": round(100 * calibration_gap(confidence, right, bins=10), 1),
                f"of those with {SURE} right, %": percent(float(sure.sum()), len(sure)),
            }
        )
    return rows

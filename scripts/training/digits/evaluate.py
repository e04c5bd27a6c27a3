"""Figures of a digit model on labelled crops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_daemon.tools.evaluate import calibration_gap
from scripts.training.digits.sets import Labels

Scores = NDArray[np.float32]


def accuracy(found: Scores, labels: Labels) -> float:
    """Share that is read correctly; a rejected digit counts as wrong."""
    return float((found.argmax(axis=1) == labels).mean())


def calibration_error(found: Scores, labels: Labels, bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017): how far confidence is from the share that is right."""
    return calibration_gap(found.max(axis=1), found.argmax(axis=1) == labels, bins)

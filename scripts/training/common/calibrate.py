"""Calibrates confidence: temperature scaling on held-out training crops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_daemon.inference.network import softmax
from scripts.training.digits import evaluate
from scripts.training.digits.sets import Labels

Logits = NDArray[np.float32]


def temperature(logits: Logits, labels: Labels) -> float:
    """The divisor of logits (n, 11) with the greatest likelihood of `labels` (Guo et al., 2017), to 1 %."""
    tried = np.exp(np.linspace(np.log(0.2), np.log(3.0), 272))
    return round(float(tried[np.argmin([loss(logits, labels, float(t)) for t in tried])]), 3)


def loss(logits: Logits, labels: Labels, temperature: float) -> float:
    """Mean negative log-likelihood."""
    probabilities = softmax(logits, temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(probabilities, 1e-9)).mean())


def figures(logits: Logits, labels: Labels, temperature: float) -> dict[str, float]:
    """Share that is right and expected calibration error of logits (n, 11) at this temperature."""
    found = softmax(logits, temperature)
    return {
        "right": round(evaluate.accuracy(found, labels), 5),
        "calibration error": round(evaluate.calibration_error(found, labels), 5),
    }

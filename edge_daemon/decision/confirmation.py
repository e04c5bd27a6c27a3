"""How probable a text is that a second opinion confirms: a logistic regression over both confidences."""

from __future__ import annotations

import math
from typing import NamedTuple

LEAD = math.log(0.9 / 0.1)
"""The log-odds of being right that a confirmed text needs: a probability of 0.9."""
SURE = 0.99
"""The confidence of an engine above which more does not count, 0..1: it has not been measured more finely."""


class Coefficients(NamedTuple):
    """Fitted by `scripts/campaign opinion-curve --fit`, on the choose half of the measured sources, to numbers that the
    device withholds and the engine of second_opinion/engine.py reads (models/README.md has the figures)."""

    bias: float = -0.62
    engine: float = 0.67
    """Of the log-odds of the engine's confidence."""
    own: float = 0.47
    """Of the log-likelihood of the text by our frames."""
    rival: float = -1.15
    """Of the log-likelihood of the best other text by our frames."""


FITTED = Coefficients()


def features(confidence: float, own: float, rival: float) -> tuple[float, float, float, float]:
    """What the coefficients are multiplied by. `own`, `rival`: log-likelihoods of the text and of the best other."""
    clipped = min(SURE, max(1 - SURE, confidence))
    return 1.0, math.log(clipped / (1 - clipped)), own, rival


def log_odds(confidence: float, own: float, rival: float) -> float:
    """The log-odds that the text is right."""
    return sum(c * f for c, f in zip(FITTED, features(confidence, own, rival), strict=True))

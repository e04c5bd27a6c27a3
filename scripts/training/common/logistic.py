"""Logistic regression by Newton's method: for the few coefficients of a confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 50
"""Newton steps; fewer than ten are needed."""


def fit(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    weights: NDArray[np.float64],
    penalty: NDArray[np.float64],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The coefficients (k,) of features (n, k) for labels 0 or 1 (n,), each sample with its weight (n,).

    `penalty` (k,): of the square of each coefficient, above 0; `start` (k,): where the search begins.
    """
    found = start
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-x @ found))
        slope = x.T @ (weights * (y - chance)) - penalty * found
        hessian = (x * (weights * chance * (1 - chance))[:, None]).T @ x + np.diag(penalty)
        found = found + np.linalg.solve(hessian, slope)
    return np.asarray(found, np.float64)

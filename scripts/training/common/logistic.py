"""Logistic regression and conditional logit by Newton's method: for the few coefficients of a confidence."""

from __future__ import annotations

from collections.abc import Sequence

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


def fit_choice(
    choices: Sequence[tuple[NDArray[np.float64], int]], weights: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """The coefficients (k,) with which the right row is the most likely one: conditional logit (McFadden, 1974).

    Each choice is its rows of features (n, k), n of its own, and the index of the right one; each has a weight.
    """
    found = np.zeros(choices[0][0].shape[1])
    for _ in range(STEPS):
        slope, hessian = -penalty * found, penalty * np.eye(len(found))
        for (rows, right), weight in zip(choices, weights, strict=True):
            raised = np.exp(rows @ found - (rows @ found).max())
            chances = raised / raised.sum()
            mean = chances @ rows
            slope += weight * (rows[right] - mean)
            hessian += weight * ((rows * chances[:, None]).T @ rows - np.outer(mean, mean))
        found = found + np.linalg.solve(hessian, slope)
    return np.asarray(found, np.float64)

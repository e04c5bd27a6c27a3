"""Blob -> slices: where touching digits may be separated.

A cut is a seam: a path from the top of the blob to its bottom that crosses as little ink as possible, leaning at most
45 degrees (after seam carving, Avidan and Shamir 2007; over-segmentation as in Casey and Lecolinet 1996). It is a
hypothesis, not a decision; its cost says how much ink it crosses.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.images import MIN_HEIGHT
from edge_daemon.recognition.ink import Blob

WIDE = 0.85
"""Width as a share of the height, from which a blob may be more than one digit."""
PITCH = 0.3
"""Distance between two cuts, at least, in heights of the blob."""
CUT = 1.5
"""Cost of a cut through one thin stroke, as a log-likelihood; each further stroke crossed costs the same again."""


def cut_blob(blob: Blob) -> tuple[list[Blob], list[float]]:
    """The blob in slices from left to right, and the cost of each cut between them; one slice when it is narrow."""
    if blob.w < WIDE * blob.h or blob.h < 2 * MIN_HEIGHT or blob.w > 12 * blob.h:
        return [blob], []
    stroke = stroke_width(blob.ink)
    if blob.h < 2.5 * stroke:  # a dash
        return [blob], []
    pieces, costs = [], []
    rest, offset = blob.ink, 0
    for column in cut_columns(blob.ink, round(PITCH * blob.h)):
        if column - offset < -(blob.h // 4):
            continue  # a seam that leant far to the right has passed it
        seam, crossed = best_seam(rest, column - offset, blob.h // 4)
        left = np.arange(rest.shape[1])[None, :] < seam[:, None]
        piece = trim(np.where(left, rest, 0).astype(np.uint8), blob, offset)
        remaining = np.where(left, 0, rest).astype(np.uint8)
        first = int(np.flatnonzero(remaining.any(axis=0))[0]) if remaining.any() else 0
        if piece is None or not remaining.any():
            continue
        pieces.append(piece)
        costs.append(CUT * max(1.0, crossed / (1.5 * stroke)))
        rest, offset = remaining[:, first:], offset + first
    last = trim(rest, blob, offset)
    if last is None:
        return [blob], []
    return [*pieces, last], costs


def cut_columns(ink: Grey, pitch: int) -> list[int]:
    """Columns with little ink, at least `pitch` px apart and from either end."""
    profile = cv2.GaussianBlur(ink.sum(axis=0, dtype=np.float32)[None, :], (0, 0), max(1.0, pitch / 6))[0]
    columns: list[int] = []
    minima = np.flatnonzero((profile[1:-1] <= profile[:-2]) & (profile[1:-1] <= profile[2:])) + 1
    for column in sorted(minima.tolist(), key=lambda c: profile[c]):
        if pitch <= column <= ink.shape[1] - pitch and all(abs(column - c) >= pitch for c in columns):
            columns.append(column)
    return sorted(columns)


def best_seam(ink: Grey, column: int, reach: int) -> tuple[NDArray[np.int64], float]:
    """The cheapest seam near `column`: its x for each row, and how much ink it crosses, in fully black pixels."""
    left, right = max(0, column - reach), min(ink.shape[1], column + reach + 1)
    price = ink[:, left:right].astype(np.float32) / 255 + 0.01
    total = price.copy()
    padded = np.full(total.shape[1] + 2, np.inf, np.float32)
    for row in range(1, len(total)):
        padded[1:-1] = total[row - 1]
        total[row] += np.minimum(np.minimum(padded[:-2] + 0.004, padded[2:] + 0.004), padded[1:-1])
    seam = np.empty(len(total), np.int64)
    x = int(total[-1].argmin())
    for row in range(len(total) - 1, -1, -1):
        seam[row] = x + left
        if row:
            low = max(0, x - 1)
            x = low + int(total[row - 1, low : x + 2].argmin())
    return seam, float(ink[np.arange(len(seam)), seam].sum()) / 255


def stroke_width(ink: Grey) -> float:
    """Width of the strokes in pixels: the mean over their middle lines."""
    inside = cv2.distanceTransform((ink > 80).astype(np.uint8), cv2.DIST_L2, 3)
    inside = np.minimum(inside, max(ink.shape))  # ink from edge to edge has no distance to anything
    ridge = inside[(inside >= cv2.dilate(inside, np.ones((3, 3), np.uint8))) & (inside > 0)]
    return 2.0 * float(ridge.mean()) if ridge.size else 1.0


def trim(ink: Grey, blob: Blob, offset: int) -> Blob | None:
    """A slice as a blob of its own, without empty edges; None when almost nothing is left."""
    x, y, w, h = cv2.boundingRect((ink > 40).astype(np.uint8))
    if h < MIN_HEIGHT or w < 2:
        return None
    return Blob(blob.x + offset + x, blob.y + y, w, h, ink[y : y + h, x : x + w], blob.peak, blob.chance)

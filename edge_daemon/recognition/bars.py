"""Bars: thin upright ink may be a 1, a slash, a bracket, a table line, or one half of a broken 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge_daemon.recognition.ink import Blob, merge_blobs

MIN_BAR_CHANCE = 0.03
"""Probability below which a bar is no digit, whatever is beside it."""
CERTAIN = 0.9
"""Probability from which a digit's neighbours are judged by it."""
ALIGNED_BAR_CHANCE = 0.85
"""The lowest probability of a bar that is aligned with a certain digit: brackets and table lines are longer."""
SLASH_CHANCE = 0.1
"""The highest probability of a bar that leans like a slash. In some hands a 1 leans as much, so it stays possible."""
BAR_WIDTH = 0.4
"""A blob narrower than this share of its height may be half of a broken bar."""
MAX_BREAK = 0.2
"""Gap between the halves of a broken bar, at most, in heights of the taller half: where a dry pen or chalk skipped."""
SLIM = 0.36
"""A bar is narrower than this share of its height; a digit beside it is wider."""
ALIGNED = 0.15
"""How far the ends of an aligned bar may be from those of the digit, in heights of the digit."""
BESIDE = 0.8
"""Gap between an aligned bar and the digit, at most, in heights of the digit."""
SLENDER = 0.2
"""A straight stroke is at most this thick, as a share of its length."""
NEIGHBOUR_LEAN = 0.2
"""A slash leans this much more than any certain digit near it; pixels across per pixel up."""
NEAR = 1.2
"""Gap up to which a certain digit is near a slash, in heights of the digit."""
USUAL_LEAN = 0.25
"""A slash leans this much more than the picture's certain digits usually do (median); pixels across per pixel up."""
MIN_SLASH_LEAN = 0.3
"""A slash leans at least this much; pixels across per pixel up."""


def adjust_bars(blobs: Sequence[Blob]) -> list[Blob]:
    """Bars, with their chance corrected by the certain digits beside them.

    A bar in line with a certain digit may be a 1, whatever the sieve gives it; a bar that leans more than those digits
    is more likely a slash.
    """
    upright = {i: cv2.moments(b.ink) for i, b in enumerate(blobs) if b.w < b.h and b.chance > MIN_BAR_CHANCE}
    bars = {i: lean(moments) for i, moments in upright.items() if is_straight(moments)}
    certain = [b for b in blobs if b.chance > CERTAIN and b.w > SLIM * b.h]
    if not bars or not certain:
        return list(blobs)
    x, y, right, foot, peak = np.array([(b.x, b.y, b.right, b.y + b.h, b.peak) for b in certain], np.float32).T
    leans = np.array([lean(cv2.moments(b.ink)) for b in certain])
    usual = max(MIN_SLASH_LEAN, USUAL_LEAN + float(np.median(leans)))
    out = list(blobs)
    for i, leaning in bars.items():
        bar, tall = blobs[i], foot - y
        off = np.maximum(np.abs(bar.y - y), np.abs(bar.y + bar.h - foot)) / tall
        away = np.maximum(x - bar.right, bar.x - right) / tall
        same_ink = np.minimum(bar.peak, peak) > 0.7 * np.maximum(bar.peak, peak)
        row = (away < NEAR) & (off < 0.7)
        if row.any() and leaning > max(NEIGHBOUR_LEAN + leans[row].max(), usual):
            out[i] = replace(bar, chance=min(bar.chance, SLASH_CHANCE))
        elif bar.w < SLIM * bar.h and (same_ink & (away < BESIDE) & (off < ALIGNED)).any():
            out[i] = replace(bar, chance=max(bar.chance, ALIGNED_BAR_CHANCE))
    return out


def join_broken_bars(blobs: Sequence[Blob]) -> list[Blob]:
    """The blobs, with the two halves of each broken bar joined: each half alone looks like a dash."""
    bars = [b for b in blobs if b.w < BAR_WIDTH * b.h]
    if len(bars) < 2:
        return list(blobs)
    x, y, w, h, peak = np.array([(b.x, b.y, b.w, b.h, b.peak) for b in bars], np.float32).T
    tall = np.maximum(h[:, None], h)
    gap = y - (y + h)[:, None]  # from the row's foot to the column's top
    shared = np.minimum((x + w)[:, None], x + w) - np.maximum(x[:, None], x)
    alike = (np.minimum(h[:, None], h) > 0.5 * tall) & (np.minimum(peak[:, None], peak) > 0.7 * peak[:, None])
    pairs = np.argwhere(alike & (gap >= 0) & (gap < MAX_BREAK * tall) & (shared > -0.1 * tall))
    halves: dict[int, int] = {}
    for upper, lower in pairs.tolist():
        if not {upper, lower} & (halves.keys() | halves.values()):
            halves[upper] = lower
    broken = {id(bars[i]) for pair in halves.items() for i in pair}
    return [b for b in blobs if id(b) not in broken] + [merge_blobs([bars[i], bars[j]]) for i, j in halves.items()]


def is_straight(m: Mapping[str, float]) -> bool:
    """Whether ink with these moments (cv2.moments) is one straight stroke, by its axes of inertia."""
    middle, off = (m["mu20"] + m["mu02"]) / 2, math.hypot((m["mu20"] - m["mu02"]) / 2, m["mu11"])
    return middle - off < SLENDER**2 * (middle + off)


def lean(m: Mapping[str, float]) -> float:
    """How far ink with these moments leans to the right: pixels across per pixel up."""
    return -float(m["mu11"]) / max(float(m["mu02"]), 1e-6)

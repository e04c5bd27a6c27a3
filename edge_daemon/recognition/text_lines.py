"""Blobs -> lines and numbers: neighbours on one line, separated by marks and by wide gaps, in reading order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from edge_daemon.recognition.ink import Blob

FAINT = 0.4
"""Share of the left neighbour's darkness below which ink was not written with it. Ink as much fainter than its right
neighbour, and unlikely a digit, does not begin a number."""
LIKELY = 0.5
"""Probability from which ink is more likely a digit's than not: then it is no piece of unlikely ink, and no stain."""
LINE_GAP = 4.0
"""Gap beyond which marks are not on one line, in heights of the taller."""
JOIN_GAP = 1.0
"""Gap beyond which digits are two numbers, in median heights of the line."""
LONE_GAP = 0.35
"""On a line of single digits (median gap above JOIN_GAP) two digits are one number only below this share of it."""


def link_lines(blobs: Sequence[Blob]) -> list[list[Blob]]:
    """Chains of neighbours, each from left to right: of similar height, on one line, close together."""
    if not blobs:
        return []
    after = right_neighbours(blobs)
    starts = set(range(len(blobs))) - set(after.values())
    chains = []
    for start in sorted(starts, key=lambda i: blobs[i].x):
        chain, i = [start], start
        while i in after:
            i = after[i]
            chain.append(i)
        chains.append([blobs[i] for i in chain])
    return chains


def right_neighbours(blobs: Sequence[Blob]) -> dict[int, int]:
    """For each blob that has one, the index of the blob that follows it on its line.

    The nearest mark to the right on the same line decides: another glyph continues the line, a dash or a bracket (too
    flat, too tall) ends it, a crease of the paper (too faint) is ignored. Each blob follows at most one other.
    """
    x, y, w, h, peak = np.array([(b.x, b.y, b.w, b.h, b.peak) for b in blobs], np.float32).T
    taller, shorter = np.maximum(h[:, None], h), np.minimum(h[:, None], h)
    overlap = np.minimum((y + h)[:, None], y + h) - np.maximum(y[:, None], y)
    gap = x - (x + w)[:, None]
    later = (x + w / 2) > (x + w / 2)[:, None]
    speck = np.maximum(w, h) < 0.3 * h[:, None]
    in_the_way = later & (overlap > 0.4 * shorter) & ~speck & (peak > FAINT * peak[:, None])
    distance = np.where(in_the_way, gap, np.inf)
    nearest = distance.argmin(axis=1)
    stain = np.array([b.chance < LIKELY for b in blobs])[:, None] & (peak[:, None] < FAINT * peak)
    alike = (shorter > 0.45 * taller) & (gap < LINE_GAP * taller) & ~stain
    links: dict[int, int] = {}
    for i in np.argsort(distance.min(axis=1), kind="stable"):
        j = int(nearest[i])
        if np.isfinite(distance[i, j]) and alike[i, j] and j not in links.values():
            links[int(i)] = j
    return links


def split_at_marks(line: Sequence[Blob], others: Sequence[Blob]) -> list[list[Blob]]:
    """The line in parts: an operator or a bracket, itself no digit, separates two numbers.

    A mark counts if it is as dark as the digits and about as long; a long line crosses numbers without separating
    them.
    """
    parts = [[line[0]]]
    if others:
        x, y, w, h, peak = np.array([(b.x, b.y, b.w, b.h, b.peak) for b in others], np.float32).T
    for a, b in itertools.pairwise(line):
        if others:
            tall, top, foot = max(a.h, b.h), min(a.y, b.y), max(a.y + a.h, b.y + b.h)
            between = (x + w / 2 > a.x + a.w / 2) & (x + w / 2 < b.x + b.w / 2)
            level = np.minimum(y + h, foot) - np.maximum(y, top) > 0.4 * np.minimum(h, tall)
            long, dark = np.maximum(w, h) / tall, peak > 0.6 * min(a.peak, b.peak)
            if (between & level & dark & (long > 0.3) & (long < 2.5)).any():
                parts.append([])
        parts[-1].append(b)
    return parts


def split_at_gaps(line: Sequence[Blob]) -> list[list[Blob]]:
    """The numbers of a line: a wide gap separates two numbers.

    Where nearly all gaps are wide the digits were written one by one, as in a table without lines; there only a
    much narrower gap joins two digits.
    """
    height = sorted(b.h for b in line)[len(line) // 2]
    gaps = [(b.x - a.right) / height for a, b in itertools.pairwise(line)]
    usual = sorted(gaps)[(len(gaps) - 1) // 2] if gaps else 0.0
    limit = JOIN_GAP if usual < JOIN_GAP else LONE_GAP * usual
    numbers = [[line[0]]]
    for blob, gap in zip(line[1:], gaps, strict=True):
        if gap < limit:
            numbers[-1].append(blob)
        else:
            numbers.append([blob])
    return numbers


def reading_order(chains: Sequence[list[Blob]]) -> list[list[Blob]]:
    """Chains in reading order: lines from top to bottom, within a line from left to right.

    Two chains are on one line when the right end of one and the left end of the next are about level: slanted lines
    stay lines.
    """
    lines: list[list[list[Blob]]] = []
    for chain in sorted(chains, key=lambda c: c[0].x):
        ends = ((abs(line[-1][-1].middle - chain[0].middle), line) for line in lines)
        off, line = min(ends, key=lambda end: end[0], default=(np.inf, []))
        if off < 0.5 * chain[0].h:
            line.append(chain)
        else:
            lines.append([chain])
    lines.sort(key=lambda line: sum(b.middle for chain in line for b in chain) / sum(map(len, line)))
    return [chain for line in lines for chain in line]

"""Patch -> [Line]: line the ink up, as lattices of glyph hypotheses. The pure OpenCV part, with ink.py and cuts.py.

Pieces of ink that stand over each other become one blob, blobs that follow each other become a line. A blob too wide
for one digit is offered whole and in slices, neighbours that nearly touch are offered apart and together: read.py
decides which it was.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Glyph, Grey, Line, Patch
from edge_daemon.geometry import bounding_box
from edge_daemon.images import MIN_HEIGHT, shrink
from edge_daemon.recognition.cut_points import WIDE, slices
from edge_daemon.recognition.ink import Blob, contrast, find_blobs, united

WORK_SIDE = 1280
"""Larger pictures are shrunk to this many pixels on the longer side: digits stay legible, the cost stays bounded."""
MAX_PARTS = 4
"""A digit is put together from so many slices at most."""
MAY_BE = 0.1
"""Ink that is a digit's with less probability than this is not read."""
HARDLY = 0.03
"""A bar with less chance than this is plainly something else, whatever stands beside it."""
SURE = 0.9
"""Ink that is a digit's with more than this vouches for the bar beside it."""
MAY_FOLLOW = 0.01
"""The same for broad ink in line with a digit: a number that lost one digit would be a false number. It is left to
the classifier, which knows a broad 2 from a plus; for bars, slashes and brackets only their surroundings speak."""
FAINT = 0.4
"""Of its left neighbour's darkness: what is fainter was not written with it. What is as much fainter than its right
neighbour, and hardly a digit, does not begin a number."""
UNSAID = 0.5
"""Of a slice, or several pieces together, the sieve knows at most that there is nothing against it: that the ink is
digits' does not say that it is one digit's."""
BAR_WIDTH, BREAK = 0.4, 0.2
"""Of a bar's height: its width at most, and how far apart its halves may be where a dry pen or chalk skipped."""
SLIM, ALIGNED, BESIDE, VOUCHED = 0.36, 0.15, 0.8, 0.85
"""A bar of at most so many heights' width, whose ends are level with a sure digit's to such a share of its height, and
so near to it, is a digit's ink with at least this chance: brackets and table lines are longer."""
SLENDER, LEANS, NEXT_TO, SLANTED, SLASH = 0.2, 0.2, 1.2, 0.25, 0.3
"""A bar is at most so many times its length thick. A slash leans so many pixels for each pixel up more than any digit
so many heights beside it, so many more than the digits of the picture usually do, and so many at least. In some hands
a 1 does too: it is left open which it is."""
LIKELY = 0.5
"""Ink that is a digit's with more than this is no piece of ink with less, and no stain before a number."""
LINE_GAP = 4.0
"""Marks further apart than this, in heights of the taller, are not on one line."""
JOIN_GAP = 1.0
"""Digits further apart than this, in median heights of the line, are two numbers."""
LONE_GAP = 0.35
"""On a line of lone digits (median gap above JOIN_GAP) two digits are a number only below this share of it."""


Sift = Callable[[Grey, Sequence[Blob]], NDArray[np.float32]]
"""Contrast map and pieces of ink -> for each the probability that it is a digit's: Sieve.sift."""


def segment(patch: Patch, sift: Sift | None = None) -> list[Line]:
    """Lines of glyph hypotheses in reading order, boxes in pixels of the patch. Nothing found: an empty list.

    With `sift` only ink that may be digits is looked at.
    """
    if min(patch.pixels.shape) < MIN_HEIGHT:
        return []
    scale = min(1.0, WORK_SIDE / max(patch.pixels.shape))
    picture = shrink(patch.pixels, WORK_SIDE)
    ink = contrast(picture)
    blobs = mended([blob for blob in find_blobs(ink) if looks_like_writing(blob, picture.shape)])
    if sift is not None:
        blobs = vouched([replace(b, chance=float(c)) for b, c in zip(blobs, sift(ink, blobs), strict=True)])
    digits: list[Blob] = []
    others: list[Blob] = []
    for blob in blobs:
        (digits if may_be_digit(blob) else others).append(blob)
    lines = [part for row in rows(assemble(digits)) for part in split_at_marks(row, others)]
    numbers = [number for line in lines for number in split_at_gaps(line)]
    chains = [number for number in numbers if max(blob.chance for blob in number) >= MAY_BE]
    return [lattice(chain, scale) for chain in reading_order(chains)]


def vouched(blobs: Sequence[Blob]) -> list[Blob]:
    """Bars as the sure digits beside them show them: one that stands in line with a digit may be a 1, whatever it looks
    like to the sieve; one that leans more than they do is a slash as likely."""
    upright = {i: cv2.moments(b.ink) for i, b in enumerate(blobs) if b.w < b.h and b.chance > HARDLY}
    bars = {i: lean(moments) for i, moments in upright.items() if is_straight(moments)}
    sure = [b for b in blobs if b.chance > SURE and b.w > SLIM * b.h]
    if not bars or not sure:
        return list(blobs)
    x, y, right, foot, peak = np.array([(b.x, b.y, b.right, b.y + b.h, b.peak) for b in sure], np.float32).T
    leans = np.array([lean(cv2.moments(b.ink)) for b in sure])
    usual = max(SLASH, SLANTED + float(np.median(leans)))
    out = list(blobs)
    for i, leaning in bars.items():
        bar, tall = blobs[i], foot - y
        off = np.maximum(np.abs(bar.y - y), np.abs(bar.y + bar.h - foot)) / tall
        away = np.maximum(x - bar.right, bar.x - right) / tall
        same_ink = np.minimum(bar.peak, peak) > 0.7 * np.maximum(bar.peak, peak)
        row = (away < NEXT_TO) & (off < 0.7)
        if row.any() and leaning > max(LEANS + leans[row].max(), usual):
            out[i] = replace(bar, chance=min(bar.chance, MAY_BE))
        elif bar.w < SLIM * bar.h and (same_ink & (away < BESIDE) & (off < ALIGNED)).any():
            out[i] = replace(bar, chance=max(bar.chance, VOUCHED))
    return out


def is_straight(m: Mapping[str, float]) -> bool:
    """Whether ink of these moments is one straight stroke, upright or slanted: by its axes of inertia."""
    middle, off = (m["mu20"] + m["mu02"]) / 2, math.hypot((m["mu20"] - m["mu02"]) / 2, m["mu11"])
    return middle - off < SLENDER**2 * (middle + off)


def lean(m: Mapping[str, float]) -> float:
    """How far ink of these moments leans to the right: pixels across for each pixel up."""
    return -float(m["mu11"]) / max(float(m["mu02"]), 1e-6)


def may_be_digit(blob: Blob) -> bool:
    """Whether the sieve lets it pass, or, broad and half empty, might as part of a number."""
    broad = blob.w > WIDE * blob.h and (blob.ink > 80).mean() < 0.5
    return blob.chance >= (MAY_FOLLOW if broad else MAY_BE)


def looks_like_writing(blob: Blob, shape: tuple[int, ...]) -> bool:
    """Not a speck, not a frame or a table edge, not a dark area."""
    height, width = shape[:2]
    if max(blob.w, blob.h) < MIN_HEIGHT or blob.peak < 24:
        return False
    across = (blob.x <= 1) + (blob.right >= width - 1)
    down = (blob.y <= 1) + (blob.y + blob.h >= height - 1)
    return not (across and down) and blob.w < 0.95 * width


def mended(blobs: Sequence[Blob]) -> list[Blob]:
    """The two halves of a bar that broke in the middle as one: each alone is a dash to whoever looks at it."""
    bars = [b for b in blobs if b.w < BAR_WIDTH * b.h]
    if len(bars) < 2:
        return list(blobs)
    x, y, w, h, peak = np.array([(b.x, b.y, b.w, b.h, b.peak) for b in bars], np.float32).T
    tall = np.maximum(h[:, None], h)
    gap = y - (y + h)[:, None]  # from the row's foot to the column's top
    shared = np.minimum((x + w)[:, None], x + w) - np.maximum(x[:, None], x)
    alike = (np.minimum(h[:, None], h) > 0.5 * tall) & (np.minimum(peak[:, None], peak) > 0.7 * peak[:, None])
    pairs = np.argwhere(alike & (gap >= 0) & (gap < BREAK * tall) & (shared > -0.1 * tall))
    halves: dict[int, int] = {}
    for upper, lower in pairs.tolist():
        if not {upper, lower} & (halves.keys() | halves.values()):
            halves[upper] = lower
    broken = {id(bars[i]) for pair in halves.items() for i in pair}
    return [b for b in blobs if id(b) not in broken] + [united([bars[i], bars[j]]) for i, j in halves.items()]


def assemble(blobs: Sequence[Blob]) -> list[Blob]:
    """Give loose pieces back to the glyph they stand over or under: the hat of a 5, the top of a broken 2."""
    if not blobs:
        return []
    tallest_first = sorted(blobs, key=lambda b: -b.h)
    homes = pieces(tallest_first)
    groups: dict[int, list[Blob]] = {}
    for i, blob in enumerate(tallest_first):
        groups.setdefault(int(homes[i]), []).append(blob)
    return [united(group) for group in groups.values()]


def pieces(blobs: Sequence[Blob]) -> NDArray[np.int64]:
    """For each blob (tallest first) the index of the glyph it belongs to: its own, or that of a taller one near by.

    A piece is at most half as tall as its glyph, of about its darkness, and stands right above, below or inside it.
    A likely digit is no piece of what hardly is one, as of a table that stands around it.
    """
    x, y, w, h, peak, chance = np.array([(b.x, b.y, b.w, b.h, b.peak, b.chance) for b in blobs], np.float32).T
    shared = np.minimum((x + w)[:, None], x + w) - np.maximum(x[:, None], x)
    apart = np.maximum(y[:, None], y) - np.minimum((y + h)[:, None], y + h)
    tall, wide, dark = h[None], w[None], peak[None]
    own_piece = (h[:, None] <= 0.5 * tall) & (w[:, None] <= 1.5 * tall) & (peak[:, None] > 0.5 * dark)
    near = (shared > 0.4 * w[:, None]) & (apart < 0.12 * tall) & (np.maximum(w, h)[:, None] > 0.15 * tall)
    own_right = (chance[:, None] > LIKELY) & (chance < LIKELY)
    belongs = own_piece & near & (wide < 1.5 * tall) & ~own_right
    homes: NDArray[np.int64] = np.where(belongs.any(axis=1), belongs.argmax(axis=1), np.arange(len(blobs)))
    return homes[homes]


def rows(blobs: Sequence[Blob]) -> list[list[Blob]]:
    """Chains of neighbours: similar height, on one line, close together. Each chain left to right."""
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
    """For each blob the index of the one that follows it on its line, where there is one.

    The nearest mark to the right on the same line decides: another glyph continues it, a dash or a bracket (too
    flat, too tall) ends it, a crease of the paper (too faint) does neither. Each blob follows at most one other.
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
    """The line in parts: an operator or a bracket, itself no digit, stands between two numbers.

    A mark counts that is as dark as the digits and about as long; a long line crosses numbers and parts none.
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
    """The numbers of a line: where the gap is wide, one ends and another begins.

    Where nearly all gaps are wide the digits were written one by one, as in a table without lines; there only a
    much narrower gap joins two.
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
    """Lines top to bottom, within a line left to right.

    Two chains share a line when the right end of one and the left end of the next are about level: slanted lines
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


def lattice(chain: Sequence[Blob], scale: float) -> Line:
    """Nodes between slices; an edge for each run of slices that may be one digit. A blob may always be one."""
    parts: list[Blob] = []
    costs = [0.0]  # of the cut before each part, and after the last
    wholes: dict[tuple[int, int], Blob] = {}
    for blob in chain:
        cut, cuts = slices(blob)
        wholes[len(parts), len(parts) + len(cut)] = blob
        parts += cut
        costs += [*cuts, 0.0]
    glyphs, edges, priors = [], [], []
    for i, j in itertools.combinations(range(len(parts) + 1), 2):
        whole = wholes.get((i, j))
        if whole is None and (j - i > MAX_PARTS or not may_be_one(parts[i:j])):
            continue
        one = glyph([whole] if whole else parts[i:j], scale)
        sole = whole is not None and j == i + 1
        glyphs.append(one if sole else replace(one, chance=min(one.chance, UNSAID)))
        edges.append((i, j))
        # a cut is paid half by either side; ink that was apart and is put together pays for that
        joins = sum(0.4 for k in range(i + 1, j) if costs[k] == 0.0)
        priors.append(-(costs[i] + costs[j]) / 2 - joins)
    return Line(bounding_box([g.box for g in glyphs]), tuple(glyphs), tuple(edges), tuple(priors))


def may_be_one(group: Sequence[Blob]) -> bool:
    """One piece, or pieces close enough to be one digit."""
    if len(group) == 1:
        return True
    height = max(b.y + b.h for b in group) - min(b.y for b in group)
    width = max(b.right for b in group) - min(b.x for b in group)
    gaps = [b.x - a.right for a, b in itertools.pairwise(group)]
    return width < 1.2 * height and max(gaps) < 0.15 * height


def glyph(group: Sequence[Blob], scale: float) -> Glyph:
    """One hypothesis: all of the group's ink as one glyph, its box in pixels of the patch."""
    one = united(group)
    box = round(one.x / scale), round(one.y / scale), round(one.w / scale), round(one.h / scale)
    return Glyph(box, one.ink, one.chance)

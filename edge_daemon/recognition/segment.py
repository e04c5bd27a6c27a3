"""Patch -> [Line]: find the ink, and arrange it as lines, each a lattice of glyph hypotheses. Only OpenCV, no network.

Pieces of ink above each other become one blob, blobs beside each other become a line. A blob too wide for one digit
is offered whole and in slices, neighbours that nearly touch are offered apart and together: lattice.py decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Glyph, Grey, Line, Patch
from edge_daemon.geometry import bounding_box
from edge_daemon.images import MIN_HEIGHT, shrink
from edge_daemon.recognition.bars import adjust_bars, join_broken_bars
from edge_daemon.recognition.cut_points import WIDE, cut_blob
from edge_daemon.recognition.ink import Blob, contrast, find_blobs, merge_blobs, patch_contrast
from edge_daemon.recognition.text_lines import LIKELY, link_lines, reading_order, split_at_gaps, split_at_marks

WORK_SIDE = 1280
"""Pixels on the longer side to which larger pictures are shrunk: digits stay legible, the cost stays bounded."""
MAX_PARTS = 4
"""Slices that are joined to one digit at most."""
MIN_CHANCE = 0.1
"""Probability below which ink is not read as a digit."""
MIN_CHANCE_BROAD = 0.01
"""The same for broad ink in line with a digit: losing it would leave a false number. The classifier can tell a broad 2
from a plus; bars, slashes and brackets only their surroundings can tell."""
MAX_CHANCE_PART = 0.5
"""Probability that a slice, or several pieces joined, is one digit, at most: the sieve only knows that the ink is a
digit's, not that it is one whole digit."""

Filter = Callable[[Grey, Sequence[Blob]], NDArray[np.float32]]
"""Contrast map and blobs -> the probability of each to be a digit's ink: Sieve.filter."""


def segment(patch: Patch, filter: Filter | None = None) -> list[Line]:
    """Lines of glyph hypotheses in reading order, boxes in pixels of the patch. Nothing found: an empty list.

    With `filter` only ink that may be a digit's is used.
    """
    if min(patch.pixels.shape) < MIN_HEIGHT:
        return []
    scale = min(1.0, WORK_SIDE / max(patch.pixels.shape))
    picture = shrink(patch.pixels, WORK_SIDE)
    ink = patch_contrast(patch) if picture is patch.pixels else contrast(picture)
    blobs = join_broken_bars([blob for blob in find_blobs(ink) if looks_like_writing(blob, picture.shape)])
    if filter is not None:
        blobs = adjust_bars([replace(b, chance=float(c)) for b, c in zip(blobs, filter(ink, blobs), strict=True)])
    digits: list[Blob] = []
    others: list[Blob] = []
    for blob in blobs:
        (digits if may_be_digit(blob) else others).append(blob)
    lines = [part for row in link_lines(assemble(digits)) for part in split_at_marks(row, others)]
    numbers = [number for line in lines for number in split_at_gaps(line)]
    chains = [number for number in numbers if max(blob.chance for blob in number) >= MIN_CHANCE]
    return [build_lattice(chain, scale) for chain in reading_order(chains)]


def may_be_digit(blob: Blob) -> bool:
    """Whether the ink may be a digit's; broad, half empty ink may be even with a low chance, as part of a number."""
    broad = blob.w > WIDE * blob.h and (blob.ink > 80).mean() < 0.5
    return blob.chance >= (MIN_CHANCE_BROAD if broad else MIN_CHANCE)


def looks_like_writing(blob: Blob, shape: tuple[int, ...]) -> bool:
    """Whether a blob is neither a speck, nor a frame or table edge, nor a dark area."""
    height, width = shape[:2]
    if max(blob.w, blob.h) < MIN_HEIGHT or blob.peak < 24:
        return False
    across = (blob.x <= 1) + (blob.right >= width - 1)
    down = (blob.y <= 1) + (blob.y + blob.h >= height - 1)
    return not (across and down) and blob.w < 0.95 * width


def assemble(blobs: Sequence[Blob]) -> list[Blob]:
    """Join loose pieces with the glyph they stand over or under: the top stroke of a 5, the top of a broken 2."""
    if not blobs:
        return []
    tallest_first = sorted(blobs, key=lambda b: -b.h)
    homes = owner_of_each(tallest_first)
    groups: dict[int, list[Blob]] = {}
    for i, blob in enumerate(tallest_first):
        groups.setdefault(int(homes[i]), []).append(blob)
    return [merge_blobs(group) for group in groups.values()]


def owner_of_each(blobs: Sequence[Blob]) -> NDArray[np.int64]:
    """For each blob (tallest first) the index of the glyph it belongs to: itself, or a taller blob nearby.

    A piece is at most half as tall as its glyph, about as dark, and right above, below or inside it. A likely digit
    is no piece of unlikely ink, such as a table around it.
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


def build_lattice(chain: Sequence[Blob], scale: float) -> Line:
    """The lattice of one number: nodes between slices, an edge for each run of slices that may be one digit.

    A blob as a whole may always be one digit. `scale` is working pixels per pixel of the patch.
    """
    parts: list[Blob] = []
    costs = [0.0]  # of the cut before each part, and after the last
    wholes: dict[tuple[int, int], Blob] = {}
    for blob in chain:
        cut, cuts = cut_blob(blob)
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
        glyphs.append(one if sole else replace(one, chance=min(one.chance, MAX_CHANCE_PART)))
        edges.append((i, j))
        # each side of a cut gets half of its cost; joining ink that was apart costs, too
        joins = sum(0.4 for k in range(i + 1, j) if costs[k] == 0.0)
        priors.append(-(costs[i] + costs[j]) / 2 - joins)
    return Line(bounding_box([g.box for g in glyphs]), tuple(glyphs), tuple(edges), tuple(priors))


def may_be_one(group: Sequence[Blob]) -> bool:
    """Whether slices may be one digit together: a single one, or several close together."""
    if len(group) == 1:
        return True
    height = max(b.y + b.h for b in group) - min(b.y for b in group)
    width = max(b.right for b in group) - min(b.x for b in group)
    gaps = [b.x - a.right for a, b in itertools.pairwise(group)]
    return width < 1.2 * height and max(gaps) < 0.15 * height


def glyph(group: Sequence[Blob], scale: float) -> Glyph:
    """One hypothesis: all ink of the group as one glyph, its box in pixels of the patch."""
    one = merge_blobs(group)
    box = round(one.x / scale), round(one.y / scale), round(one.w / scale), round(one.h / scale)
    return Glyph(box, one.ink, one.chance)

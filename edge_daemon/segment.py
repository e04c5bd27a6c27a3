"""Patch -> [Line]: find the ink, cut it into glyphs, line the glyphs up. The pure OpenCV part.

Paper is estimated as the bright envelope of the picture, so that what counts is how much darker ink is than the
paper around it, in light and in shadow. Each connected piece of ink is then cut at a share of its own darkness:
that keeps faint pencil whole and bold marker crisp in one picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Glyph, Grey, Line, Patch, outline

WORK_SIDE = 1280
"""Larger pictures are shrunk to this many pixels on the longer side: digits stay legible, the cost stays bounded."""
MIN_HEIGHT = 8
"""Pixels (of the working picture) below which ink cannot be read."""
JOIN_GAP = 0.75
"""Digits further apart than this, in heights of the taller, are two numbers."""
MAX_BLOBS = 300
"""In a cluttered picture only so many pieces of ink, the darkest, are looked at: time stays bounded."""


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """One connected piece of ink, in pixels of the working picture."""

    x: int
    y: int
    w: int
    h: int
    ink: Grey
    """(h, w), 0 where there is paper or another blob, up to 255 at its darkest."""
    peak: int
    """How much darker than the paper its ink is, 0..255."""

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def middle(self) -> float:
        return self.y + self.h / 2


def segment(patch: Patch) -> list[Line]:
    """Lines of glyph hypotheses in reading order, boxes in pixels of the patch. Nothing found: an empty list."""
    if min(patch.pixels.shape) < MIN_HEIGHT:
        return []
    scale = min(1.0, WORK_SIDE / max(patch.pixels.shape))
    picture = patch.pixels
    if scale < 1.0:
        width, height = (max(MIN_HEIGHT, round(side * scale)) for side in picture.shape[::-1])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    blobs = [blob for blob in find_blobs(contrast(picture)) if looks_like_writing(blob, picture.shape)]
    return [lattice(row, scale) for row in reading_order(rows(assemble(blobs)))]


def contrast(picture: Grey) -> Grey:
    """How far each pixel differs from the paper around it, as a share of the paper's brightness: 0..255.

    Ink is dark on light or light on dark, whichever is the minority around edges.
    """
    if is_light_on_dark(picture):
        picture = cv2.bitwise_not(picture).astype(np.uint8)
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    reach = max(3, max(small.shape) // 10) | 1  # wider than the broadest stroke that we read
    paper = cv2.morphologyEx(
        cv2.medianBlur(small, 3),
        cv2.MORPH_CLOSE,
        np.ones((reach, reach), np.uint8),
        borderType=cv2.BORDER_REPLICATE,
    )
    paper = cv2.resize(cv2.blur(paper, (5, 5)), picture.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.bitwise_not(cv2.divide(picture, paper, scale=255)).astype(np.uint8)


def is_light_on_dark(picture: Grey) -> bool:
    """Whether the strokes are lighter than their surroundings: the sign of the local third moment."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    around = cv2.blur(small, (31, 31))
    off = small - around
    return float((off * off * off).mean()) > 0.0


def find_blobs(ink: Grey) -> list[Blob]:
    """The connected pieces of ink."""
    low = threshold(ink)
    binary = cv2.compare(ink, low, cv2.CMP_GT)
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8, ltype=cv2.CV_32S)
    tall = np.flatnonzero(np.maximum(stats[:, 2], stats[:, 3]) >= MIN_HEIGHT)[1:]
    largest = tall[np.argsort(-stats[tall, 4], kind="stable")][:MAX_BLOBS]
    blobs: list[Blob] = []
    for label in largest:
        x, y, w, h, _area = (int(v) for v in stats[label])
        own = np.where(labels[y : y + h, x : x + w] == label, ink[y : y + h, x : x + w], 0).astype(np.uint8)
        blobs.extend(sharpen(x, y, own, int(low[y + h // 2, x + w // 2])))
    return blobs


def threshold(ink: Grey) -> Grey:
    """For each pixel the contrast that tells ink from paper: well above the paper's own grain thereabouts.

    The grain is the median absolute deviation in tiles, which strokes, being few, do not move.
    """
    sample = ink[::2, ::2]
    tile = max(8, max(sample.shape) // 24)
    down, across = max(1, sample.shape[0] // tile), max(1, sample.shape[1] // tile)
    tiles = sample[: down * tile, : across * tile] if min(sample.shape) >= tile else sample
    blocks = tiles.reshape(down, -1, across, tiles.shape[1] // across).swapaxes(1, 2).reshape(down, across, -1)
    level = np.median(blocks, axis=2)
    grain = np.median(np.abs(blocks - level[:, :, None]), axis=2)
    low: Grey = np.clip(level + 5.0 * grain, 14, 64).astype(np.uint8)
    return np.asarray(cv2.resize(low, ink.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def sharpen(x: int, y: int, own: Grey, low: int) -> list[Blob]:
    """Cut one piece of ink again at a share of its own darkness; blurred joints fall apart."""
    peak = float(np.percentile(own[own > 0], 90))
    level = 0.4 * peak
    scaled = np.clip(own * (255.0 / peak), 0, 255).astype(np.uint8)
    if level <= low:
        return [Blob(x, y, own.shape[1], own.shape[0], scaled, int(peak))]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((own > level).astype(np.uint8), connectivity=8)
    parts = []
    for label in range(1, count):
        px, py, w, h, area = (int(v) for v in stats[label])
        if area < 6:
            continue
        window = (slice(py, py + h), slice(px, px + w))
        parts.append(
            Blob(
                x + px,
                y + py,
                w,
                h,
                np.where(labels[window] == label, scaled[window], 0).astype(np.uint8),
                int(peak),
            )
        )
    return parts


def looks_like_writing(blob: Blob, shape: tuple[int, ...]) -> bool:
    """Not a speck, not a frame or a table edge, not a dark area."""
    height, width = shape[:2]
    if max(blob.w, blob.h) < MIN_HEIGHT or blob.peak < 24:
        return False
    across = (blob.x <= 1) + (blob.right >= width - 1)
    down = (blob.y <= 1) + (blob.y + blob.h >= height - 1)
    return not (across and down) and blob.w < 0.95 * width


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
    """
    x, y, w, h, peak = np.array([(b.x, b.y, b.w, b.h, b.peak) for b in blobs], np.float32).T
    shared = np.minimum((x + w)[:, None], x + w) - np.maximum(x[:, None], x)
    apart = np.maximum(y[:, None], y) - np.minimum((y + h)[:, None], y + h)
    tall, wide, dark = h[None], w[None], peak[None]
    own_piece = (h[:, None] <= 0.5 * tall) & (w[:, None] <= 1.5 * tall) & (peak[:, None] > 0.5 * dark)
    near = (shared > 0.4 * w[:, None]) & (apart < 0.12 * tall) & (np.maximum(w, h)[:, None] > 0.15 * tall)
    belongs = own_piece & near & (wide < 1.5 * tall)
    homes: NDArray[np.int64] = np.where(belongs.any(axis=1), belongs.argmax(axis=1), np.arange(len(blobs)))
    return homes[homes]


def united(blobs: Sequence[Blob]) -> Blob:
    """Several blobs as one."""
    x, y = min(b.x for b in blobs), min(b.y for b in blobs)
    w, h = max(b.right for b in blobs) - x, max(b.y + b.h for b in blobs) - y
    ink = np.zeros((h, w), np.uint8)
    for b in blobs:
        window = ink[b.y - y : b.y - y + b.h, b.x - x : b.x - x + b.w]
        np.maximum(window, b.ink, out=window)
    return Blob(x, y, w, h, ink, max(b.peak for b in blobs))


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
    """For each blob the index of the one that follows it in its number, where there is one.

    The nearest mark to the right on the same line decides: another glyph continues the number, a dash or a bracket
    (too flat, too tall) ends it. Each blob follows at most one other.
    """
    x, y, w, h = np.array([(b.x, b.y, b.w, b.h) for b in blobs], np.float32).T
    taller, shorter = np.maximum(h[:, None], h), np.minimum(h[:, None], h)
    overlap = np.minimum((y + h)[:, None], y + h) - np.maximum(y[:, None], y)
    gap = x - (x + w)[:, None]
    later = (x + w / 2) > (x + w / 2)[:, None]
    speck = np.maximum(w, h) < 0.3 * h[:, None]
    in_the_way = later & (overlap > 0.4 * shorter) & ~speck
    distance = np.where(in_the_way, gap, np.inf)
    nearest = distance.argmin(axis=1)
    alike = (shorter > 0.45 * taller) & (gap < JOIN_GAP * taller)
    links: dict[int, int] = {}
    for i in np.argsort(distance.min(axis=1), kind="stable"):
        j = int(nearest[i])
        if np.isfinite(distance[i, j]) and alike[i, j] and j not in links.values():
            links[int(i)] = j
    return links


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
    """One node between neighbours; an edge for each blob, and for neighbours that may be one broken digit."""
    glyphs, edges, priors = [], [], []
    for i, blob in enumerate(chain):
        glyphs.append(glyph([blob], scale))
        edges.append((i, i + 1))
        priors.append(0.0)
        for j in (i + 2, i + 3):
            group = chain[i:j]
            if len(group) == j - i and may_be_one(group):
                glyphs.append(glyph(group, scale))
                edges.append((i, j))
                priors.append(-0.3 * (j - i - 1))
    box = outline([g.box for g in glyphs])
    return Line(box, tuple(glyphs), tuple(edges), tuple(priors))


def may_be_one(group: Sequence[Blob]) -> bool:
    """Pieces close enough to be one broken digit."""
    height = max(b.y + b.h for b in group) - min(b.y for b in group)
    width = max(b.right for b in group) - min(b.x for b in group)
    gaps = [b.x - a.right for a, b in itertools.pairwise(group)]
    return width < 1.2 * height and max(gaps) < 0.15 * height


def glyph(group: Sequence[Blob], scale: float) -> Glyph:
    """One hypothesis: all of the group's ink as one glyph, its box in pixels of the patch."""
    one = united(group)
    return Glyph((round(one.x / scale), round(one.y / scale), round(one.w / scale), round(one.h / scale)), one.ink)

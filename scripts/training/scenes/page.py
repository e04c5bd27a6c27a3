"""A page that is drawn on: its pixels, and which pixels belong to which digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Grey
from scripts.training.digits import sets
from scripts.training.scenes import backgrounds, fonts, writers

Ids = NDArray[np.uint16]

CROPS = {"mnist_train": 0.3, "bhmsds_digits": 0.25, "hwd1000": 0.1, "orand_raw": 0.35}
"""Share of writers with crops of each set."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Fonts and crops that scenes are drawn from."""

    fonts: Sequence[Path]
    crops: Sequence[Sequence[Sequence[Grey]]] = ()
    """For each training set ten lists of digits as ink."""
    shares: Sequence[float] = ()
    """Share of each set in `crops`."""
    characters: Sequence[Grey] = ()
    """Ink that is no digit."""


def sources(data: Path, held: bool = False) -> Sources:
    """Loads all sources; `held`: those of writers and fonts that are held back from training."""
    chosen = fonts.split_held_back(fonts.files())[int(held)]
    crops, shares, characters = [], [], []
    for entry in sets.SETS:
        inks, labels = sets.load(entry, data)
        if entry.file in CROPS:
            mine = [i for i in range(len(inks)) if (i % 10 == 9) == held and sets.is_clean(inks[i])]
            crops.append(writers.group_by_digit([inks[i] for i in mine], labels[mine]))
            shares.append(CROPS[entry.file])
        elif entry.file != "semeion":
            characters += inks[int(held) :: 2]
    return Sources(chosen, crops, shares, characters)


@dataclass(slots=True, eq=False)
class Page:
    """A page and what has been drawn on it."""

    rng: Generator
    sources: Sources
    pixels: backgrounds.Map
    light_ink: bool
    ids: Ids
    labels: list[int] = field(default_factory=lambda: [0])
    numbers: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    def paste(self, cover: Grey, x: float, y: float, ink: float, identity: int = 0) -> None:
        """Draws `cover` with its top left corner at (x, y), clipped to the page; `ink` is the contrast, 0..1."""
        left, top = round(x), round(y)
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(self.width, left + cover.shape[1]), min(self.height, top + cover.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        part = cover[y0 - top : y1 - top, x0 - left : x1 - left]
        window = (slice(y0, y1), slice(x0, x1))
        share = part.astype(np.float32) * np.float32(ink / 255)
        under = self.pixels[window]
        self.pixels[window] = under + share * (np.float32(0.97) - under) if self.light_ink else under * (1 - share)
        if identity:
            self.ids[window][part > 90] = identity

    def number(self, hand: writers.Writer, text: str, x: float, base: float, ink: float) -> float:
        """Writes digits and SIGNS from (x, base) on; returns the pen's x at the end."""
        ids: list[int] = []
        drift = self.rng.normal(0, 0.02) * hand.height
        for char in text:
            mark = hand.mark(char)
            wander = self.rng.normal(0, 0.02) * hand.height if not isinstance(hand, writers.FontWriter) else 0.0
            identity = 0
            if char in DIGITS:
                identity = len(self.labels)
                self.labels.append(int(char))
                ids.append(identity)
            elif ids:
                self._close(text, ids)
                ids = []
            self.paste(mark.cover, x + mark.left, base + mark.top + wander, ink, identity)
            x, base = x + max(2.0, mark.advance), base + drift
        self._close(text, ids)
        return x

    def _close(self, text: str, ids: list[int]) -> None:
        if ids:
            self.numbers.append(("".join(str(self.labels[i]) for i in ids), tuple(ids)))

    def lines(self, lines: Sequence[Sequence[tuple[float, float]]], pen: float, ink: float) -> None:
        """Polylines that are no digits."""
        points = [np.array(line, np.float32) for line in lines]
        mark = writers.draw_mark(points, pen, 0.0, 0.0)
        left = min(float(line[:, 0].min()) for line in points) - pen / 2 - 1
        self.paste(mark.cover, left, mark.top, ink)

    def rule(self, x0: float, y0: float, x1: float, y1: float, thick: int, ink: float) -> None:
        """One straight printed line, without a large canvas."""
        cover = np.zeros(self.pixels.shape, np.uint8)
        cv2.line(cover, (round(x0), round(y0)), (round(x1), round(y1)), (255,), thick, cv2.LINE_AA)
        x, y, w, h = (min(x0, x1) - thick - 2, min(y0, y1) - thick - 2, abs(x1 - x0), abs(y1 - y0))
        left, top = max(0, int(x)), max(0, int(y))
        right, bottom = int(x + w + 2 * thick + 5), int(y + h + 2 * thick + 5)
        if right > left and bottom > top:
            self.paste(cover[top:bottom, left:right], left, top, ink)


def blank_page(rng: Generator, sources: Sources, ground: backgrounds.Map) -> Page:
    light_ink = rng.random() < 0.15
    if light_ink:
        ground = np.float32(0.25) * ground
    return Page(rng, sources, ground.copy(), light_ink, np.zeros(ground.shape, np.uint16))


def random_contrast(rng: Generator, faint: float = 0.12) -> float:
    """Contrast of ink, 0..1: from pencil to marker."""
    return float(np.clip(np.exp(rng.uniform(np.log(faint), 0.25)), faint, 0.95))


def random_writer(page: Page, height: float, printed: float = 0.3) -> writers.Writer:
    """A writer or a font (with the probability `printed`), about `height` px high."""
    rng, sources = page.rng, page.sources
    if sources.fonts and rng.random() < printed:
        return writers.FontWriter(sources.fonts[rng.integers(len(sources.fonts))], height)
    if sources.crops and rng.random() < 0.7:
        shares = np.array(sources.shares) / sum(sources.shares)
        return writers.CropWriter(rng, height, sources.crops[rng.choice(len(shares), p=shares)])
    return writers.StrokeWriter(rng, height, max(1.0, height * float(np.exp(rng.uniform(np.log(0.03), np.log(0.2))))))


def random_digits(rng: Generator, most: int = 8) -> str:
    count = int(rng.integers(1, most + 1)) if rng.random() < 0.7 else int(rng.integers(1, 3))
    return "".join(DIGITS[i] for i in rng.integers(0, 10, min(count, most)))


def random_height(page: Page, least: float = 10, most: float = 0.25) -> float:
    """A height of digits in px: small ones as often as large ones."""
    return float(np.exp(page.rng.uniform(np.log(least), np.log(max(least + 4, most * page.height)))))


def random_position(page: Page, height: float, across: float) -> tuple[float, float]:
    """Left end and base line for something `across` wide, mostly within the page."""
    x = page.rng.uniform(-0.02 * page.width, max(1.0, page.width - across))
    return x, page.rng.uniform(height, max(height + 1, page.height - 0.1 * height))

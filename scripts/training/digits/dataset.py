"""Makes the training pictures of the digit network from crops: normalised, plain and degraded, kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Grey
from edge_daemon.inference import normalise
from edge_daemon.recognition import cut_points, ink, segment, sieve
from scripts.training.common import pool
from scripts.training.digits import augment, cutouts, negatives, sets
from scripts.training.scenes import backgrounds, distractors, fonts, layouts, page, scene, writers

Pictures = NDArray[np.uint8]

HELD_OUT = 25
"""Every 25th crop of each set is held out: early stopping and calibration use only those."""
BLIND = 0.3
"""Share of training pictures that show only the first view."""
PRINTED, LETTERS, SYNTHETIC, EXTRA = 0.12, 0.04, 0.08, 0.10
"""Shares of training besides those of sets.py; EXTRA only with --extra."""
COARSE, FAT = 0.08, 0.02
"""Shares of digits in few pixels, and of 1s by thick pens: before, a third of all rejected clean crops were these."""
SCENES, CHECK_SCENES = 4_000, 200
"""Scenes that glyphs are cut from, for training and for the held-out part."""
CUT_DIGITS, CUT_OTHERS = 0.25, 0.08
"""Shares of digits from scenes, and of other ink from scenes: clutter that passed the sieve, halves, pairs."""


DEGRADATIONS = {"heavy": augment.degrade, "coarse": augment.low_resolution, "fat": augment.thick_pen}
"""Kind of part -> how its digits are degraded."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Normalised pictures of one origin."""

    name: str
    share: float
    x: Pictures
    """(n, 28, 28, VIEWS)"""
    y: sets.Labels


@dataclass(frozen=True, slots=True)
class Job:
    """How many pictures of one kind to make from one set of crops."""

    name: str
    share: float
    kind: str
    """plain, heavy, coarse, fat, printed, letters or synthetic."""
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """Crops and fonts that pictures are made from."""

    inks: list[Grey]
    labels: sets.Labels
    fonts: list[Path]


def make(data: Path, extra: Path | None, work: Path, seed: int, workers: int) -> tuple[list[Part], Part]:
    """(parts to train on, the held-out part). Made again only if crops or the code that makes them changed."""
    path = work / f"pictures-{_fingerprint(data, extra, seed)}.npz"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        for old in work.glob("pictures-*.npz"):
            old.unlink()
        parts = list(_make(data, extra, seed, workers))
        arrays = {f"{i}{key}": value for i, p in enumerate(parts) for key, value in (("x", p.x), ("y", p.y))}
        np.savez(path, names=[p.name for p in parts], shares=[p.share for p in parts], **arrays)
    with np.load(path) as kept:
        parts = [
            Part(str(name), float(share), kept[f"{i}x"], kept[f"{i}y"])
            for i, (name, share) in enumerate(zip(kept["names"], kept["shares"], strict=True))
        ]
    return [p for p in parts if p.share > 0], next(p for p in parts if p.share == 0)


def draw(parts: list[Part], count: int, rng: Generator) -> tuple[Pictures, sets.Labels]:
    """About `count` pictures, each part with its share, shifted by up to 1 px, shuffled. The share BLIND has only the
    first view, so that the network does not rely on the unnormalised ink, in which writers differ most."""
    total = sum(part.share for part in parts)
    xs, ys = [], []
    for part in parts:
        chosen = rng.integers(len(part.y), size=round(count * part.share / total))
        xs.append(part.x[chosen])
        ys.append(part.y[chosen])
    order = rng.permutation(sum(map(len, ys)))
    x = shift(np.concatenate(xs)[order], rng)
    x[rng.random(len(x)) < BLIND, :, :, 1] = 0
    return x, np.concatenate(ys)[order]


def shift(x: Pictures, rng: Generator) -> Pictures:
    """Each picture moved by -1, 0 or 1 px in both directions, in place."""
    by = rng.integers(-1, 2, (len(x), 2))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            chosen = (by == (down, right)).all(axis=1)
            x[chosen] = np.roll(x[chosen], (down, right), (1, 2))
    return x


def _make(data: Path, extra: Path | None, seed: int, workers: int) -> Iterator[Part]:
    to_train, held = fonts.split_held_back(fonts.files())
    digits = Stock([], np.zeros(0, np.int64), to_train)
    checks: list[Part] = []
    for entry in sets.SETS:
        stock = Stock(*sets.load(entry, data), to_train)
        mine, kept = _split(stock)
        yield from _pair(entry.file, entry.share, mine, seed, workers)
        checks += _pair(entry.file, entry.share, kept, seed + 1, workers, copies=1)
        if entry.file in ("mnist_train", "bhmsds_digits"):
            digits = Stock(digits.inks + mine.inks, np.concatenate((digits.labels, mine.labels)), to_train)
    if extra:
        yield from _pair("extra", EXTRA, Stock(*sets.load_extra(extra), to_train), seed, workers)
    yield part(Job("coarse", COARSE, "coarse", 40_000), digits, seed, workers)
    yield part(Job("fat", FAT, "fat", 8_000), _only(digits, 1), seed, workers)
    yield part(Job("printed", PRINTED, "printed", 35_000), digits, seed, workers)
    yield part(Job("letters", LETTERS, "letters", 15_000), digits, seed, workers)
    yield part(Job("synthetic", SYNTHETIC, "synthetic", 40_000), digits, seed, workers)
    yield from _cut(data, SCENES, seed, workers)
    checks += _cut(data, CHECK_SCENES, seed + 1, workers, held=True)
    strange = Stock(digits.inks[::7], digits.labels[::7], held)
    for kind in ("printed", "letters", "synthetic"):
        checks.append(part(Job(kind, 0.0, kind, 1_000), strange, seed + 1, workers))
    yield Part("held out", 0.0, np.concatenate([c.x for c in checks]), np.concatenate([c.y for c in checks]))


def _split(stock: Stock) -> tuple[Stock, Stock]:
    out = np.arange(len(stock.labels)) % HELD_OUT == HELD_OUT - 1
    chosen = [[ink for ink, o in zip(stock.inks, out, strict=True) if o == side] for side in (False, True)]
    return Stock(chosen[0], stock.labels[~out], stock.fonts), Stock(chosen[1], stock.labels[out], stock.fonts)


def _only(stock: Stock, label: int) -> Stock:
    chosen = stock.labels == label
    return Stock([ink for ink, of in zip(stock.inks, chosen, strict=True) if of], stock.labels[chosen], stock.fonts)


def _pair(name: str, share: float, stock: Stock, seed: int, workers: int, copies: int = 0) -> list[Part]:
    """Half as it was written, half degraded: of small sets more variants."""
    count = len(stock.inks)
    copies = copies or int(np.clip(round(20_000 / count), 1, 6))
    return [
        part(Job(f"{name} plain", share / 2, "plain", count), stock, seed, workers),
        part(Job(f"{name} heavy", share / 2, "heavy", count * copies), stock, seed, workers),
    ]


def part(job: Job, stock: Stock, seed: int, workers: int) -> Part:
    print(f"  {job.name}: {job.count} pictures", flush=True)
    made = pool.map_parallel(partial(_picture, job, stock, seed), range(job.count), workers, chunksize=500)
    return Part(job.name, job.share, np.array([x for x, _ in made]), np.array([y for _, y in made]))


def _cut(data: Path, count: int, seed: int, workers: int, held: bool = False) -> list[Part]:
    """Glyphs as the daemon cuts them out of pictures: the digits, and what is none."""
    print(f"  glyphs cut from {count} scenes", flush=True)
    x, y = cutouts.make(page.sources(data, held), count, seed, workers)
    digits = y < NOT_A_DIGIT
    return [
        Part("digits in scenes", CUT_DIGITS, x[digits], y[digits]),
        Part("others in scenes", CUT_OTHERS, x[~digits], y[~digits]),
    ]


def _picture(job: Job, stock: Stock, seed: int, index: int) -> tuple[Grey, int]:
    """Picture `index` of the job: the same whoever makes it."""
    rng = np.random.default_rng([seed, index, *job.name.encode()])
    ink, label = ink_for(job.kind, stock, index, rng)
    return normalise.normalise(ink), label


def ink_for(kind: str, stock: Stock, index: int, rng: Generator) -> tuple[Grey, int]:
    """One crop and its label, like those of the daemon's segmenter."""
    if kind == "synthetic":
        return negatives.random_negative(rng, stock.inks, stock.labels), NOT_A_DIGIT
    if kind in ("printed", "letters"):
        label = index % NOT_A_DIGIT if kind == "printed" else NOT_A_DIGIT
        font = stock.fonts[rng.integers(len(stock.fonts))]
        return augment.degrade_print(fonts.render_character(font, fonts.random_character(label, rng), rng), rng), label
    which = index % len(stock.inks)
    ink = stock.inks[which]
    return (DEGRADATIONS[kind](ink, rng) if kind in DEGRADATIONS else ink), int(stock.labels[which])


def _fingerprint(data: Path, extra: Path | None, seed: int) -> str:
    """A hash of everything that the pictures depend on."""
    made_by = (
        normalise,
        augment,
        distractors,
        cutouts,
        fonts,
        backgrounds,
        writers,
        layouts,
        negatives,
        page,
        scene,
        sets,
    )
    seen_by = (cut_points, ink, segment, sieve)
    ours = [Path(str(module.__file__)) for module in (*made_by, *seen_by)]
    digest = hashlib.sha256(str(seed).encode())
    for path in (*ours, Path(__file__)):
        digest.update(path.read_bytes())
    for path in (*sorted(data.glob("*.npz")), *(sorted(extra.rglob("*.*")) if extra else ())):
        digest.update(f"{path.name} {path.stat().st_size}".encode())
    return digest.hexdigest()[:16]

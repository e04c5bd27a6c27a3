"""Draws ink that is no digit, or combines digits to it: what the reader's lattice and real desks contain.

Shapes that a person would read as a digit are left out: a bar or a slash (1), a ring (0), a half 4 or 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.sources.simulated import handwriting
from scripts.training.digits import augment

Inks = Sequence[Grey]
Maker = Callable[[Generator, Inks, NDArray[np.int64]], Grey]
_SIDE = augment.SIDE
_LEFT_HALVES = (0, 2, 3, 5, 6, 8)
_RIGHT_HALVES = (0, 2, 6)


def touching_digits(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """Two or three digits in one crop, touching or nearly so."""
    count = 2 if rng.random() < 0.85 else 3
    return side_by_side([crop_tight(digits[i], rng) for i in rng.integers(len(digits), size=count)], rng)


def digit_with_fragment(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """A digit joined to a third to two thirds of its neighbour, as a wrong cut leaves it."""
    random_negative, other = (crop_tight(digits[i], rng) for i in rng.integers(len(digits), size=2))
    keep = max(2, int(other.shape[1] * rng.uniform(0.35, 0.65)))
    from_left = rng.random() < 0.5
    piece = other[:, :keep] if from_left else other[:, -keep:]
    if float(piece.sum()) < 0.35 * float(random_negative.sum()):  # would be dirt: the digit is still a digit
        piece = other
    return side_by_side([random_negative, piece] if from_left else [piece, random_negative], rng, gap=0)


def half_digit(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """The left or right half of a digit that was cut in two."""
    left = rng.random() < 0.7
    choices = np.flatnonzero(np.isin(labels, _LEFT_HALVES if left else _RIGHT_HALVES))
    digit = crop_tight(digits[int(rng.choice(choices))], rng)
    keep = max(3, int(digit.shape[1] * rng.uniform(0.35, 0.5)))
    return augment.photograph(pad(digit[:, :keep] if left else digit[:, -keep:]), rng)


def box_lines(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """A corner, tee, crossing or comb of ruled lines; never one upright bar alone."""
    x, y = rng.uniform(12, 52, 2)
    across, down = [(6.0, y), (58.0, y)], [(x, 6.0), (x, 58.0)]
    match rng.integers(5):
        case 0:
            lines = [[(x, y), (58.0, y)], [(x, y), (x, rng.choice([6.0, 58.0]))]]  # the other corners read 7, 1
        case 1:
            lines = [across, [(x, y), (x, 58.0)]]
        case 2:
            lines = [across, down]
        case 3:
            lines = [across]
        case _:
            lines = [[(6.0, 50.0), (58.0, 50.0)], [(10.0, 20.0), (10.0, 50.0)], [(54.0, 20.0), (54.0, 50.0)]]
    return draw_lines(lines, rng, wobble=0.8)


def operator(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """+ - × ÷ = ( ) [ ] { * . < and a tick, by hand."""
    arc = [(24 + 14 * np.cos(t), 32 + 26 * np.sin(t)) for t in np.linspace(2.1, 4.2, 9)]
    shapes: list[list[list[tuple[float, float]]]] = [
        [[(10, 32), (54, 32)], [(32, 10), (32, 54)]],
        [[(12, 12), (52, 52)], [(52, 12), (12, 52)]],
        [[(10, 32), (54, 32)]],
        [[(10, 24), (54, 24)], [(10, 42), (54, 42)]],
        [[(10, 32), (54, 32)], [(32, 14), (32, 15)], [(32, 50), (32, 51)]],
        [arc],
        [[(64 - x, y) for x, y in arc]],
        [[(36, 6), (24, 6), (24, 58), (36, 58)]],
        [[(26, 6), (38, 6), (38, 58), (26, 58)]],
        [[(38, 6), (30, 12), (30, 26), (24, 32), (30, 38), (30, 52), (38, 58)]],
        [[(32, 12), (32, 52)], [(14, 22), (50, 42)], [(50, 22), (14, 42)]],
        [[(50, 12), (14, 32), (50, 52)]],
        [[(12, 34), (24, 50), (54, 12)]],
        [[(32, 30), (33, 33)]],
    ]
    return draw_lines(shapes[rng.integers(len(shapes))], rng, wobble=1.6)


def scribble(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """A pen that went back and forth."""
    count = rng.integers(7, 16)
    walk = rng.uniform(8, 56, (count, 2)) if rng.random() < 0.5 else zigzag(rng, int(count))
    return draw_lines([[(float(x), float(y)) for x, y in walk]], rng, wobble=0.0, smooth=rng.random() < 0.7)


def zigzag(rng: Generator, count: int) -> NDArray[np.float64]:
    xs = np.linspace(8, 56, count) + rng.normal(0, 2, count)
    ys = np.where(np.arange(count) % 2, rng.uniform(8, 24), rng.uniform(40, 56)) + rng.normal(0, 4, count)
    return np.column_stack((xs, ys) if rng.random() < 0.7 else (ys, xs))


def texture(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """Blobs: smooth noise above a level; stains, shadows, wood, print seen from too near."""
    grain = rng.uniform(2, 9)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (_SIDE, _SIDE)), (0, 0), grain, sigmaY=grain * rng.uniform(0.4, 2.5))
    lit = noise > np.quantile(noise, rng.uniform(0.45, 0.9))
    return np.asarray(np.where(lit, rng.integers(120, 256), 0), np.uint8)


def paper_edge(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """A dark area that ends in a slanted, rough border; or a filled spot."""
    ys, xs = np.mgrid[:_SIDE, :_SIDE] - _SIDE / 2
    angle = rng.uniform(0, 2 * np.pi)
    along = xs * np.cos(angle) + ys * np.sin(angle)
    if rng.random() < 0.4:
        inside = np.hypot(xs, ys * rng.uniform(0.6, 1.6)) < rng.uniform(8, 28)
    else:
        rough = cv2.GaussianBlur(rng.normal(0, 1, _SIDE), (1, 0), 0, sigmaY=3).ravel() * 8
        inside = (along + rough[:, None] > rng.uniform(-12, 12)) & (along < rng.uniform(14, 40))
    return augment.photograph(np.asarray(inside * 255, np.uint8), rng)


NEGATIVES: tuple[tuple[Maker, float], ...] = (
    (touching_digits, 0.26),
    (digit_with_fragment, 0.16),
    (half_digit, 0.08),
    (box_lines, 0.12),
    (operator, 0.16),
    (scribble, 0.10),
    (texture, 0.06),
    (paper_edge, 0.06),
)


def random_negative(rng: Generator, digits: Inks, labels: NDArray[np.int64]) -> Grey:
    """Some ink that is no digit, (h, w) uint8, made with the help of digits and their labels."""
    makers, shares = zip(*NEGATIVES, strict=True)
    return makers[rng.choice(len(makers), p=shares)](rng, digits, labels)  # type: ignore[no-any-return]


def crop_tight(ink: Grey, rng: Generator) -> Grey:
    """A digit cut tight, about 40 px high."""
    ys, xs = np.nonzero(ink > 0.3 * ink.max())
    tight = ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    height = int(rng.normal(40, 3))
    width = max(4, round(tight.shape[1] * height / tight.shape[0]))
    return np.asarray(cv2.resize(tight, (min(width, 60), height), interpolation=cv2.INTER_LINEAR), np.uint8)


def side_by_side(parts: Sequence[Grey], rng: Generator, gap: int = 5) -> Grey:
    """Pictures side by side: they overlap by up to 8 px, or leave up to `gap` px between them."""
    sheet = np.zeros((72, 240), np.uint8)
    x = 20
    for part in parts:
        y = 36 - part.shape[0] // 2 + int(rng.normal(0, 2))
        y = max(0, min(y, 72 - part.shape[0]))
        window = sheet[y : y + part.shape[0], x : x + part.shape[1]]
        np.maximum(window, part, out=window)
        x += max(2, part.shape[1] + int(rng.integers(-8, gap + 1)))
    return augment.photograph(sheet[:, 10 : x + 20], rng)


def draw_lines(
    lines: Sequence[Sequence[tuple[float, float]]], rng: Generator, wobble: float, smooth: bool = False
) -> Grey:
    """Polylines in a 64 px picture, by a shaky hand and a pen of any width."""
    shaky = [np.asarray(line, np.float32) + rng.normal(0, wobble, (len(line), 2)).astype(np.float32) for line in lines]
    if smooth:
        rounded = [cv2.resize(line, (2, 12 * len(line)), interpolation=cv2.INTER_CUBIC) for line in shaky]
        shaky = [np.asarray(line, np.float32) for line in rounded]
    picture = handwriting.coverage((_SIDE, _SIDE), shaky, rng.uniform(1.5, 7.0))
    return augment.photograph(augment.elastic_distortion(augment.place(picture, rng), rng), rng)


def pad(ink: Grey) -> Grey:
    return np.pad(ink, 8)

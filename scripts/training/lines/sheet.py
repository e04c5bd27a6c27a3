"""Draws what is printed or drawn around a line: cells, frames, rules, rings, dashes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import Grey
from scripts.training.lines import numbers
from scripts.training.lines.labels import RULE
from scripts.training.lines.writing import DIGIT_HEIGHT, Line

PADDING = round(2.6 * DIGIT_HEIGHT)
"""Paper around a line while its surroundings are drawn, px."""


@dataclass(slots=True, eq=False)
class Sheet:
    """A line and what is drawn around it. Covers are (h, w) uint8; lengths in px."""

    pen: Grey
    """What is written."""
    press: Grey
    """What is printed: rules and boxes."""
    guide: Grey
    """What is printed faintly, to be written over."""
    symbols: list[tuple[str, float, float]]
    """Symbol, left and right end."""
    box: tuple[float, float, float, float]
    """left, top, right, bottom of the line's ink."""


def make_sheet(line: Line, edges: list[float] | None = None) -> Sheet:
    """A line on a sheet with PADDING around it. `edges` (x) of cells become vertical rules in the text."""
    ys, xs = np.nonzero(line.cover > 90)
    if len(xs) == 0:
        ys, xs = np.array([line.base - DIGIT_HEIGHT, line.base]), np.array([DIGIT_HEIGHT, 2 * DIGIT_HEIGHT])
    left, right = int(xs.min()), int(xs.max()) + 1
    if edges:
        left, right = min(left, int(edges[0])), max(right, int(edges[-1]) + 1)
    top, bottom = int(ys.min()), int(ys.max()) + 1
    ink = np.zeros((bottom - top, right - left), np.uint8)
    window = line.cover[top:bottom, left:right]
    ink[:, : window.shape[1]] = window
    cover = cv2.copyMakeBorder(ink, PADDING, PADDING, PADDING, PADDING, cv2.BORDER_CONSTANT)
    move = PADDING - left
    symbols = [(char, a + move, b + move) for char, a, b in line.symbols]
    symbols += [(RULE, edge + move - 1, edge + move + 1) for edge in edges or []]
    box = (float(PADDING), float(PADDING), float(PADDING + right - left), float(PADDING + bottom - top))
    return Sheet(np.asarray(cover, np.uint8), np.zeros_like(cover), np.zeros_like(cover), symbols, box)


def random_thickness(rng: Generator) -> int:
    """Thickness of a rule, px."""
    return max(1, round(DIGIT_HEIGHT * float(np.exp(rng.uniform(np.log(0.012), np.log(0.09))))))


def draw_cells(rng: Generator, made: Sheet, edges: int) -> None:
    """Draws cells around the digits, or a comb: short rules between them."""
    uprights = [symbol for symbol in made.symbols if symbol[0] == RULE][-edges:]
    _, top, _, bottom = made.box
    middle, thick = (top + bottom) / 2, random_thickness(rng)
    half = (bottom - top) / 2 + DIGIT_HEIGHT * float(np.exp(rng.uniform(np.log(0.15), np.log(0.8))))
    comb = rng.random() < 0.2
    upper = middle + half - (float(rng.uniform(0.2, 0.6)) * 2 * half if comb else 2 * half)
    for _, left, right in uprights:
        x = round((left + right) / 2)
        cv2.line(made.press, (x, round(upper)), (x, round(middle + half)), (255,), thick)
    first, last = round(uprights[0][1]), round(uprights[-1][2])
    for y in (middle + half,) if comb else (middle - half, middle + half):
        cv2.line(made.press, (first, round(y)), (last, round(y)), (255,), thick)
    if comb and upper > middle:  # so short that it looks like the foot of a sign
        made.symbols[:] = [symbol for symbol in made.symbols if symbol[0] != RULE]
    if rng.random() < 0.25:
        draw_guides(rng, made, uprights)


def draw_guides(rng: Generator, made: Sheet, uprights: list[tuple[str, float, float]]) -> None:
    """Draws faint digits or letters in the cells."""
    text = str(rng.choice(["8", "0", "D", "8", "M", "9"]))
    cover = cv2.resize(
        guide_character(text), None, fx=rng.uniform(0.6, 1.1), fy=rng.uniform(0.7, 1.1), interpolation=cv2.INTER_AREA
    )
    for (_, a, _), (_, b, _) in itertools.pairwise(uprights):
        x = (a + b) / 2 - cover.shape[1] / 2
        paste(made.guide, np.asarray(cover, np.uint8), x, made.box[3] - cover.shape[0])


def guide_character(text: str) -> Grey:
    """The cover of a printed character, DIGIT_HEIGHT high."""
    cover = np.zeros((round(DIGIT_HEIGHT), round(0.8 * DIGIT_HEIGHT)), np.uint8)
    cv2.putText(
        cover, text, (2, round(DIGIT_HEIGHT) - 3), cv2.FONT_HERSHEY_SIMPLEX, DIGIT_HEIGHT / 24, (255,), 3, cv2.LINE_AA
    )
    return cover


def draw_frame(rng: Generator, made: Sheet) -> None:
    """Draws a box around the number, or some of its sides."""
    left, top, right, bottom = made.box
    thick = random_thickness(rng)
    gaps = DIGIT_HEIGHT * np.exp(rng.uniform(np.log(0.04), np.log(1.2), 4))
    x0, y0, x1, y1 = left - gaps[0], top - gaps[1], right + gaps[2], bottom + gaps[3]
    far = rng.random() < 0.6  # a table: its lines go on
    height, width = made.pen.shape
    sides = rng.random(4) < (0.75 if rng.random() < 0.7 else 0.4)
    ends = (0 if far else y0, height if far else y1), (0 if far else x0, width if far else x1)
    for x, there in ((x0, sides[0]), (x1, sides[2])):
        if there:
            cv2.line(made.press, (round(x), round(ends[0][0])), (round(x), round(ends[0][1])), (255,), thick)
            made.symbols.append((RULE, x - 1, x + 1))
            if rng.random() < 0.15:
                cv2.line(made.press, (round(x) + 3 * thick, 0), (round(x) + 3 * thick, height), (255,), thick)
    for y, there in ((y0, sides[1]), (y1, sides[3])):
        if there:
            cv2.line(made.press, (round(ends[1][0]), round(y)), (round(ends[1][1]), round(y)), (255,), thick)


def draw_rules(rng: Generator, made: Sheet) -> None:
    """Draws rules below, above and through the number (whole, dotted or dashed), or ruled and squared paper."""
    _, top, _, bottom = made.box
    height, width = made.pen.shape
    kind = rng.random()
    if kind < 0.12:
        pitch = DIGIT_HEIGHT * float(rng.uniform(0.28, 1.3))
        thick = max(1, random_thickness(rng) // 2)
        for y in np.arange(rng.uniform(0, pitch), height, pitch):
            cv2.line(made.press, (0, round(y)), (width, round(y)), (255,), thick)
        if rng.random() < 0.6:
            for x in np.arange(rng.uniform(0, pitch), width, pitch):
                cv2.line(made.press, (round(x), 0), (round(x), height), (255,), thick)
        return
    for _ in range(int(rng.choice([1, 1, 1, 2]))):
        place = rng.random()
        if place < 0.75:
            y = bottom + DIGIT_HEIGHT * float(rng.normal(0.06, 0.14))
        elif place < 0.9:
            y = top - DIGIT_HEIGHT * float(abs(rng.normal(0.1, 0.2)))
        else:
            y = float(rng.uniform(top, bottom))
        thick, drift = random_thickness(rng), rng.normal(0, 0.01) * width
        style = rng.random()
        if style < 0.6:
            cv2.line(made.press, (0, round(y)), (width, round(y + drift)), (255,), thick, cv2.LINE_AA)
        else:
            step = max(3.0, DIGIT_HEIGHT * float(np.exp(rng.uniform(np.log(0.08), np.log(0.5)))))
            long = 0.0 if style < 0.8 else 0.55 * step
            for x in np.arange(rng.uniform(0, step), width, step):
                at = y + drift * x / width
                cv2.line(made.press, (round(x), round(at)), (round(x + long), round(at)), (255,), thick, cv2.LINE_AA)


def draw_ring(rng: Generator, made: Sheet) -> None:
    """Draws a ring around the number."""
    left, top, right, bottom = made.box
    t = np.linspace(0, 2 * np.pi * rng.uniform(0.93, 1.1), 40) + rng.uniform(0, 6)
    wide = (right - left) / 2 * 1.15 + DIGIT_HEIGHT * rng.uniform(0.03, 0.5)
    tall = (bottom - top) / 2 * 1.1 + DIGIT_HEIGHT * rng.uniform(0.03, 0.5)
    bumps = 1 + rng.uniform(0, 0.15) * np.sin(t * rng.integers(1, 4) + rng.uniform(0, 6))
    ring = np.stack(
        [(left + right) / 2 + wide * bumps * np.cos(t), (top + bottom) / 2 + tall * bumps * np.sin(t)], axis=1
    )
    thick = max(1, round(numbers.random_pen(rng) * 0.8))
    cv2.polylines(made.pen, [np.rint(ring).astype(np.int32)[:, None]], False, (255,), thick, cv2.LINE_AA)


def draw_leader(rng: Generator, made: Sheet) -> None:
    """Draws a long dash from the left border to the line, as forms have before a number; it may touch the number."""
    left, top, _, bottom = made.box
    y = (top + bottom) / 2 + DIGIT_HEIGHT * float(rng.normal(0, 0.12))
    end = left - DIGIT_HEIGHT * float(rng.uniform(-0.03, 0.35))
    start = 0.0 if rng.random() < 0.6 else left - DIGIT_HEIGHT * float(rng.uniform(0.5, 1.5))
    points = (round(start), round(y + rng.normal(0, 0.03) * DIGIT_HEIGHT)), (round(end), round(y))
    cv2.line(made.pen, *points, (255,), max(2, round(0.7 * numbers.random_pen(rng))), cv2.LINE_AA)
    made.symbols.insert(0, ("-", start, end))


def paste(cover: Grey, mark: Grey, x: float, y: float) -> None:
    """Draws a mark with its corner at (x, y) onto a cover, in place, clipped to it."""
    left, top = round(x), round(y)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(cover.shape[1], left + mark.shape[1]), min(cover.shape[0], top + mark.shape[0])
    if x0 < x1 and y0 < y1:
        window = cover[y0:y1, x0:x1]
        np.maximum(window, mark[y0 - top : y1 - top, x0 - left : x1 - left], out=window)

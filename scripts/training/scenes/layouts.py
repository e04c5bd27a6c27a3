"""Layouts of numbers on pages, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator

from scripts.training.scenes import writers
from scripts.training.scenes.distractors import characters, doodles, plain_prose, printed_words, prose, spots
from scripts.training.scenes.page import (
    Page,
    random_contrast,
    random_digits,
    random_height,
    random_position,
    random_writer,
)


def lone(page: Page) -> None:
    """One or a few large digits or numbers."""
    rng = page.rng
    ink = random_contrast(rng, 0.25)
    height = random_height(page, 40, 0.9)
    hand = random_writer(page, height, 0.2)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        text = random_digits(rng, max(1, min(8, int(page.width / height / 0.7))))
        page.number(hand, text, *random_position(page, height, len(text) * 0.7 * height), ink)


def scattered(page: Page) -> None:
    """Single digits, or short numbers, far apart and on no line."""
    rng = page.rng
    height, ink = random_height(page, 14, 0.25), random_contrast(rng)
    hand = random_writer(page, height, 0.15)
    pitch = height * rng.uniform(1.6, 4.5)
    filled, most = rng.uniform(0.3, 1.0), int(rng.choice([1, 1, 2]))
    for base in np.arange(1.2 * height, page.height, pitch):
        for x in np.arange(0.3 * height, page.width - 0.6 * height, pitch):
            if rng.random() < filled:
                off = rng.uniform(-0.3, 0.3, 2) * (pitch - height)
                page.number(hand, random_digits(rng, most), x + off[0], base + off[1], ink)


def rows(page: Page) -> None:
    """Lines of numbers, or of single digits far apart."""
    rng = page.rng
    height, ink = random_height(page, 10, 0.2), random_contrast(rng)
    hand = random_writer(page, height)
    single, base = rng.random() < 0.3, height * rng.uniform(1.2, 3)
    while base < page.height - 0.2 * height:
        x = rng.uniform(0, 0.3) * page.width
        while x < page.width - 0.6 * height:
            text = random_digits(rng, 1 if single else max(1, min(8, int((page.width - x) / height))))
            if rng.random() < 0.08:
                text = text[:2] + str(rng.choice([".", ",", "-"])) + text[2:]
            x = page.number(hand, text, x, base + rng.normal(0, 0.1) * height, ink) + height * rng.uniform(0.8, 4)
            if rng.random() < 0.2:
                break
        base += height * rng.uniform(1.3, 3)


def expression(page: Page) -> None:
    """Sums with operators and brackets."""
    rng = page.rng
    height, ink = random_height(page, 16, 0.6), random_contrast(rng, 0.15)
    hand = random_writer(page, height, 0.15)
    base = height * rng.uniform(1.1, 2)
    loose = rng.uniform(0.0, 0.5)
    while base < page.height:
        x = rng.uniform(0.0, 0.15) * page.width
        while x < page.width - height * 0.5:
            for part in term(rng):
                x = page.number(hand, part, x, base + rng.normal(0, 0.05) * height, ink) + height * loose
        base += height * rng.uniform(1.5, 4)
        if rng.random() < 0.4:
            break


def term(rng: Generator) -> list[str]:
    operand = [random_digits(rng, 3)]
    if rng.random() < 0.35:
        operand = [str(rng.choice(["(", "["])), *operand, str(rng.choice(list("+-x/÷"))), random_digits(rng, 2)]
        operand.append(")" if operand[0] == "(" else "]")
        if rng.random() < 0.15:
            operand = ["(", *operand, ")"]
    return [*operand, str(rng.choice(list("+-x÷=///-*<>√:%")))]


def table(page: Page, with_digits: bool = True) -> None:
    """A grid with numbers in its cells; sudoku with thick lines between blocks."""
    rng = page.rng
    sudoku = rng.random() < 0.5
    across, down = (9, 9) if sudoku else (int(rng.integers(2, 9)), int(rng.integers(2, 14)))
    width, height = page.width * rng.uniform(0.6, 1.1), page.height * rng.uniform(0.6, 1.1)
    if sudoku:
        width = height = min(width, height)
    x, y = rng.uniform(-0.05, 1) * (page.width - width), rng.uniform(-0.05, 1) * (page.height - height)
    w, h = width / across, height / down
    ink, thin = random_contrast(rng, 0.15), int(rng.choice([1, 1, 1, 2, 2, 3]))
    thick = thin + int(rng.integers(1, 4)) if sudoku else thin
    for i in range(across + 1):
        page.rule(x + i * w, y, x + i * w, y + height, thick if i % 3 == 0 else thin, ink)
    for j in range(down + 1):
        page.rule(x, y + j * h, x + width, y + j * h, thick if j % 3 == 0 else thin, ink)
    if not with_digits:
        return
    size = min(h * rng.uniform(0.35, 0.85), 0.9 * w / 0.7)
    two = [
        (random_writer(page, size, 1.0), random_contrast(rng, 0.25)),
        (random_writer(page, size, 0.0), random_contrast(rng, 0.25)),
    ]
    kinds = rng.choice([0.0, 0.35, 0.5, 1.0])
    filled, off = rng.uniform(0.3, 1.0), rng.uniform(0.0, 0.15)
    for i in range(across):
        for j in range(down):
            if rng.random() > filled:
                continue
            hand, pen = two[int(rng.random() < kinds)]
            text = random_digits(rng, 1 if sudoku else max(1, int(w / size / 0.7)))
            left = x + (i + 0.5) * w - 0.3 * size * len(text) + rng.normal(0, off) * w
            page.number(hand, text, left, y + (j + 0.5) * h + 0.5 * size + rng.normal(0, off) * h, pen)


def form(page: Page) -> None:
    """Labels and boxes or combs with a digit in each."""
    rng = page.rng
    height = random_height(page, 14, 0.15)
    hand, ink, line = random_writer(page, height, 0.15), random_contrast(rng, 0.2), random_contrast(rng, 0.12)
    base = height * 2.0
    pitch, tall, thick = height * rng.uniform(0.85, 1.4), height * rng.uniform(1.1, 1.6), int(rng.integers(1, 4))
    comb = rng.random()
    while base < page.height:
        x = rng.uniform(0.01, 0.2) * page.width
        if rng.random() < 0.7:
            x = printed_words(page, x, base, max(8.0, height * rng.uniform(0.3, 0.8)), int(rng.integers(1, 3))) + height
        count = int(rng.integers(1, 10))
        top, bottom = base - (tall + height) / 2, base + (tall - height) / 2
        for i in range(count + 1):
            page.rule(x + i * pitch, top if comb < 0.6 else (top + bottom) / 2, x + i * pitch, bottom, thick, line)
        page.rule(x, bottom, x + count * pitch, bottom, thick, line)
        if comb < 0.6:
            page.rule(x, top, x + count * pitch, top, thick, line)
        for i in range(int(rng.integers(0, count + 1))):
            text = random_digits(rng, 1)
            page.number(hand, text, x + (i + rng.uniform(0.1, 0.3)) * pitch, base + rng.normal(0, 0.06) * height, ink)
        base += tall * rng.uniform(1.4, 3)


def cheque(page: Page) -> None:
    """An amount over a guilloche pattern, with joined digits."""
    rng = page.rng
    waves(page)
    height = page.height * rng.uniform(0.25, 0.75)
    hand, ink = random_writer(page, height, 0.05), random_contrast(rng, 0.3)
    if isinstance(hand, writers.CropWriter):
        hand._gap = rng.uniform(-0.3, 0.1)
    text = random_digits(rng)
    for mark in (".", ",", ":"):
        if rng.random() < 0.3:
            at = int(rng.integers(0, len(text) + 1))
            text = text[:at] + mark + text[at:]
    text += str(rng.choice(["", "", ".-", "-", "=", ".", ":"]))
    x = rng.uniform(0.0, 0.3) * page.width
    page.number(hand, text, x, page.height * rng.uniform(0.7, 0.95), ink)
    if rng.random() < 0.4:
        y = page.height * rng.uniform(0.7, 1.0)
        page.rule(0, y, page.width, y + rng.normal(0, 3), int(rng.integers(1, 4)), random_contrast(rng, 0.2))


def waves(page: Page) -> None:
    """A guilloche pattern."""
    rng = page.rng
    ys, xs = np.mgrid[: page.height, : page.width].astype(np.float32)
    strength = np.float32(rng.uniform(0.03, 0.25))
    for _ in range(rng.integers(1, 4)):
        angle, pitch = rng.uniform(0, np.pi), rng.uniform(4, 16)
        along = xs * np.float32(np.cos(angle)) + ys * np.float32(np.sin(angle))
        across = ys * np.float32(np.cos(angle)) - xs * np.float32(np.sin(angle))
        bent = across + np.float32(rng.uniform(0, 14)) * np.sin(along / np.float32(rng.uniform(8, 80)))
        ridge = np.clip(np.cos(bent * np.float32(2 * np.pi / pitch)) * 2 - 1, 0, 1)
        page.pixels *= 1 - strength * ridge


def empty_table(page: Page) -> None:
    table(page, with_digits=False)


Maker = Callable[[Page], None]

WITH_DIGITS: tuple[tuple[Maker, float], ...] = (
    (lone, 0.14),
    (scattered, 0.08),
    (rows, 0.22),
    (expression, 0.17),
    (table, 0.15),
    (form, 0.08),
    (cheque, 0.10),
    (prose, 0.10),
)
WITHOUT_DIGITS: tuple[tuple[Maker, float], ...] = (
    (doodles, 0.32),
    (characters, 0.25),
    (spots, 0.15),
    (plain_prose, 0.18),
    (empty_table, 0.1),
)


def pick(rng: Generator, choices: Sequence[tuple[Maker, float]]) -> Maker:
    makers, shares = zip(*choices, strict=True)
    return makers[int(rng.choice(len(makers), p=np.array(shares) / sum(shares)))]  # type: ignore[no-any-return]

"""Draws what is on pages besides numbers: words, signs, doodles, spots, ruled paper."""

from __future__ import annotations

import cv2
import numpy as np

from edge_daemon.sources.simulated import handwriting
from scripts.training.scenes import backgrounds, writers
from scripts.training.scenes.page import Page, random_contrast, random_digits, random_height, random_position

WORDS = [
    "the",
    "of",
    "and",
    "Name",
    "Date",
    "Total",
    "Price",
    "kg",
    "Amount",
    "to",
    "be",
    "paid",
    "Signature",
    "Order",
    "items",
    "Room",
    "meter",
    "reading",
    "Menge",
    "Summe",
]
_LOOKS_WRITTEN = ("dancingscript", "kristi", "humor-sans", "breip", "ecolier", "comic", "jura")
PRINT_LETTERS = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def printed_words(page: Page, x: float, base: float, height: float, count: int) -> float:
    """Words of one font; numbers among them are numbers. Returns the right end."""
    rng = page.rng
    if not page.sources.fonts:
        return x
    hand = writers.FontWriter(page.sources.fonts[rng.integers(len(page.sources.fonts))], height)
    return write_words(page, hand, x, base, count, random_contrast(rng, 0.2), 0.0)


def write_words(
    page: Page, hand: writers.FontWriter, x: float, base: float, count: int, ink: float, numbers: float
) -> float:
    rng = page.rng
    for _ in range(count):
        if rng.random() < numbers:
            x = page.number(hand, random_digits(rng, 5), x, base, ink)
        else:
            letters = "".join(PRINT_LETTERS[i] for i in rng.integers(0, len(PRINT_LETTERS), rng.integers(2, 10)))
            word = str(rng.choice(WORDS)) if rng.random() < 0.3 else letters
            word = word.upper() if rng.random() < 0.2 else word + str(rng.choice(["", "", "", ".", ",", ":", ")", "!"]))
            mark = hand.mark(word)
            page.paste(mark.cover, x + mark.left, base + mark.top, ink)
            x += mark.advance
        x += hand.height * 0.5
        if x > page.width:
            break
    return x


def prose(page: Page, numbers: float = 0.12) -> None:
    """Printed text in lines, or notes in a font that looks written."""
    rng = page.rng
    if not page.sources.fonts:
        return
    written = [path for path in page.sources.fonts if any(name in str(path) for name in _LOOKS_WRITTEN)]
    choice = written if written and rng.random() < 0.5 else page.sources.fonts
    height = random_height(page, 9, 0.12)
    hand = writers.FontWriter(choice[rng.integers(len(choice))], height)
    ink, left = random_contrast(rng, 0.15), rng.uniform(-0.05, 0.5) * page.width
    base = height * rng.uniform(0.5, 4)
    while base < page.height + height:
        write_words(page, hand, left, base, int(rng.integers(1, 12)), ink, numbers)
        base += height * rng.uniform(1.4, 2.4)
        if rng.random() < 0.06:
            break


def plain_prose(page: Page) -> None:
    prose(page, numbers=0.0)


def characters(page: Page) -> None:
    """Handwritten letters and signs of no digit set, in rows or alone."""
    rng = page.rng
    height, ink = random_height(page, 12, 0.3), random_contrast(rng)
    signs = writers.StrokeWriter(rng, height, max(1.0, height * rng.uniform(0.04, 0.15)))
    for _ in range(int(rng.integers(1, 5))):
        x, base = random_position(page, height, 4 * height)
        for _ in range(int(rng.integers(1, 8))):
            if page.sources.characters and rng.random() < 0.7:
                ink_of = page.sources.characters[rng.integers(len(page.sources.characters))]
                cover = writers.resize(ink_of, height)
                page.paste(cover, x, base - height, ink)
                x += cover.shape[1] * rng.uniform(0.7, 1.3)
            else:
                x = page.number(signs, str(rng.choice(list("+x÷=()[]*<>√%✓"))), x, base, ink)


def doodles(page: Page) -> None:
    """Scribbles, arrows, rings, ticks, underlines, spots and holes."""
    rng = page.rng
    for _ in range(int(rng.integers(1, 6))):
        reach = random_height(page, 10, 0.5)
        x, y = rng.uniform(0, page.width), rng.uniform(0, page.height)
        pen, ink = max(1.0, reach * rng.uniform(0.01, 0.12)), random_contrast(rng)
        match rng.integers(6):
            case 0:  # scribble
                knots = np.array([x, y]) + rng.normal(0, reach / 2, (int(rng.integers(5, 14)), 2))
                page.lines([[(float(a), float(b)) for a, b in handwriting._smooth(knots)]], pen, ink)
            case 1:  # arrow
                dx, dy = rng.normal(0, reach, 2)
                head = [(x + 0.7 * dx - 0.2 * dy, y + 0.7 * dy + 0.2 * dx), (x + dx, y + dy)]
                page.lines(
                    [[(x, y), (x + dx, y + dy)], [*head, (x + 0.7 * dx + 0.2 * dy, y + 0.7 * dy - 0.2 * dx)]], pen, ink
                )
            case 2:  # wide ring
                t = np.linspace(0, 6.5, 24)
                ring = np.stack([x + 2.2 * reach * np.cos(t), y + reach * np.sin(t)], 1) + rng.normal(
                    0, 0.02 * reach, (24, 2)
                )
                page.lines([[(float(a), float(b)) for a, b in ring]], pen, ink)
            case 3:  # underline or strike
                page.lines([[(x, y), (x + reach * 3, y + rng.normal(0, 0.1) * reach)]], pen / 2 + 1, ink)
            case 4:  # stain
                grain = backgrounds.fractal(rng, (int(reach) + 2, int(reach * rng.uniform(0.6, 2)) + 2), reach / 2, 2)
                page.paste(np.asarray(np.clip(grain * 200, 0, 255), np.uint8), x, y, ink * 0.7)
            case _:  # holes
                for i in range(int(rng.integers(1, 12))):
                    cover = np.zeros((int(reach / 3) + 6,) * 2, np.uint8)
                    cv2.circle(cover, (cover.shape[0] // 2,) * 2, max(2, int(reach / 6)), (255,), -1, cv2.LINE_AA)
                    page.paste(cover, 6 + rng.normal(0, 1), y + i * reach, 0.8)


def spots(page: Page) -> None:
    """Small dark shapes far apart: birds, people at a distance, leaves, crumbs."""
    rng = page.rng
    for _ in range(int(rng.integers(2, 40))):
        reach = float(np.exp(rng.uniform(np.log(6), np.log(60))))
        h, w = int(reach) + 3, int(reach * np.exp(rng.normal(0, 0.5))) + 3
        shape = 1.3 - np.hypot(*np.mgrid[-1.6 : 1.6 : h * 1j, -1.6 : 1.6 : w * 1j])
        shape = shape + rng.uniform(0.2, 1.2) * backgrounds.fractal(rng, (h, w), reach / 2, 2)
        cover = np.asarray(np.clip(shape * 300, 0, 255), np.uint8)
        page.paste(cover, rng.uniform(0, page.width), rng.uniform(0, page.height), random_contrast(rng))


def ruled(page: Page) -> None:
    """Ruled or squared paper."""
    rng = page.rng
    pitch = float(np.exp(rng.uniform(np.log(10), np.log(max(20, page.height / 5)))))
    ink, thick = random_contrast(rng, 0.06) * 0.6, int(rng.choice([1, 1, 1, 2, 3]))
    cover = np.zeros(page.pixels.shape, np.uint8)
    squared = rng.random() < 0.6
    for y in np.arange(rng.uniform(0, pitch), page.height, pitch):
        cv2.line(cover, (0, int(y)), (page.width, int(y)), (255,), thick, cv2.LINE_AA)
    if squared:
        for x in np.arange(rng.uniform(0, pitch), page.width, pitch):
            cv2.line(cover, (int(x), 0), (int(x), page.height), (255,), thick, cv2.LINE_AA)
    page.paste(cover, 0, 0, ink)

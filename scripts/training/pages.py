"""What people and presses put on a sheet: numbers in all the ways they stand on paper, and what is no number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.sources import strokes
from scripts.training import grounds, hands

Ids = NDArray[np.uint16]

_WORDS = [
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
_PRINT_LETTERS = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Sources:
    """What scenes are written with."""

    fonts: Sequence[Path]
    crops: Sequence[Sequence[Sequence[Grey]]] = ()
    """For each training set ten lists of digits as ink."""
    shares: Sequence[float] = ()
    """How often each set is taken."""
    characters: Sequence[Grey] = ()
    """Ink that is no digit."""


@dataclass(slots=True, eq=False)
class Page:
    """A sheet while it is written on."""

    rng: Generator
    sources: Sources
    pixels: grounds.Map
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
        """Put ink of a contrast of `ink` (0..1) down; its top left corner may lie outside."""
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

    def number(self, hand: hands.Hand, text: str, x: float, base: float, ink: float) -> float:
        """Write digits (other characters of SIGNS too); returns where the pen ends."""
        ids: list[int] = []
        drift = self.rng.normal(0, 0.02) * hand.height
        for char in text:
            mark = hand.mark(char)
            wander = self.rng.normal(0, 0.02) * hand.height if not isinstance(hand, hands.Printed) else 0.0
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
        mark = hands.inked(points, pen, 0.0, 0.0)
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


def contrast(rng: Generator, faint: float = 0.12) -> float:
    """How much darker than paper, from pencil to marker."""
    return float(np.clip(np.exp(rng.uniform(np.log(faint), 0.25)), faint, 0.95))


def some_hand(page: Page, height: float, printed: float = 0.3) -> hands.Hand:
    """Somebody, or some machine, that writes about `height` px high."""
    rng, sources = page.rng, page.sources
    if sources.fonts and rng.random() < printed:
        return hands.Printed(sources.fonts[rng.integers(len(sources.fonts))], height)
    if sources.crops and rng.random() < 0.7:
        shares = np.array(sources.shares) / sum(sources.shares)
        return hands.Cropped(rng, height, sources.crops[rng.choice(len(shares), p=shares)])
    return hands.Stroked(rng, height, max(1.0, height * float(np.exp(rng.uniform(np.log(0.03), np.log(0.2))))))


def digits(rng: Generator, most: int = 8) -> str:
    count = int(rng.integers(1, most + 1)) if rng.random() < 0.7 else int(rng.integers(1, 3))
    return "".join(DIGITS[i] for i in rng.integers(0, 10, min(count, most)))


def height_for(page: Page, least: float = 10, most: float = 0.25) -> float:
    """Of digits, px: small ones as often as large ones."""
    return float(np.exp(page.rng.uniform(np.log(least), np.log(max(least + 4, most * page.height)))))


def spread(page: Page, height: float, across: float) -> tuple[float, float]:
    """Left end and base line for something `across` wide, mostly within the page."""
    x = page.rng.uniform(-0.02 * page.width, max(1.0, page.width - across))
    return x, page.rng.uniform(height, max(height + 1, page.height - 0.1 * height))


def lone(page: Page) -> None:
    """One or a few large digits or numbers."""
    rng = page.rng
    ink = contrast(rng, 0.25)
    height = height_for(page, 40, 0.9)
    hand = some_hand(page, height, 0.2)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        text = digits(rng, max(1, min(8, int(page.width / height / 0.7))))
        page.number(hand, text, *spread(page, height, len(text) * 0.7 * height), ink)


def rows(page: Page) -> None:
    """Lines of numbers, or of single digits far apart."""
    rng = page.rng
    height, ink = height_for(page, 10, 0.2), contrast(rng)
    hand = some_hand(page, height)
    single, base = rng.random() < 0.3, height * rng.uniform(1.2, 3)
    while base < page.height - 0.2 * height:
        x = rng.uniform(0, 0.3) * page.width
        while x < page.width - 0.6 * height:
            text = digits(rng, 1 if single else max(1, min(8, int((page.width - x) / height))))
            if rng.random() < 0.08:
                text = text[:2] + str(rng.choice([".", ",", "-"])) + text[2:]
            x = page.number(hand, text, x, base + rng.normal(0, 0.1) * height, ink) + height * rng.uniform(0.8, 4)
            if rng.random() < 0.2:
                break
        base += height * rng.uniform(1.3, 3)


def expression(page: Page) -> None:
    """Sums with operators and brackets."""
    rng = page.rng
    height, ink = height_for(page, 16, 0.6), contrast(rng, 0.15)
    hand = some_hand(page, height, 0.15)
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
    operand = [digits(rng, 3)]
    if rng.random() < 0.35:
        operand = [str(rng.choice(["(", "["])), *operand, str(rng.choice(list("+-x/÷"))), digits(rng, 2)]
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
    ink, thin = contrast(rng, 0.15), int(rng.choice([1, 1, 1, 2, 2, 3]))
    thick = thin + int(rng.integers(1, 4)) if sudoku else thin
    for i in range(across + 1):
        page.rule(x + i * w, y, x + i * w, y + height, thick if i % 3 == 0 else thin, ink)
    for j in range(down + 1):
        page.rule(x, y + j * h, x + width, y + j * h, thick if j % 3 == 0 else thin, ink)
    if not with_digits:
        return
    size = min(h * rng.uniform(0.35, 0.85), 0.9 * w / 0.7)
    two = [(some_hand(page, size, 1.0), contrast(rng, 0.25)), (some_hand(page, size, 0.0), contrast(rng, 0.25))]
    kinds = rng.choice([0.0, 0.35, 0.5, 1.0])
    filled, off = rng.uniform(0.3, 1.0), rng.uniform(0.0, 0.15)
    for i in range(across):
        for j in range(down):
            if rng.random() > filled:
                continue
            hand, pen = two[int(rng.random() < kinds)]
            text = digits(rng, 1 if sudoku else max(1, int(w / size / 0.7)))
            left = x + (i + 0.5) * w - 0.3 * size * len(text) + rng.normal(0, off) * w
            page.number(hand, text, left, y + (j + 0.5) * h + 0.5 * size + rng.normal(0, off) * h, pen)


def form(page: Page) -> None:
    """Labels and boxes or combs with a digit in each."""
    rng = page.rng
    height = height_for(page, 14, 0.15)
    hand, ink, line = some_hand(page, height, 0.15), contrast(rng, 0.2), contrast(rng, 0.12)
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
            text = digits(rng, 1)
            page.number(hand, text, x + (i + rng.uniform(0.1, 0.3)) * pitch, base + rng.normal(0, 0.06) * height, ink)
        base += tall * rng.uniform(1.4, 3)


def cheque(page: Page) -> None:
    """An amount over a pattern of waves, in a running hand."""
    rng = page.rng
    waves(page)
    height = page.height * rng.uniform(0.25, 0.75)
    hand, ink = some_hand(page, height, 0.05), contrast(rng, 0.3)
    if isinstance(hand, hands.Cropped):
        hand._gap = rng.uniform(-0.3, 0.1)
    text = digits(rng)
    for mark in (".", ",", ":"):
        if rng.random() < 0.3:
            at = int(rng.integers(0, len(text) + 1))
            text = text[:at] + mark + text[at:]
    text += str(rng.choice(["", "", ".-", "-", "=", ".", ":"]))
    x = rng.uniform(0.0, 0.3) * page.width
    page.number(hand, text, x, page.height * rng.uniform(0.7, 0.95), ink)
    if rng.random() < 0.4:
        y = page.height * rng.uniform(0.7, 1.0)
        page.rule(0, y, page.width, y + rng.normal(0, 3), int(rng.integers(1, 4)), contrast(rng, 0.2))


def waves(page: Page) -> None:
    """Guilloche."""
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


def printed_words(page: Page, x: float, base: float, height: float, count: int) -> float:
    """Words of one font; numbers among them are numbers. Returns the right end."""
    rng = page.rng
    if not page.sources.fonts:
        return x
    hand = hands.Printed(page.sources.fonts[rng.integers(len(page.sources.fonts))], height)
    return words_by(page, hand, x, base, count, contrast(rng, 0.2), 0.0)


def words_by(page: Page, hand: hands.Printed, x: float, base: float, count: int, ink: float, numbers: float) -> float:
    rng = page.rng
    for _ in range(count):
        if rng.random() < numbers:
            x = page.number(hand, digits(rng, 5), x, base, ink)
        else:
            letters = "".join(_PRINT_LETTERS[i] for i in rng.integers(0, len(_PRINT_LETTERS), rng.integers(2, 10)))
            word = str(rng.choice(_WORDS)) if rng.random() < 0.3 else letters
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
    height = height_for(page, 9, 0.12)
    hand = hands.Printed(choice[rng.integers(len(choice))], height)
    ink, left = contrast(rng, 0.15), rng.uniform(-0.05, 0.5) * page.width
    base = height * rng.uniform(0.5, 4)
    while base < page.height + height:
        words_by(page, hand, left, base, int(rng.integers(1, 12)), ink, numbers)
        base += height * rng.uniform(1.4, 2.4)
        if rng.random() < 0.06:
            break


def characters(page: Page) -> None:
    """Handwritten letters and signs of no digit set, in rows or alone."""
    rng = page.rng
    height, ink = height_for(page, 12, 0.3), contrast(rng)
    signs = hands.Stroked(rng, height, max(1.0, height * rng.uniform(0.04, 0.15)))
    for _ in range(int(rng.integers(1, 5))):
        x, base = spread(page, height, 4 * height)
        for _ in range(int(rng.integers(1, 8))):
            if page.sources.characters and rng.random() < 0.7:
                ink_of = page.sources.characters[rng.integers(len(page.sources.characters))]
                cover = hands.resized(ink_of, height)
                page.paste(cover, x, base - height, ink)
                x += cover.shape[1] * rng.uniform(0.7, 1.3)
            else:
                x = page.number(signs, str(rng.choice(list("+x÷=()[]*<>√%✓"))), x, base, ink)


def doodles(page: Page) -> None:
    """Scribbles, arrows, rings, ticks, underlines, spots and holes."""
    rng = page.rng
    for _ in range(int(rng.integers(1, 6))):
        reach = height_for(page, 10, 0.5)
        x, y = rng.uniform(0, page.width), rng.uniform(0, page.height)
        pen, ink = max(1.0, reach * rng.uniform(0.01, 0.12)), contrast(rng)
        match rng.integers(6):
            case 0:  # scribble
                knots = np.array([x, y]) + rng.normal(0, reach / 2, (int(rng.integers(5, 14)), 2))
                page.lines([[(float(a), float(b)) for a, b in strokes._smooth(knots)]], pen, ink)
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
                grain = grounds.fractal(rng, (int(reach) + 2, int(reach * rng.uniform(0.6, 2)) + 2), reach / 2, 2)
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
        shape = shape + rng.uniform(0.2, 1.2) * grounds.fractal(rng, (h, w), reach / 2, 2)
        cover = np.asarray(np.clip(shape * 300, 0, 255), np.uint8)
        page.paste(cover, rng.uniform(0, page.width), rng.uniform(0, page.height), contrast(rng))


def ruled(page: Page) -> None:
    """Ruled or squared paper."""
    rng = page.rng
    pitch = float(np.exp(rng.uniform(np.log(10), np.log(max(20, page.height / 5)))))
    ink, thick = contrast(rng, 0.06) * 0.6, int(rng.choice([1, 1, 1, 2, 3]))
    cover = np.zeros(page.pixels.shape, np.uint8)
    squared = rng.random() < 0.6
    for y in np.arange(rng.uniform(0, pitch), page.height, pitch):
        cv2.line(cover, (0, int(y)), (page.width, int(y)), (255,), thick, cv2.LINE_AA)
    if squared:
        for x in np.arange(rng.uniform(0, pitch), page.width, pitch):
            cv2.line(cover, (int(x), 0), (int(x), page.height), (255,), thick, cv2.LINE_AA)
    page.paste(cover, 0, 0, ink)


def empty_table(page: Page) -> None:
    table(page, with_digits=False)


def plain_prose(page: Page) -> None:
    prose(page, numbers=0.0)


Maker = Callable[[Page], None]

WRITING: tuple[tuple[Maker, float], ...] = (
    (lone, 0.14),
    (rows, 0.24),
    (expression, 0.18),
    (table, 0.16),
    (form, 0.08),
    (cheque, 0.14),
    (prose, 0.10),
)
BESIDE: tuple[tuple[Maker, float], ...] = (
    (doodles, 0.32),
    (characters, 0.25),
    (spots, 0.15),
    (plain_prose, 0.18),
    (empty_table, 0.1),
)


def pick(rng: Generator, choices: Sequence[tuple[Maker, float]]) -> Maker:
    makers, shares = zip(*choices, strict=True)
    return makers[int(rng.choice(len(makers), p=np.array(shares) / sum(shares)))]  # type: ignore[no-any-return]


def blank(rng: Generator, sources: Sources, ground: grounds.Map) -> Page:
    light_ink = rng.random() < 0.15
    if light_ink:
        ground = np.float32(0.25) * ground
    return Page(rng, sources, ground.copy(), light_ink, np.zeros(ground.shape, np.uint16))

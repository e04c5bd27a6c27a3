"""Draws marks (digits, signs, letters, words) from traces, crops, fonts or strokes, and places them on a line.

Marks are light ink on black; digits are DIGIT_HEIGHT px high. A line stores the symbol and the ends of each mark: they
are needed later to find the marks that the border of a field cuts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.recognition.lines.field_decoder import OTHER, SIGNS
from scripts.training.lines.material import Material, Strokes, Trace
from scripts.training.scenes import writers
from scripts.training.strips.lines import crops_of_one_cheque, with_pen_width

DIGIT_HEIGHT = 56.0
"""Height of a digit while a line is written, px."""


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """Ink of one character, or of several that were written together."""

    cover: Grey
    """(h, w) uint8: how much ink each pixel has."""
    top: float
    """Top edge of the cover, px; negative above the base line."""
    text: str
    """Its symbols (field_decoder.SYMBOLS), evenly spaced over its width."""


Writer = Callable[[str], Mark | None]
"""Draws a digit or a sign; None where it cannot."""


@dataclass(slots=True)
class Line:
    """A line that is being written. Lengths in px."""

    height: float = DIGIT_HEIGHT
    cover: Grey = field(
        default_factory=lambda: np.zeros((round(3.4 * DIGIT_HEIGHT), round(8 * DIGIT_HEIGHT)), np.uint8)
    )
    symbols: list[tuple[str, float, float]] = field(default_factory=list)
    """Symbol, left and right end."""
    end: float = DIGIT_HEIGHT
    """Right end of the ink."""
    _right: NDArray[np.float32] = field(default_factory=lambda: np.full(round(3.4 * DIGIT_HEIGHT), -1e6, np.float32))

    @property
    def base(self) -> float:
        """y of the base line."""
        return 2.1 * DIGIT_HEIGHT

    def skip(self, by: float) -> None:
        """Leaves `by` px empty."""
        self.end += by
        self._right[:] = np.maximum(self._right, self.end - by) if by < 0 else self.end

    def add(self, mark: Mark, space: float, rise: float = 0.0, pitch: float | None = None) -> None:
        """Adds a mark `space` px from the ink before it, or with its middle at x = `pitch`.

        `rise`: px that it stands lower than usual.
        """
        cover, top = mark.cover, round(self.base + mark.top + rise)
        if top < 0:
            cover, top = cover[-top:], 0
        cover = cover[: max(0, len(self.cover) - top)]
        inked = cover > 90
        rows = np.flatnonzero(inked.any(axis=1))
        if len(rows) == 0:
            return
        first = inked[rows].argmax(axis=1)
        last = cover.shape[1] - 1 - inked[rows, ::-1].argmax(axis=1)
        if pitch is not None:
            x = pitch - (first.min() + last.max()) / 2
        else:
            left = np.full(len(self._right), 1e6, np.float32)
            left[top + rows] = first
            reach = 2 * round(0.12 * self.height) + 1
            near = np.asarray(cv2.erode(left[:, None], np.ones((reach, 1), np.uint8)))[:, 0]
            free = float((self._right - near).max())
            x = free + space if free > -1e5 else self.end + space
        at = max(0, round(x))
        width = at + cover.shape[1]
        if width > self.cover.shape[1]:
            more = np.zeros((len(self.cover), width - self.cover.shape[1] + round(6 * self.height)), np.uint8)
            self.cover = np.concatenate((self.cover, more), axis=1)
        window = self.cover[top : top + len(cover), at:width]
        np.maximum(window, cover, out=window)
        self._right[top + rows] = np.maximum(self._right[top + rows], at + last)
        start, stop = at + float(first.min()), at + float(last.max()) + 1
        self.end = max(self.end, stop)
        step = (stop - start) / max(1, len(mark.text))
        self.symbols += [(char, start + i * step, start + (i + 1) * step) for i, char in enumerate(mark.text)]

    def connect(self, rng: Generator, pen: float) -> None:
        """Connects the last two marks with a stroke, as if the pen was not lifted."""
        if len(self.symbols) < 2:
            return
        (_, a, b), (_, c, d) = self.symbols[-2:]
        level = self.base - self.height * rng.uniform(0.1, 0.9)
        start, stop = self._ink_near((a + b) / 2 + 0.3 * (b - a), level), self._ink_near((c + d) / 2, level)
        bend = (start + stop) / 2 + (0, rng.normal(0, 0.12) * self.height)
        t = np.linspace(0, 1, 9)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * stop
        points = np.rint(curve * 16).astype(np.int32)[:, None]
        cv2.polylines(self.cover, [points], False, (255,), max(1, round(pen)), cv2.LINE_AA, 4)

    def _ink_near(self, x: float, y: float) -> NDArray[np.float64]:
        reach = round(0.4 * self.height)
        left, top = max(0, round(x) - reach), max(0, round(y) - reach)
        ys, xs = np.nonzero(self.cover[top : round(y) + reach, left : round(x) + reach] > 128)
        if len(xs) == 0:
            return np.array([x, y])
        best = int(np.argmin((xs + left - x) ** 2 + (ys + top - y) ** 2))
        return np.array([xs[best] + left, ys[best] + top], np.float64)


def draw_strokes(strokes: Strokes, pen: float) -> tuple[Grey, float, float]:
    """The ink of strokes (px) by a pen `pen` px wide: the cover, and its left and top edge."""
    points = np.concatenate(strokes)
    margin = pen / 2 + 1.5
    left, top = (float(v) for v in points.min(axis=0) - margin)
    right, bottom = points.max(axis=0) + margin
    thick = max(1, round(pen))
    cover = np.zeros((max(1, int(bottom - top) + 2), max(1, int(right - left) + 2)), np.uint8)
    for stroke in strokes:
        line = np.rint((stroke - (left, top)) * 16).astype(np.int32)[:, None]
        if len(line) == 1:
            centre = int(line[0, 0, 0] / 16), int(line[0, 0, 1] / 16)
            cv2.circle(cover, centre, max(1, round(pen / 2)), (255,), -1, cv2.LINE_AA)
        else:
            cv2.polylines(cover, [line], False, (255,), thick, cv2.LINE_AA, 4)
    return cover, left, top


def transform(rng: Generator, strokes: Strokes, size: float, wide: float, slant: float, shake: float) -> Strokes:
    """Strokes of height 1 scaled to `size` px, stretched (`wide`), sheared (`slant`) and shaken; base line y = 0."""
    matrix = np.array([[wide, 0.0], [-slant, 1.0]], np.float32) * np.float32(size)
    out = []
    for stroke in strokes:
        moved = (stroke - np.array([0, 1], np.float32)) @ matrix
        if shake and len(moved) > 3:
            knots = rng.normal(0, shake * size, (max(2, len(moved) // 5), 2)).astype(np.float32)
            moved = moved + cv2.resize(knots, (2, len(moved)), interpolation=cv2.INTER_CUBIC)
        out.append(moved)
    return out


def trace_writer(rng: Generator, material: Material, pen: float) -> Writer:
    """A writer that repeats the traces of one person, with one slant and width."""
    names = list(material.traces)
    name = names[int(rng.choice(len(names), p=[0.66, 0.27, 0.07]))]
    people = material.traces[name] or material.traces["unipen_digits"]
    own = people[int(rng.integers(len(people)))]
    other = people[int(rng.integers(len(people)))]
    few = int(rng.choice([1, 2, 20]))
    slant, wide = float(rng.normal(0.05, 0.16)), float(np.exp(rng.normal(0, 0.2)))
    shake = float(rng.choice([0.0, 0.012, 0.025]))
    uneven = float(rng.uniform(0.01, 0.12))

    def write(char: str) -> Mark | None:
        samples = own.get(char) or other.get(char)
        if not samples:
            return None
        sample = samples[int(rng.integers(min(few, len(samples))))]
        size = DIGIT_HEIGHT * float(np.clip(rng.normal(1, uneven), 0.6, 1.4))
        strokes = transform(rng, unit_height(sample), size, wide, slant, shake)
        cover, _, top = draw_strokes(strokes, pen)
        return Mark(cover, top, char)

    return write


def unit_height(sample: Trace) -> Strokes:
    """The strokes scaled to height 1, and to at most 2.5 of width."""
    height = max(sample.height, 0.4 * max(float(stroke[:, 0].max()) for stroke in sample.strokes), 1.0)
    return [stroke / np.float32(height) for stroke in sample.strokes]


CROP_SETS = {
    "mnist_train": 0.25,
    "bhmsds_digits": 0.18,
    "lectaurep_fr": 0.22,
    "handwriting_fonts": 0.1,
    "hwd1000": 0.06,
    "testaments_fr": 0.09,
    "jokinen_fi": 0.03,
    "semeion": 0.02,
    "cheque": 0.25,
}
"""Share of lines with crops of each set; they are divided by their sum."""


def crop_writer(rng: Generator, material: Material, pen: float) -> Writer:
    """A writer that repeats a few crops of many people, with one slant, width and pen."""
    names = list(CROP_SETS)
    shares = np.array([CROP_SETS[name] for name in names])
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    if name == "cheque":
        inks: Sequence[Sequence[Grey]] = crops_of_one_cheque(rng, *material.cheque)
    else:
        few = int(rng.choice([1, 2, 50]))
        inks = [
            [own[i] for i in rng.integers(0, len(own), min(few, len(own)))] if own else []
            for own in material.crops[name]
        ]
    crops = writers.CropWriter(rng, DIGIT_HEIGHT, inks)
    crops._shear *= 0.6
    same_pen = rng.random() < 0.5

    def write(char: str) -> Mark | None:
        if char not in DIGITS or not len(inks[int(char)]):
            return None
        made = crops.mark(char)
        cover = np.asarray(cv2.threshold(made.cover, 60, 255, cv2.THRESH_TOZERO)[1], np.uint8)
        if same_pen:
            return Mark(with_pen_width(cover, pen), made.top - 4, char)
        return Mark(cover, made.top, char)

    return write


def font_writer(rng: Generator, material: Material) -> Writer:
    """A writer that prints with one font, sometimes with slashed zeros."""
    font = material.fonts[int(rng.integers(len(material.fonts)))]
    printer = writers.FontWriter(font, DIGIT_HEIGHT)
    slashed = rng.random() < 0.08

    def write(char: str) -> Mark | None:
        made = printer.mark(char)
        cover = made.cover
        if char == "0" and slashed and min(cover.shape) > 6:
            cover = cover.copy()
            h, w = cover.shape
            cv2.line(cover, (w // 5, h - h // 5), (w - w // 5, h // 5), (255,), max(1, w // 10), cv2.LINE_AA)
        return Mark(cover, made.top, char if char in DIGITS + SIGNS else OTHER)

    return write


def stroke_writer(rng: Generator, pen: float) -> Writer:
    """A writer with the strokes of edge_daemon.sources.simulated.handwriting."""
    strokes = writers.StrokeWriter(rng, DIGIT_HEIGHT, pen)

    def write(char: str) -> Mark | None:
        if char not in DIGITS and char not in writers.SIGNS:
            return None
        made = strokes.mark(char)
        return Mark(made.cover, made.top, char if char in DIGITS + SIGNS else OTHER)

    return write


def draw_sign(rng: Generator, material: Material, char: str, pen: float) -> Mark:
    """A sign at its usual height above the base line. A minus may be long, a point may be a short stroke."""
    label = char if char in SIGNS else OTHER
    known = material.signs.get(char)
    if char == "-":
        wide = DIGIT_HEIGHT * float(np.exp(rng.uniform(np.log(0.2), np.log(1.1))))
        lean, bow = rng.normal(0, 0.06) * wide, rng.normal(0, 0.04) * wide
        y = -DIGIT_HEIGHT * float(np.clip(rng.normal(0.5, 0.1), 0.25, 0.75))
        line = np.array([(0, y - lean), (wide / 2, y + bow), (wide, y + lean)], np.float32)
        cover, _, top = draw_strokes([line], pen)
        return Mark(cover, top, label)
    if char in ".:":
        size = max(pen, 2.0) * float(rng.uniform(0.8, 1.9))
        levels = (-0.02,) if char == "." else (-0.05, -float(rng.uniform(0.45, 0.75)))
        dots = []
        for level in levels:
            start = np.array([rng.normal(0, 0.02), level + rng.normal(0, 0.02)]) * DIGIT_HEIGHT
            more = rng.normal(0, 0.03, 2) * DIGIT_HEIGHT if rng.random() < 0.5 else np.array([0.5, 0.5])
            dots.append(np.array([start, start + more], np.float32))
        cover, _, top = draw_strokes(dots, size)
        return Mark(cover, top, label)
    if char == ",":
        long = DIGIT_HEIGHT * float(rng.uniform(0.14, 0.38))
        foot = rng.uniform(0.05, 0.28) * DIGIT_HEIGHT
        line = np.array(
            [(rng.uniform(0.1, 0.5) * long, foot - long), (0.35 * long, foot - 0.45 * long), (0, foot)], np.float32
        )
        cover, _, top = draw_strokes([line], pen * float(rng.uniform(0.9, 1.4)))
        return Mark(cover, top, label)
    if known and rng.random() < 0.6:
        sample = known[int(rng.integers(len(known)))]
        low = {"=": (0.35, 0.28), "'": (0.3, 0.7), '"': (0.3, 0.7), "+": (0.55, 0.2), "*": (0.45, 0.3)}
        size, foot = low.get(char, (float(rng.uniform(0.9, 1.2)), -0.05))
        strokes = transform(rng, unit_height(sample), DIGIT_HEIGHT * size, 1.0, 0.0, 0.01)
        cover, _, top = draw_strokes(strokes, pen)
        return Mark(cover, top - foot * DIGIT_HEIGHT, label)
    if char in writers.SIGNS:
        made = writers.StrokeWriter(rng, DIGIT_HEIGHT, pen).mark(char)
        return Mark(made.cover, made.top, label)
    made_printed = font_writer(rng, material)(char) if material.fonts else None
    return made_printed if made_printed is not None else draw_letter(rng, material, pen)


def draw_letter(rng: Generator, material: Material, pen: float) -> Mark:
    """A handwritten letter, or a character of another alphabet."""
    if rng.random() < 0.2 and material.characters:
        ink = material.characters[int(rng.integers(len(material.characters)))]
        cover = writers.resize(ink, DIGIT_HEIGHT * rng.uniform(0.6, 1.1))
        return Mark(cover, -float(len(cover)), OTHER)
    sample = material.letters[int(rng.integers(len(material.letters)))]
    size, foot = relative_height(sample.text)
    strokes = transform(
        rng, unit_height(sample), DIGIT_HEIGHT * size * rng.uniform(0.85, 1.15), 1.0, rng.normal(0.05, 0.1), 0.01
    )
    cover, _, top = draw_strokes(strokes, pen)
    return Mark(cover, top + foot * DIGIT_HEIGHT, OTHER)


def relative_height(text: str) -> tuple[float, float]:
    """Height of a letter or word, and its part below the base line, in digit heights."""
    hangs = any(char in "gjpqy" for char in text)
    rises = any(char.isupper() or char in "bdfhklt" for char in text)
    return 0.6 + 0.4 * rises + 0.35 * hangs, 0.35 * hangs


def draw_word(rng: Generator, material: Material, pen: float, text: bool = False) -> Mark:
    """A handwritten word; `text`: a line of words."""
    samples = material.lines if text else material.words
    sample = samples[int(rng.integers(len(samples)))]
    size, foot = relative_height(sample.text)
    size *= float(rng.uniform(0.7, 1.25))
    high = max(sample.height, 1.0)
    strokes = transform(
        rng, [s / np.float32(high) for s in sample.strokes], DIGIT_HEIGHT * size, 1.0, rng.normal(0, 0.08), 0.0
    )
    cover, _, top = draw_strokes(strokes, pen)
    return Mark(cover, top + foot * DIGIT_HEIGHT, OTHER)


def draw_doodle(rng: Generator, material: Material, pen: float) -> Mark:
    """A drawing that does not look like a digit."""
    sample = material.doodles[int(rng.integers(len(material.doodles)))]
    strokes = transform(rng, unit_height(sample), DIGIT_HEIGHT * rng.uniform(0.6, 1.4), 1.0, 0.0, 0.0)
    cover, _, top = draw_strokes(strokes, pen)
    return Mark(cover, top + DIGIT_HEIGHT * rng.uniform(-0.1, 0.2), OTHER)


def draw_string(rng: Generator, material: Material, pen: float) -> Mark:
    """Digits and signs that one person wrote together."""
    while True:
        sample = material.strings[int(rng.integers(len(material.strings)))]
        text = sample.text.replace(" ", "")
        if set(text) <= set(DIGITS + SIGNS) and len(text) <= 12:
            break
    high = max(sample.height, 1.0)
    lean, wide = float(rng.normal(0, 0.1)), float(np.exp(rng.normal(0, 0.12)))
    strokes = transform(
        rng, [s / np.float32(high) for s in sample.strokes], DIGIT_HEIGHT * rng.uniform(1, 1.2), wide, lean, 0.0
    )
    cover, _, top = draw_strokes(strokes, pen)
    return Mark(cover, top, text)


def stitched_digits(rng: Generator, material: Material, pen: float) -> Mark:
    """A part of a line on a cheque, stitched from crops."""
    part = material.stitched[int(rng.integers(len(material.stitched)))]
    by = DIGIT_HEIGHT * float(rng.normal(1.1, 0.06)) / len(part.cover)
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
    cover = np.asarray(cv2.resize(part.cover, None, fx=by, fy=by, interpolation=how), np.uint8)
    if rng.random() < 0.4:
        return Mark(with_pen_width(cover, pen), -float(len(cover)) - 4, part.text)
    return Mark(cover, -float(len(cover)), part.text)

"""Writes lines: a number with its signs, units and words, or writing without any digit."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import DIGITS
from edge_daemon.recognition.lines.field_decoder import OTHER
from scripts.training.lines import writing
from scripts.training.lines.material import Material
from scripts.training.lines.writing import DIGIT_HEIGHT, Line, Mark, Writer
from scripts.training.scenes import distractors

LENGTHS = (0.2, 0.16, 0.18, 0.16, 0.11, 0.07, 0.04, 0.03, 0.02, 0.01, 0.01, 0.01)
"""Share of numbers with 1, 2, ... digits."""
WRITERS = {"traced": 0.43, "cropped": 0.33, "printed": 0.16, "stroked": 0.08}
"""Share of lines by each kind of writer."""
PEN_WIDTHS = 0.035, 0.17
"""Least and greatest width of a pen, in digit heights."""
UNITS = (
    "kg",
    "m",
    "km",
    "EUR",
    "St",
    "pcs",
    "cm",
    "C",
    "ml",
    "V",
    "h",
    "min",
    "x",
    "Fr",
    "t",
    "No",
    "Nr",
    "mm",
    "k",
    "e",
)
"""Units and abbreviations that are printed beside numbers."""
OPERATORS = "=+x*%()#&?!<>$'"
"""Signs that are not part of a number."""


def random_digits(rng: Generator, longest: int = 12) -> str:
    """Uniform digits, an amount (small first digit, zeros at the end), recurring digits, many ones, or a year.

    Many begin with a one, as numbers that people write do.
    """
    shares = np.array(LENGTHS[:longest])
    count = 1 + int(rng.choice(len(shares), p=shares / shares.sum()))
    kind = rng.random()
    if kind < 0.5:
        found = rng.integers(0, 10, count).tolist()
    elif kind < 0.7:
        zeros = min(count - 1, int(rng.geometric(0.45)) - 1)
        found = [1 + int(9 * rng.random() ** 1.6), *rng.integers(0, 10, count - 1).tolist()]
        found[count - zeros :] = [0] * zeros
    elif kind < 0.88:
        found = rng.choice(rng.integers(0, 10, int(rng.integers(1, 4))), count).tolist()
    else:
        found = [1 if rng.random() < 0.5 else int(v) for v in rng.integers(0, 10, count)]
    if count == 4 and rng.random() < 0.4:
        found[:2] = [(1, 9), (1, 9), (1, 8), (2, 0)][int(rng.integers(4))]
    elif rng.random() < 0.22:
        found[0] = 1
    elif rng.random() < 0.1:
        found[-1] = 1
    return "".join(map(str, found))


def random_writer(rng: Generator, material: Material, pen: float) -> Writer:
    """One of WRITERS. `pen`: width, px."""
    name = list(WRITERS)[int(rng.choice(len(WRITERS), p=list(WRITERS.values())))]
    if name == "printed" and material.fonts:
        return writing.font_writer(rng, material)
    if name == "cropped":
        return writing.crop_writer(rng, material, pen)
    return writing.stroke_writer(rng, pen) if name == "stroked" else writing.trace_writer(rng, material, pen)


def random_pen(rng: Generator) -> float:
    """Width of a pen, px."""
    return max(1.6, DIGIT_HEIGHT * float(np.exp(rng.uniform(np.log(PEN_WIDTHS[0]), np.log(PEN_WIDTHS[1])))))


def random_gap(rng: Generator) -> float:
    """Distance between digits, px: some writers join digits, most do not, some write them far apart."""
    low, high = [(-0.2, 0.02), (0.0, 0.14), (0.06, 0.4), (0.35, 1.3)][int(rng.choice(4, p=[0.22, 0.38, 0.3, 0.1]))]
    return float(rng.uniform(low, high)) * DIGIT_HEIGHT


def make_mark(rng: Generator, material: Material, writer: Writer, char: str, pen: float) -> Mark:
    """A digit by `writer`, or by another where `writer` cannot; a sign by a pen."""
    if char not in DIGITS:
        return writing.draw_sign(rng, material, char, pen)
    made = writer(char)
    while made is None:
        made = writing.trace_writer(rng, material, pen)(char)
    return made


def number_line(rng: Generator, material: Material) -> Line:
    """A number, sometimes with a sign, a unit or a word behind it."""
    line, pen = Line(), random_pen(rng)
    kind = rng.random()
    if kind < 0.07 and material.strings:
        line.add(writing.draw_string(rng, material, pen), 0.0)
    elif kind < 0.22 and material.stitched:
        line.add(writing.stitched_digits(rng, material, pen), 0.0)
        if rng.random() < 0.3:
            line.add(writing.stitched_digits(rng, material, pen), rng.uniform(0.02, 0.25) * DIGIT_HEIGHT)
        if rng.random() < 0.4:
            add_ending(rng, material, line, pen)
        return line
    else:
        write_text(rng, material, line, add_signs(rng, random_digits(rng)), pen)
    if rng.random() < 0.2:
        add_companion(rng, material, line, pen)
    return line


def short_number(rng: Generator, material: Material) -> Line:
    """A number of one to three digits, and nothing else."""
    line = Line()
    write_text(rng, material, line, random_digits(rng, 3), random_pen(rng))
    return line


def add_signs(rng: Generator, text: str) -> str:
    """Adds signs: a minus in front, a point or comma inside, groups of thousands; or makes dates, times, fractions."""
    kind = rng.random()
    if kind < 0.12 and len(text) > 1:
        at = int(rng.integers(1, len(text)))
        text = text[:at] + str(rng.choice([".", ","])) + text[at:]
    elif kind < 0.17 and len(text) > 3:
        point = str(rng.choice([".", ",", "'", " "]))
        for at in range(len(text) - 3, 0, -3):
            text = text[:at] + point + text[at:]
    elif kind < 0.21:
        parts = [random_digits(rng, 2) for _ in range(int(rng.choice([2, 2, 3])))]
        text = str(rng.choice(["/", ":", "-", "."])).join(parts)
    elif kind < 0.24:
        text += str(rng.choice([".", ",", ":", "/"]))
    return "-" + text if rng.random() < 0.12 else text


def write_text(rng: Generator, material: Material, line: Line, text: str, pen: float) -> None:
    """Writes the text onto a line, by one writer."""
    writer, gap = random_writer(rng, material, pen), random_gap(rng)
    loose, wander = rng.uniform(0.01, 0.08) * DIGIT_HEIGHT, rng.uniform(0.005, 0.07) * DIGIT_HEIGHT
    drift, sizes = rng.normal(0, 0.01) * DIGIT_HEIGHT, relative_sizes(rng, text)
    joined = rng.uniform(0.2, 0.9) if rng.random() < 0.18 else 0.0
    raised = float(rng.uniform(0, 1)) if rng.random() < 0.5 else 0.0
    for i, char in enumerate(text):
        if char == " ":
            line.skip(rng.uniform(0.25, 0.5) * DIGIT_HEIGHT)
            continue
        made, size = make_mark(rng, material, writer, char, pen), float(sizes[i])
        if size != 1.0:
            made = scale_mark(made, size)
        rise = rng.normal(0, wander) + drift * i - raised * max(0.0, 1 - size) * DIGIT_HEIGHT
        if char == "-" and i == 0:
            line.add(made, 0.0)
            line.skip(float(np.exp(rng.uniform(np.log(0.05), np.log(2.5)))) * DIGIT_HEIGHT - gap)
        elif char in DIGITS:
            line.add(made, gap + rng.normal(0, loose), rise)
        else:
            line.add(made, rng.uniform(0.0, 0.25) * DIGIT_HEIGHT + max(0.0, 0.5 * gap), rise)
        if joined and i and char in DIGITS and text[i - 1] in DIGITS and rng.random() < joined:
            line.connect(rng, max(1.3, 0.8 * pen))


def relative_sizes(rng: Generator, text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Relative size of each mark: sometimes small zeros at the end, growing or shrinking lines, uneven digits."""
    sizes = np.ones(len(text))
    kind = rng.random()
    if kind < 0.1:
        small = rng.uniform(0.45, 0.85)
        for i in range(len(text) - 1, 0, -1):
            if text[i] in "123456789":
                break
            sizes[i] = small
    elif kind < 0.18:
        sizes *= np.linspace(1, rng.uniform(0.7, 1.15), len(text))
    elif kind < 0.35:
        sizes = np.clip(rng.normal(1, 0.12, len(text)), 0.65, 1.3)
    return sizes


def scale_mark(mark: Mark, by: float) -> Mark:
    """The mark `by` times as large."""
    size = max(1, round(mark.cover.shape[1] * by)), max(1, round(mark.cover.shape[0] * by))
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
    return Mark(np.asarray(cv2.resize(mark.cover, size, interpolation=how), np.uint8), mark.top * by, mark.text)


def add_ending(rng: Generator, material: Material, line: Line, pen: float) -> None:
    """Adds what people write behind an amount so that nobody can add digits."""
    for char in str(rng.choice(["-", ".-", "=", ".=", ",-", ".--", "--", "#", "*", "/", "."])):
        line.add(
            make_mark(rng, material, writing.stroke_writer(rng, pen), char, pen), rng.uniform(0.02, 0.3) * DIGIT_HEIGHT
        )


def add_companion(rng: Generator, material: Material, line: Line, pen: float) -> None:
    """Adds a unit, an operator or a word behind the number."""
    room = float(np.exp(rng.uniform(np.log(0.12), np.log(1.2)))) * DIGIT_HEIGHT
    if rng.random() < 0.45:
        add_printed(rng, material, line, str(rng.choice(UNITS)), room)
    elif rng.random() < 0.5:
        line.add(writing.draw_sign(rng, material, str(rng.choice(list(OPERATORS))), pen), room)
    else:
        line.add(writing.draw_word(rng, material, pen), room)


def add_printed(rng: Generator, material: Material, line: Line, text: str, room: float) -> None:
    """Adds printed text as OTHER, `room` px behind the line; nothing without fonts."""
    made = writing.font_writer(rng, material)(text) if material.fonts else None
    if made is not None:
        line.add(Mark(made.cover, made.top, OTHER), room)


def number_after_text(rng: Generator, material: Material) -> Line:
    """A word, a letter, a sign or a printed label, then a number."""
    line, pen = Line(), random_pen(rng)
    kind = rng.random()
    if kind < 0.35:
        add_printed(
            rng, material, line, str(rng.choice([*distractors.WORDS, *UNITS])) + str(rng.choice(["", ":", "."])), 0.0
        )
    elif kind < 0.6:
        line.add(writing.draw_word(rng, material, pen), 0.0)
    elif kind < 0.75:
        line.add(writing.draw_letter(rng, material, pen), 0.0)
    else:
        line.add(writing.draw_sign(rng, material, str(rng.choice(list(OPERATORS))), pen), 0.0)
    line.skip(float(np.exp(rng.uniform(np.log(0.15), np.log(1.5)))) * DIGIT_HEIGHT)
    write_text(rng, material, line, add_signs(rng, random_digits(rng, 6)), pen)
    if rng.random() < 0.2:
        add_companion(rng, material, line, pen)
    return line


def line_without_digits(rng: Generator, material: Material) -> Line:
    """Writing without digits: words, text, letters, operators, doodles, print."""
    line, pen = Line(), random_pen(rng)
    kind = rng.random()
    if kind < 0.33:
        line.add(writing.draw_word(rng, material, pen, text=True), 0.0)
    elif kind < 0.6:
        for _ in range(int(rng.integers(1, 5))):
            line.add(writing.draw_word(rng, material, pen), rng.uniform(0.15, 0.6) * DIGIT_HEIGHT)
    elif kind < 0.72:
        count = int(rng.integers(1, 7))
        for _ in range(count):
            line.add(writing.draw_letter(rng, material, pen), rng.uniform(0.02, 0.5) * DIGIT_HEIGHT)
    elif kind < 0.8:
        for _ in range(int(rng.integers(1, 4))):
            char = str(rng.choice(list(OPERATORS)))
            line.add(writing.draw_sign(rng, material, char, pen), rng.uniform(0.1, 0.6) * DIGIT_HEIGHT)
    elif kind < 0.88 and material.doodles:
        line.add(writing.draw_doodle(rng, material, pen), 0.0)
    else:
        for _ in range(int(rng.integers(1, 4))):
            letters = "".join(distractors.PRINT_LETTERS[i] for i in rng.integers(0, 52, int(rng.integers(2, 10))))
            text = str(rng.choice(distractors.WORDS)) if rng.random() < 0.5 else letters
            add_printed(rng, material, line, text, rng.uniform(0.2, 0.6) * DIGIT_HEIGHT)
    return line


def number_in_cells(rng: Generator, material: Material) -> tuple[Line, list[float]]:
    """A number with each digit in a cell of its own, and the x of the edges of the cells; some cells may be empty."""
    line, pen = Line(), random_pen(rng)
    writer = random_writer(rng, material, pen)
    text = random_digits(rng)
    cell = float(np.exp(rng.uniform(np.log(0.75), np.log(2.0)))) * DIGIT_HEIGHT
    loose, wander = rng.uniform(0.01, 0.09) * cell, rng.uniform(0.01, 0.08) * DIGIT_HEIGHT
    empty = [int(v) for v in rng.choice([0, 0, 0, 1, 2], 2)]
    start = 1.2 * DIGIT_HEIGHT
    size = min(1.0, float(rng.uniform(0.75, 1.1)) * cell / (0.8 * DIGIT_HEIGHT))
    for i, char in enumerate(text):
        made = scale_mark(make_mark(rng, material, writer, char, pen), size)
        at = start + (empty[0] + i + 0.5) * cell + rng.normal(0, loose)
        line.add(made, 0.0, rng.normal(0, wander) - 0.5 * (1 - size) * DIGIT_HEIGHT, pitch=at)
    edges = [start + i * cell for i in range(empty[0] + len(text) + empty[1] + 1)]
    return line, edges

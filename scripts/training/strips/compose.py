"""Composes training strips: a written or printed line, on a background, photographed, cut as the daemon cuts it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Box, Grey
from edge_daemon.images import MIN_HEIGHT
from edge_daemon.recognition.ink import contrast
from edge_daemon.recognition.lines.line_recognizer import SQUEEZE, WIDTH, cut_strip
from edge_daemon.sources.simulated import handwriting
from scripts.training.scenes import backgrounds, distractors, writers
from scripts.training.strips.backgrounds import place_on_background
from scripts.training.strips.lines import InkLine, LineBuilder, LineWriter, draw_sign, scale_mark, with_pen_width
from scripts.training.strips.sources import CROP_SETS, Sources

LENGTHS = (0.09, 0.10, 0.14, 0.18, 0.16, 0.12, 0.07, 0.05, 0.03, 0.03, 0.015, 0.015)
"""How often a number has 1, 2, ... digits."""
EMPTY = 0.12
"""Share of strips without any digit."""
STROKED, PRINTED = 0.15, 0.14
"""Shares of lines drawn with our own strokes (besides CROP_SETS), and of printed lines."""
STITCHED = 0.2
"""Share of numbers made of stitched lines."""
NEIGHBOURS = 0.2
"""Share of strips into which other writing reaches."""
PUNCTUATION = ".,-=*+:()x÷%"
"""Signs that are no digits. No slash: some writers write a 1 like that."""
SUFFIXES = ("-", ".-", "=", ".", ",", ".=", "_", "_", "._", "--", ",-", ".--", "*", ":", "%", "#", "+")
"""Signs behind a number."""


def compose_strip(rng: Generator, source: Sources) -> tuple[Grey, str]:
    """One strip (HEIGHT, WIDTH) and its digits."""
    while True:
        written = line_without_digits(rng, source) if rng.random() < EMPTY else number_line(rng, source)
        picture, box = photograph_line(rng, source, written)
        found = cut_strip(contrast(picture), box) if min(picture.shape) >= MIN_HEIGHT else None
        if found is not None:
            return found, written.text


def number_line(rng: Generator, source: Sources) -> InkLine:
    """A number with its punctuation, written or printed."""
    height = float(rng.uniform(22, 46))
    if source.stitched and rng.random() < STITCHED:
        return distort(rng, stitched_line(rng, source, height), 0.1, 1.5)
    text = add_punctuation(rng, random_digits(rng))
    if rng.random() < PRINTED:
        return distort(rng, printed_line(rng, source, text, height), 0.05, 0.8)
    return distort(rng, handwritten_line(rng, source, text, height), 0.2, 1.8)


def random_digits(rng: Generator) -> str:
    """Uniform digits, or an amount (small first digit, zeros at the end), or a few recurring digits."""
    count = 1 + int(rng.choice(len(LENGTHS), p=np.array(LENGTHS) / sum(LENGTHS)))
    kind = rng.random()
    if kind < 0.5:
        found = list(rng.integers(0, 10, count))
    elif kind < 0.8:
        found = [1 + int(9 * rng.random() ** 1.6), *rng.integers(0, 10, count - 1)]
        zeros = min(count - 1, int(rng.geometric(0.4)) - 1)
        found[count - zeros :] = [0] * zeros
    else:
        few = rng.integers(0, 10, int(rng.integers(1, 4)))
        found = list(rng.choice(few, count))
    return "".join(map(str, found))


def add_punctuation(rng: Generator, text: str) -> str:
    """Adds signs between, before and behind the digits."""
    if rng.random() < 0.3 and len(text) > 3:  # thousands
        point = str(rng.choice(list(".,' :")))
        for at in range(len(text) - 3, 0, -3):
            text = text[:at] + point + text[at:]
    elif rng.random() < 0.25:
        at = int(rng.integers(0, len(text) + 1))
        text = text[:at] + str(rng.choice(list(PUNCTUATION))) + text[at:]
    if rng.random() < 0.35:
        text += str(rng.choice(SUFFIXES))
    if rng.random() < 0.1:
        text = str(rng.choice(["$", "*", "#", "-", "=", "(", "$ ", "x", "+"])) + text
    return text


def handwritten_line(rng: Generator, source: Sources, text: str, height: float) -> InkLine:
    """A line by one writer: the distance between marks is typical of that writer."""
    pen = max(1.3, height * float(np.exp(rng.uniform(np.log(0.04), np.log(0.19)))))
    total = sum(CROP_SETS.values()) + STROKED
    own = rng.random() < STROKED / total
    hand: writers.Writer = writers.StrokeWriter(rng, height, pen) if own else LineWriter(rng, source, height)
    gap = rng.uniform(*[(-0.22, 0.02), (0.0, 0.12), (0.05, 0.35), (0.3, 1.0)][rng.choice(4, p=[0.3, 0.32, 0.28, 0.1])])
    loose, wander, drift = rng.uniform(0.01, 0.08), rng.uniform(0.01, 0.08), rng.normal(0, 0.015)
    sizes = relative_sizes(rng, text)
    raised = float(rng.uniform(0, 1)) if rng.random() < 0.5 else 0.0  # small zeros stand, or hang
    line = LineBuilder(height, len(text))
    joined = rng.uniform(0.2, 0.9) if rng.random() < 0.3 else 0.0
    for i, char in enumerate(text):
        if char == " ":
            line.skip(0.4 * height)
            continue
        mark = make_mark(rng, source, hand, char, pen)
        if sizes[i] != 1.0:
            mark = scale_mark(mark, float(sizes[i]))
        rise = (rng.normal(0, wander) + drift * i - raised * max(0.0, 1 - float(sizes[i]))) * height
        space = gap + rng.normal(0, loose) if char in DIGITS else rng.uniform(-0.02, 0.2)
        line.add(mark, rise, space * height)
        if joined and char in DIGITS and rng.random() < joined:
            line.join(rng, pen if own else max(1.3, 0.7 * pen))
    return line.written(text)


def stitched_line(rng: Generator, source: Sources, height: float) -> InkLine:
    """One stitched line, or two that were near each other; sometimes with signs behind."""
    first = int(rng.integers(len(source.stitched)))
    near = int(np.clip(first + rng.choice([-2, -1, 1, 2]), 0, len(source.stitched) - 1))
    parts = [source.stitched[first]]
    if rng.random() < 0.35 and len(parts[0].text) + len(source.stitched[near].text) <= len(LENGTHS):
        parts.append(source.stitched[near])
    pen = height * float(np.exp(rng.uniform(np.log(0.045), np.log(0.17))))
    penned_anew, text = rng.random() < 0.5, ""
    line = LineBuilder(height, 2 * sum(len(part.text) for part in parts))
    for part in parts:
        by = height * float(rng.normal(1.05, 0.06)) / part.cover.shape[0]
        mark = scale_mark(writers.Mark(part.cover, 0, -part.cover.shape[0], 0), by)
        if penned_anew:
            mark = writers.Mark(with_pen_width(mark.cover, pen), mark.left, mark.top - 4, mark.advance)
        line.add(mark, rng.normal(0, 0.04) * height, rng.uniform(0.02, 0.2) * height)
        text += part.text
    signs = writers.StrokeWriter(rng, height, pen)
    for sign in str(rng.choice(SUFFIXES)) if rng.random() < 0.35 else "":
        line.add(
            make_mark(rng, source, signs, sign, pen), rng.normal(0, 0.04) * height, rng.uniform(0.0, 0.25) * height
        )
    return line.written(text)


def make_mark(rng: Generator, source: Sources, hand: writers.Writer, char: str, pen: float) -> writers.Mark:
    """A digit or sign by `hand`, or by draw_sign where `hand` cannot."""
    return draw_sign(rng, source, char, hand.height, pen) if char in "$#'_" else hand.mark(char)


def relative_sizes(rng: Generator, text: str) -> NDArray[np.float64]:
    """Relative size of each mark: sometimes small zeros at the end, sometimes growing or shrinking lines."""
    sizes = np.ones(len(text))
    kind = rng.random()
    if kind < 0.18:
        small = rng.uniform(0.4, 0.85)
        for i in range(len(text) - 1, 0, -1):
            if text[i] in "123456789":
                break
            sizes[i] = small
    elif kind < 0.3:
        sizes *= np.linspace(1, rng.uniform(0.65, 1.15), len(text))
    elif kind < 0.5:
        sizes = np.clip(rng.normal(1, 0.12, len(text)), 0.6, 1.3)
    return sizes


def printed_line(rng: Generator, source: Sources, text: str, height: float) -> InkLine:
    """A printed line."""
    if not source.fonts:
        return handwritten_line(rng, source, text, height)
    hand = writers.FontWriter(source.fonts[rng.integers(len(source.fonts))], height)
    if rng.random() < 0.4:
        text = str(rng.choice([" ", "\u2009"])).join(text)
    cover = hand.mark(text).cover
    edge = int(0.4 * height)
    cover = cv2.copyMakeBorder(cover, edge, edge, edge, edge, cv2.BORDER_CONSTANT).astype(np.uint8)
    box = cv2.boundingRect((cover > 90).view(np.uint8))
    return InkLine(cover, "".join(c for c in text if c in DIGITS), height, tuple(box))  # type: ignore[arg-type]


def line_without_digits(rng: Generator, source: Sources) -> InkLine:
    """A line without any digit: empty, letters, signs or scribbles."""
    height = float(rng.uniform(22, 46))
    kind = int(rng.choice(5, p=[0.2, 0.3, 0.2, 0.15, 0.15]))
    line = LineBuilder(height, 10)
    if kind == 1 and source.fonts:
        count = int(rng.integers(1, 9))
        word = "".join(distractors.PRINT_LETTERS[i] for i in rng.integers(0, len(distractors.PRINT_LETTERS), count))
        word = str(rng.choice(distractors.WORDS)) if rng.random() < 0.4 else word
        if len(word) > 2:
            return distort(rng, printed_line(rng, source, word, height * rng.uniform(0.7, 1)), 0.1, 1.0)
    if kind == 2:
        for i in rng.integers(0, len(source.characters), int(rng.integers(2, 6))):
            cover = writers.resize(source.characters[i], height)
            line.add(writers.Mark(cover, 0, -height, 0), 0.0, height * rng.uniform(0, 0.3))
    if kind == 3:
        signs = writers.StrokeWriter(rng, height, max(1.3, height * rng.uniform(0.04, 0.16)))
        for _ in range(int(rng.integers(1, 4))):
            line.add(signs.mark(str(rng.choice(list("+-x÷=*.,:<>√%✓)[")))), 0.0, height * rng.uniform(0.1, 0.8))
    if kind == 4:
        knots = np.cumsum(rng.normal(0, 0.4 * height, (int(rng.integers(5, 16)), 2)), axis=0)
        knots = np.column_stack((knots[:, 0], 0.5 * height + 0.6 * (knots[:, 1] - knots[:, 1].mean())))
        knots[:, 1] = np.clip(knots[:, 1], -0.5 * height, 1.4 * height)
        knots[:, 0] = np.clip(knots[:, 0] - knots[:, 0].min(), 0, 8 * height)
        line.add(
            writers.draw_mark([handwriting._smooth(knots).astype(np.float32)], rng.uniform(1.3, 6), height, 0), 0.0, 0.0
        )
    made = line.written("")
    if made.box[2] < 0.2 * height or made.box[3] < 4:
        wide = int(height * np.exp(rng.uniform(-0.3, 1.8)))
        made = InkLine(made.cover, "", height, (int(0.5 * height), int(0.9 * height), wide, int(height)))
    return distort(rng, made, 0.2, 1.8)


def distort(rng: Generator, made: InkLine, shear: float, turn: float) -> InkLine:
    """The line sheared, rotated (sd `turn` degrees) and stretched; cropped with margins of 0.8 heights."""
    x, y, w, h = made.box
    lean, angle = rng.normal(0.06, shear) if shear > 0.1 else rng.normal(0, shear), np.radians(rng.normal(0, turn))
    wide = float(np.exp(rng.normal(0, 0.14)))
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array(
        [[wide, -lean], [0.0, 1.0]]
    )
    corners = np.array([(x, y), (x + w, y), (x, y + h), (x + w, y + h)], np.float64) @ matrix.T
    margin = 0.8 * made.height
    corner = corners.min(axis=0) - margin
    size = np.ceil(corners.max(axis=0) + margin - corner).astype(int)
    cover = np.asarray(cv2.warpAffine(made.cover, np.column_stack((matrix, -corner)), size.tolist()), np.uint8)
    box = cv2.boundingRect((cover > 90).view(np.uint8)) if made.text else None
    if box is None or box[2] == 0:
        box = (int(margin), int(margin), int(size[0] - 2 * margin), int(size[1] - 2 * margin))
    return InkLine(cover, made.text, made.height, tuple(box))  # type: ignore[arg-type]


def photograph_line(rng: Generator, source: Sources, made: InkLine) -> tuple[Grey, Box]:
    """A picture of the line on a background, and the box that a segmenter or a person would draw around it."""
    box = random_box(rng, made)
    if rng.random() < NEIGHBOURS:
        made = add_neighbours(rng, source, made, box)
    x, y, w, h = box
    if rng.random() < 0.6:  # nothing but the box, as on a cropped picture
        left, top, right, bottom = max(0, x), max(0, y), x + w, y + h
        made = InkLine(made.cover[top:bottom, left:right], made.text, made.height, made.box)
        box = (x - left, y - top, w, h)
    page = place_on_background(rng, made.cover, made.height, made.box[1] + made.box[3] - (y if box[1] != y else 0))
    if rng.random() < 0.3:  # falling light, soft shade
        page = page * np.clip(1 + np.float32(rng.uniform(0, 0.4)) * backgrounds.noise(rng, page.shape, 200), 0.3, None)  # type: ignore[arg-type]
    picture = backgrounds.photograph(rng, page)
    if rng.random() < 0.45:
        by = rng.uniform(11, 30) / made.height
        if by < 1:
            picture = np.asarray(cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA), np.uint8)
            box = tuple(round(v * by) for v in box)  # type: ignore[assignment]
    return picture, box


def add_neighbours(rng: Generator, source: Sources, made: InkLine, box: Box) -> InkLine:
    """Adds parts of other writing above, below, before or behind that reach into `box`; too little to be read."""
    cover = made.cover.copy()
    x, y, w, h = box
    height = made.height
    for _ in range(int(rng.choice([1, 1, 2]))):
        text = "".join(map(str, rng.integers(0, 10, int(rng.integers(1, 6)))))
        ink = handwritten_line(rng, source, text, height * rng.uniform(0.8, 1.1))
        left, top, wide, tall = ink.box
        draw_sign = ink.cover[top : top + tall, left : left + wide]
        seen = rng.uniform(0.06, 0.28)
        side = int(rng.choice(4, p=[0.25, 0.25, 0.2, 0.3]))
        gap = rng.uniform(0.08, 0.3) * height
        if side < 2:  # above, below: it comes near, but does not cross what is written
            place = x + int(rng.uniform(-0.5, 0.9) * w)
            if side == 0:
                at = place, int(min(y + seen * height, made.box[1] - gap) - tall)
            else:
                at = place, int(max(y + h - seen * height, made.box[1] + made.box[3] + gap))
        elif side == 2:
            at = int(min(x + seen * height, made.box[0] - gap) - wide), y + int(rng.normal(0.1, 0.1) * height)
        else:
            right = made.box[0] + made.box[2] + gap
            at = int(max(x + w - seen * height, right)), y + int(rng.normal(0.1, 0.1) * height)
        paste(cover, draw_sign, at)
    return InkLine(cover, made.text, made.height, made.box)


def paste(cover: Grey, mark: Grey, at: tuple[int, int]) -> None:
    """Draws `mark` with its corner at (x, y) onto `cover`, in place, clipped to it."""
    x, y = at
    left, top = max(0, x), max(0, y)
    right, bottom = min(cover.shape[1], x + mark.shape[1]), min(cover.shape[0], y + mark.shape[0])
    if left < right and top < bottom:
        window = cover[top:bottom, left:right]
        np.maximum(window, mark[top - y : bottom - y, left - x : right - x], out=window)


def random_box(rng: Generator, made: InkLine) -> Box:
    """A random box around the writing: tight to generous, sometimes into the ink; not longer than a strip may be."""
    x, y, w, h = made.box
    reach = float(rng.choice([0.02, 0.08, 0.2, 0.45]))
    above, below = rng.uniform(-0.04, reach, 2) * made.height
    before, behind = rng.uniform(-0.04, 1.6 * reach, 2) * made.height
    tall = max(h + above + below, (w + before + behind) / (WIDTH * SQUEEZE / 32) + 1)
    return round(x - before), round(y - above), round(w + before + behind), round(tall)

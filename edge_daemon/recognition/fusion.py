"""Fuses what glyphs and the line network read: two numbers with an overlooked digit between them, and whole lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_daemon.domain import Box, Candidate, Digit, Grey, Number
from edge_daemon.geometry import bounding_box
from edge_daemon.images import MIN_HEIGHT, shrink
from edge_daemon.recognition.ink import contrast
from edge_daemon.recognition.lines.line_recognizer import HEIGHT, LineRecognizer, cut_strip

GLYPH_SLOPE = 0.7
"""Factor on the log odds of the glyphs. Glyphs and strip show the same ink, so neither counts in full."""
STRIP_SLOPE = 0.3
"""Factor on the log odds of the strip."""
GLYPH_FLOOR = 0.01
"""Probability of a text that is not among the candidates of the glyphs."""
STRIP_FLOOR = 0.1
"""The same for the strip: it misses a digit more easily than glyphs that were read with certainty."""
MAX_GAP = 2.0
"""Gap between two numbers that may be one, at most, in heights of the higher."""
MAX_WHOLE = 0.9
"""Two numbers may be one only if the ink between them was taken for no digit with less than this probability."""
AROUND = 1.0
"""Paper cut out around a number, in heights of the number: it shows how bright the paper is."""
MARGIN = 0.2
"""Space around the number in its strip, in heights of the number."""


def merge_gaps(pixels: Grey, numbers: Sequence[Number], recognizer: LineRecognizer) -> list[Number]:
    """`numbers` in reading order, boxes in `pixels`; two with an overlooked digit between them become one."""
    found: list[Number] = []
    for number in numbers:
        merged = None
        if found and may_be_split(found[-1], number):
            strip = cut_number_strip(pixels, bounding_box([found[-1].box, number.box]))
            if strip is not None:
                merged = merge_split_number(found[-1], number, recognizer.read_strips([strip])[0])
        if merged:
            found[-1] = merged
        else:
            found.append(number)
    return found


def cut_number_strip(picture: Grey, box: Box) -> Grey | None:
    """The number in `box` of the picture as a strip, see line_recognizer.cut_strip; None where it cannot be one."""
    x, y, w, h = box
    left, top = max(0, round(x - AROUND * h)), max(0, round(y - AROUND * h))
    near = picture[top : round(y + (1 + AROUND) * h), left : round(x + w + AROUND * h)]
    scale = min(1.0, 2 * HEIGHT / h)
    near = shrink(near, round(scale * max(near.shape)))
    if min(near.shape) < MIN_HEIGHT:
        return None
    space = MARGIN * h
    inner = x - left - space, y - top - space, w + 2 * space, h + 2 * space
    return cut_strip(contrast(near), tuple(round(v * scale) for v in inner))  # type: ignore[arg-type]


def may_be_split(left: Number, right: Number) -> bool:
    """Whether `right`, the next number, may continue `left`, with a digit between them that was taken for none."""
    (x, y, w, h), (x2, y2, _, h2) = left.box, right.box
    on_one_line = min(y + h, y2 + h2) - max(y, y2) > 0.5 * min(h, h2)
    return max(left.whole, right.whole) < MAX_WHOLE and on_one_line and 0 < x2 - (x + w) < MAX_GAP * max(h, h2)


def merge_split_number(left: Number, right: Number, texts: Sequence[Candidate]) -> Number | None:
    """The one number that `left` and `right` are with one more digit between them.

    None where the strip over both does not hold that text, or where it does not outweigh the glyphs.
    """
    chances = dict(texts)
    joined, between = left.text + right.text, max(left.whole, right.whole)
    longer = (text for text in chances if len(text) == len(joined) + 1)
    text = next((t for t in longer if t.startswith(left.text) and t.endswith(right.text)), "")
    if not text:
        return None
    by_strip = chances[text] / (chances[text] + max(chances.get(joined, 0.0), GLYPH_FLOOR))
    by_glyphs = (1 - between) * math.prod(min(1.0, n.confidence / n.whole) for n in (left, right))
    likelihood = both(odds(by_glyphs, GLYPH_FLOOR), odds(by_strip, STRIP_FLOOR))
    if likelihood <= 0.5:
        return None
    box, edge = bounding_box([left.box, right.box]), left.box[0] + left.box[2]
    lost = Digit(((text[len(left.text)], round(by_strip, 4)),), (edge, box[1], right.box[0] - edge, box[3]))
    whole = min(1.0, left.whole * right.whole / between**2)
    return Number(box, ((text, round(likelihood * whole, 4)),), (*left.digits, lost, *right.digits), whole)


def combine(line: Number, glyphs: Sequence[Number]) -> Number:
    """The number read as one line, with higher confidence where the glyphs found there spell the same text."""
    text, confidence = line.candidates[0]
    if "".join(number.text for number in glyphs) != text:
        return line
    either = 1 - (1 - confidence) * (1 - math.prod(number.confidence for number in glyphs))
    others = tuple((other, share * (1 - either) / max(1 - confidence, 1e-6)) for other, share in line.candidates[1:])
    digits = tuple(digit for number in glyphs for digit in number.digits)
    return Number(line.box, ((text, round(either, 4)), *others), digits)


def odds(probability: float, least: float) -> float:
    """The log odds of a probability; of one below `least`, those of `least`."""
    probability = min(max(probability, least), 1 - 1e-6)
    return math.log(probability / (1 - probability))


def both(glyphs: float, strip: float) -> float:
    """The probability of a text from its log odds by the glyphs and by the strip."""
    return 1 / (1 + math.exp(-(GLYPH_SLOPE * glyphs + STRIP_SLOPE * strip)))

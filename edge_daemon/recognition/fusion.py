"""What the glyphs of a number and the strip that it stands on say together: both err, but seldom in the same way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edge_daemon.domain import Box, Candidate, Digit, Grey, Number
from edge_daemon.geometry import bounding_box
from edge_daemon.images import MIN_HEIGHT, shrink
from edge_daemon.recognition.ink import contrast
from edge_daemon.recognition.line_recognizer import HEIGHT, cut

GLYPHS, STRIP = 0.7, 0.3
"""Slopes on the log odds of either: they look at the same ink, and their words do not count in full. (By photos.)"""
UNSEEN, UNHEARD = 0.01, 0.1
"""Of a text that the glyphs, or the strip, did not think of: its chance. A strip misses a digit more easily than glyphs
that were read surely one by one."""
BETWEEN, DOUBTFUL = 2.0, 0.9
"""Of two numbers that may be one: heights of the higher between them at most, and how surely at most what stands there
was called no digit."""
AROUND, MARGIN = 1.0, 0.2
"""Heights of the number: of paper around it, so that it is known what paper looks like; and around the strip."""


def strip_of(picture: Grey, box: Box) -> Grey | None:
    """The strip of a number in `box` of the picture, as strips.cut makes it; None where there can be none."""
    x, y, w, h = box
    left, top = max(0, round(x - AROUND * h)), max(0, round(y - AROUND * h))
    near = picture[top : round(y + (1 + AROUND) * h), left : round(x + w + AROUND * h)]
    scale = min(1.0, 2 * HEIGHT / h)
    near = shrink(near, round(scale * max(near.shape)))
    if min(near.shape) < MIN_HEIGHT:
        return None
    space = MARGIN * h
    inner = x - left - space, y - top - space, w + 2 * space, h + 2 * space
    return cut(contrast(near), tuple(round(v * scale) for v in inner))  # type: ignore[arg-type]


def jointly(number: Number, spelled: Sequence[Candidate]) -> Number:
    """`number`, as its glyphs spell it, weighed with what its strip spells: of the texts of its length the three
    likeliest by both. The strip holds nothing beside the number, and so cannot know that it is whole."""
    glyphs, strip = dict(number.candidates), dict(spelled)
    texts = (text for text in {*glyphs, *strip} if len(text) == len(number.text))
    likely = {
        text: chance(GLYPHS * odds(glyphs.get(text, 0), UNSEEN) + STRIP * odds(spelled_as(text, strip), UNHEARD))
        for text in texts
    }
    best = sorted(likely.items(), key=lambda candidate: -candidate[1])[:3]
    share = min(1 / max(1.0, sum(likely.values())), max(number.whole, number.confidence) / best[0][1])
    return replace(number, candidates=tuple((text, round(share * likelihood, 4)) for text, likelihood in best))


def may_be_one(left: Number, right: Number) -> bool:
    """Whether `right`, the next number that was found, may go on where `left` ends: with a digit between them that was
    called none, and not surely."""
    (x, y, w, h), (x2, y2, _, h2) = left.box, right.box
    on_one_line = min(y + h, y2 + h2) - max(y, y2) > 0.5 * min(h, h2)
    return max(left.whole, right.whole) < DOUBTFUL and on_one_line and 0 < x2 - (x + w) < BETWEEN * max(h, h2)


def rejoined(left: Number, right: Number, spelled: Sequence[Candidate]) -> Number | None:
    """The one number that `left` and `right` are with one digit more between them; None where the strip over both does
    not spell that, or not so much likelier than both without it that it outweighs the glyphs."""
    chances = dict(spelled)
    both, between = left.text + right.text, max(left.whole, right.whole)
    longer = (text for text in chances if len(text) == len(both) + 1)
    text = next((t for t in longer if t.startswith(left.text) and t.endswith(right.text)), "")
    if not text:
        return None
    heard = chances[text] / (chances[text] + max(chances.get(both, 0.0), UNSEEN))
    seen = (1 - between) * math.prod(min(1.0, n.confidence / n.whole) for n in (left, right))
    likelihood = chance(GLYPHS * odds(seen, UNSEEN) + STRIP * odds(heard, UNHEARD))
    if likelihood <= 0.5:
        return None
    box, edge = bounding_box([left.box, right.box]), left.box[0] + left.box[2]
    lost = Digit(((text[len(left.text)], round(heard, 4)),), (edge, box[1], right.box[0] - edge, box[3]))
    whole = min(1.0, left.whole * right.whole / between**2)
    return Number(box, ((text, round(likelihood * whole, 4)),), (*left.digits, lost, *right.digits), whole)


def spelled_as(text: str, strip: Mapping[str, float]) -> float:
    """The chance of `text` to a strip, which cannot tell a 1 at its end from the side of a box: whether there is one
    is left to the glyphs."""
    without_ends = {text, text.removeprefix("1"), text.removesuffix("1")} - {""}
    return sum(strip.get(one, 0.0) for one in without_ends)


def borne_out(spelled: Number, glyphs: Sequence[Number]) -> Number:
    """What the strip of a whole patch spells, the surer where the glyphs found there spell the same."""
    text, sure = spelled.candidates[0]
    if "".join(number.text for number in glyphs) != text:
        return spelled
    either = 1 - (1 - sure) * (1 - math.prod(number.confidence for number in glyphs))
    others = tuple((other, share * (1 - either) / max(1 - sure, 1e-6)) for other, share in spelled.candidates[1:])
    digits = tuple(digit for number in glyphs for digit in number.digits)
    return Number(spelled.box, ((text, round(either, 4)), *others), digits)


def odds(chance: float, least: float) -> float:
    """The logarithm of the odds of a chance; of one below `least`, those of `least`."""
    chance = min(max(chance, least), 1 - 1e-6)
    return math.log(chance / (1 - chance))


def chance(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))

"""Composes training lines: a written or printed line in a field, photographed, cut as the daemon cuts it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import Grey
from edge_daemon.recognition.lines import line_extent
from edge_daemon.recognition.lines.line_extent import Extent, Strip
from scripts.training.lines import fields, numbers, sheet
from scripts.training.lines.labels import LONGEST
from scripts.training.lines.material import Material
from scripts.training.lines.writing import Line

KINDS = {
    "number": 0.4,
    "beside": 0.07,
    "boxed": 0.1,
    "circled": 0.08,
    "led": 0.1,
    "other": 0.13,
    "nothing": 0.02,
    "real": 0.1,
}
"""Shares of the kinds of fields. `beside`: text, then a number; `boxed`: digits in cells; `led`: a dash, then a number;
`other`: no digit."""
WRITTEN = {
    "number": numbers.number_line,
    "beside": numbers.number_after_text,
    "circled": numbers.short_number,
    "led": numbers.short_number,
    "other": numbers.line_without_digits,
}
"""By kind the function that writes its line."""
MIN_OVERLAP = 0.6
"""Overlap of the heights of the line that is found and the drawn line from which the found line may be used."""
MIN_OVERLAP_AROUND = 0.42
"""The same for a found line that contains the drawn one, such as a box or a ring around it."""
FOUND_SHARE = 0.75
"""Share of such fields in which the found line is used; in the others it is the drawn one, moved a little."""


def compose_line(rng: Generator, material: Material, kinds: Sequence[str] = tuple(KINDS)) -> tuple[Grey, str]:
    """A strip (line_extent.HEIGHT, line_extent.WIDTH) of one of these kinds, and its text."""
    shares = np.array([KINDS[kind] for kind in kinds])
    while True:
        kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
        made = real_line(rng, material) if kind == "real" else drawn_line(rng, material, kind)
        if made is not None and len(made[1]) <= LONGEST:
            return made


def drawn_line(rng: Generator, material: Material, kind: str) -> tuple[Grey, str] | None:
    """A strip of one of KINDS and its text; None where no strip can be cut."""
    if kind == "boxed":
        written, edges = numbers.number_in_cells(rng, material)
        made = sheet.make_sheet(written, edges)
        sheet.draw_cells(rng, made, len(edges))
    elif kind == "nothing":
        made = sheet.make_sheet(Line())
    else:
        made = sheet.make_sheet(WRITTEN[kind](rng, material))
        if kind == "circled" or rng.random() < 0.07:
            sheet.draw_ring(rng, made)
        if kind == "led":
            sheet.draw_leader(rng, made)
    if kind != "boxed" and rng.random() < 0.2:
        sheet.draw_frame(rng, made)
    if rng.random() < 0.3:
        sheet.draw_rules(rng, made)
    view = fields.cut_field(rng, material, made)
    picture = fields.photograph(rng, fields.place_on_background(rng, material, view))
    by = picture.shape[1] / view.pen.shape[1], picture.shape[0] / view.pen.shape[0]
    at = view.line
    truth = Extent(at.left * by[0], at.right * by[0], at.top * by[1], at.bottom * by[1], at.slope)
    strip, found = cut_strip(rng, picture, truth, kind == "nothing")
    if strip is None or found is None:
        return None
    symbols = [(char, a * by[0], b * by[0]) for char, a, b in view.symbols]
    return strip.pixels, fields.text_between(symbols, found.left, found.right)


def cut_strip(
    rng: Generator, picture: Grey, truth: Extent, nothing: bool = False
) -> tuple[Strip | None, Extent | None]:
    """The strip of a picture's line and where in the picture it was cut: where it is found, or near where it was drawn.

    `truth`: where it was drawn; `nothing`: nothing was drawn.
    """
    if min(picture.shape) < line_extent.MIN_SIDE:
        return None, None
    small, scale = line_extent.working_size(picture)
    ink = line_extent.line_contrast(small)
    found = line_extent.find_line(ink)
    drawn = scale_extent(truth, scale)
    if found is None and nothing:
        return None, None
    if found is None or not (nothing or (matches(found, drawn) and rng.random() < FOUND_SHARE)):
        found = perturb(rng, drawn, ink.shape[1])
    wide = float(np.exp(rng.normal(0, 0.08)))
    strip = line_extent.cut_line(ink, found, wide, float(np.exp(rng.normal(0, 0.06))), float(rng.normal(0, 0.03)))
    return strip, scale_extent(found, 1 / scale)


def scale_extent(at: Extent, by: float) -> Extent:
    """The same extent in a picture `by` times as large."""
    return Extent(at.left * by, at.right * by, at.top * by, at.bottom * by, at.slope)


def matches(found: Extent, drawn: Extent) -> bool:
    """Whether the found line is the drawn one."""
    space = 0.1 * drawn.height
    holds = found.top < drawn.top + space and found.bottom > drawn.bottom - space
    return height_overlap(found, drawn) > (MIN_OVERLAP_AROUND if holds else MIN_OVERLAP)


def height_overlap(a: Extent, b: Extent) -> float:
    """Overlap of two lines' heights as a share of their union; 0 where `a` does not contain the length of `b`."""
    shared = min(a.bottom, b.bottom) - max(a.top, b.top)
    both = max(a.bottom, b.bottom) - min(a.top, b.top)
    misses = a.left > b.left + 0.3 * b.height or a.right < b.right - 0.3 * b.height
    return 0.0 if misses else max(0.0, shared / max(1e-6, both))


def perturb(rng: Generator, at: Extent, width: int) -> Extent:
    """A random extent near a line."""
    high = at.height * float(np.exp(rng.normal(0.03, 0.1)))
    middle = (at.top + at.bottom) / 2 + rng.normal(0, 0.05) * at.height
    space = line_extent.BESIDE * at.height * float(rng.uniform(0.1, 1.6))
    left, right = max(0.0, at.left - space), min(float(width), at.right + space)
    return Extent(left, right, middle - high / 2, middle + high / 2, at.slope * float(rng.choice([1, 1, 0])))


def real_line(rng: Generator, material: Material) -> tuple[Grey, str] | None:
    """A strip of a real picture of a line, and its text; None where no line is found, or there are no pictures."""
    if not material.pictures:
        return None
    one = material.pictures[int(rng.integers(len(material.pictures)))]
    picture = one.pixels
    if rng.random() < 0.5:
        picture = cv2.resize(picture, None, fx=float(np.exp(rng.normal(0, 0.15))), fy=1.0, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if rng.random() < 0.4:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.1))), np.uint8)
    small, _ = line_extent.working_size(np.asarray(picture, np.uint8))
    ink = line_extent.line_contrast(small)
    found = line_extent.find_line(ink)
    if found is None:
        return None
    strip = line_extent.cut_line(ink, found, float(np.exp(rng.normal(0, 0.1))), float(np.exp(rng.normal(0, 0.07))))
    if strip is None:
        return None
    return strip.pixels, one.text

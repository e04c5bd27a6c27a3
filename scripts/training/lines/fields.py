"""Draws a field around a line: neighbours, a background, and the effects of a camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.recognition.lines.field_decoder import CUT, OTHER
from edge_daemon.recognition.lines.line_extent import Extent
from scripts.training.lines import numbers
from scripts.training.lines.labels import RULE, tidy
from scripts.training.lines.material import Material
from scripts.training.lines.sheet import Sheet, paste
from scripts.training.lines.writing import DIGIT_HEIGHT
from scripts.training.scenes import backgrounds
from scripts.training.strips.backgrounds import add_pattern

MIN_VISIBLE = 0.14
"""Share of a mark inside the border from which it is in the text: as CUT."""
MIN_WHOLE = 0.8
"""Share of a mark inside the border from which it counts as whole."""
MAX_TILT = 8.0
"""Tilt of a line, degrees, at most."""
SHORT = 1.6
"""Heights of a line: in a shorter one no tilt can be found, and people write it more askew,"""
MAX_SHORT_TILT = 22.0
"""up to so many degrees."""


def add_neighbours(rng: Generator, material: Material, made: Sheet, room: NDArray[np.float64]) -> None:
    """Adds writing of which the field shows a part: above, below, on the left, on the right.

    `room`: distance from the line to the border of the field on each of these sides, px.
    """
    left, top, right, bottom = made.box
    for side in range(4):
        if rng.random() > (0.3 if side < 2 else 0.2):
            continue
        other = numbers.line_without_digits(rng, material) if rng.random() < 0.3 else numbers.number_line(rng, material)
        ys, xs = np.nonzero(other.cover > 90)
        if len(xs) == 0:
            continue
        x0, y0 = int(xs.min()), int(ys.min())
        ink = other.cover[y0 : int(ys.max()) + 1, x0 : int(xs.max()) + 1]
        reach = float(room[side])
        gap = DIGIT_HEIGHT * float(rng.uniform(0.08, 0.25))
        if side < 2:  # above, below: comes into the field, but does not touch the line
            visible = float(rng.uniform(0.05, 0.6)) * DIGIT_HEIGHT
            if reach < gap + 3:
                continue
            visible = min(visible, reach - gap)
            x = left + float(rng.uniform(-0.6, 0.9)) * (right - left)
            y = top - reach - len(ink) + visible if side == 0 else bottom + reach - visible
            paste(made.pen, ink, x, y)
            continue
        gap = max(gap, DIGIT_HEIGHT * float(np.exp(rng.uniform(np.log(0.5), np.log(2.5)))))
        if reach < gap:
            continue
        y = bottom - len(ink) + DIGIT_HEIGHT * float(rng.normal(0, 0.1))
        x = right + gap if side == 3 else left - gap - ink.shape[1]
        paste(made.pen, ink, x, y)
        made.symbols += [(char, a - x0 + x, b - x0 + x) for char, a, b in other.symbols]


def random_margins(rng: Generator) -> NDArray[np.float64]:
    """Margins above, below, left, right, px: uneven, up to 1.5 digit heights; some fields end where the ink ends."""
    if rng.random() < 0.22:
        most = DIGIT_HEIGHT * float(np.exp(rng.uniform(np.log(0.03), np.log(0.4))))
        return np.asarray(rng.uniform(-0.03 * DIGIT_HEIGHT, most, 4), np.float64)
    usual = np.exp(rng.uniform(np.log(0.06), np.log(1.5)))
    return np.asarray(np.clip(usual * np.exp(rng.normal(0, 0.45, 4)), 0.03, 1.7) * DIGIT_HEIGHT, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class FieldView:
    """A field before it is photographed. Covers are (h, w) uint8, as in Sheet."""

    pen: Grey
    press: Grey
    guide: Grey
    symbols: list[tuple[str, float, float]]
    """Symbol, left and right end of what is visible; a mark that the border cuts is CUT."""
    line: Extent
    """Where the line is, in px of the field."""


def cut_field(rng: Generator, material: Material, made: Sheet) -> FieldView:
    """A field around a line, with parts of neighbours, tilted; in some its border cuts the line."""
    room = random_margins(rng)
    add_neighbours(rng, material, made, room)
    left, top, right, bottom = made.box
    real = [
        symbol for symbol in made.symbols if symbol[0] not in RULE and symbol[1] >= left - 1 and symbol[2] <= right + 1
    ]
    slices = rng.random()
    if real and slices < 0.06:  # through the first or last mark
        char, a, b = real[-1] if slices < 0.035 else real[0]
        at = a + (b - a) * float(rng.uniform(0.15, 0.85))
        if slices < 0.035:
            room[3] = at - right
        else:
            room[2] = left - at
    elif slices < 0.075:  # along the line: only its upper or lower part is visible
        side, visible = int(rng.integers(2)), float(rng.uniform(0.25, 0.5))
        room[side] = -(1 - visible) * (bottom - top)
        made.symbols[:] = [(CUT if s[0] not in OTHER + RULE else s[0], s[1], s[2]) for s in made.symbols]
    angle, slope = random_tilt(rng, right - left < SHORT * (bottom - top))
    middle = (left + right) / 2, (top + bottom) / 2
    drop = abs(np.tan(np.radians(angle))) * (right - left) / 2 if slices >= 0.075 or slices < 0.06 else 0.0
    x0, x1 = left - room[2], right + room[3]
    y0, y1 = top - room[0] - drop, bottom + room[1] + drop
    size = max(8, round(x1 - x0)), max(8, round(y1 - y0))
    matrix = cv2.getRotationMatrix2D(middle, -angle, 1.0)
    matrix = np.asarray(matrix, np.float64) - [[0, 0, x0], [0, 0, y0]]
    pen, press, guide = (
        np.asarray(cv2.warpAffine(cover, matrix, size), np.uint8)
        if angle or cover.any()
        else np.zeros(size[::-1], np.uint8)
        for cover in (made.pen, made.press, made.guide)
    )
    cos = float(np.cos(np.radians(angle)))
    symbols = []
    for char, a, b in made.symbols:
        a, b = ((v - middle[0]) * cos + middle[0] - x0 for v in (a, b))
        share = (min(b, size[0]) - max(a, 0)) / max(1e-6, b - a)
        if char == RULE:
            if a >= 0.5 and b <= size[0] - 0.5:
                symbols.append((char, a, b))
        elif share >= MIN_WHOLE or (char == OTHER and share * (b - a) > 0.15 * DIGIT_HEIGHT):
            symbols.append((char, max(a, 0), min(b, size[0])))
        elif share > MIN_VISIBLE and char not in ".,:-":
            symbols.append((CUT, max(a, 0), min(b, size[0])))
        elif char == "-" and (share > MIN_VISIBLE or share * (b - a) > 0.15 * DIGIT_HEIGHT):
            symbols.append((char, max(a, 0), min(b, size[0])))
    symbols.sort(key=lambda symbol: symbol[1] + symbol[2])
    centre = middle[0] - x0, middle[1] - y0
    half = (bottom - top) / 2
    reach = (right - left) / 2
    line = Extent(
        max(0.0, centre[0] - reach), min(float(size[0]), centre[0] + reach), centre[1] - half, centre[1] + half, slope
    )
    return FieldView(pen, press, guide, symbols, line)


def random_tilt(rng: Generator, is_short: bool) -> tuple[float, float]:
    """The angle of a line, degrees, and the slope that can be found: pixels down per pixel to the right."""
    if is_short and rng.random() < 0.4:
        return float(np.clip(rng.normal(0, 9), -MAX_SHORT_TILT, MAX_SHORT_TILT)), 0.0
    angle = float(np.clip(rng.normal(0, 2.2), -MAX_TILT, MAX_TILT)) if rng.random() < 0.7 else 0.0
    return angle, float(np.tan(np.radians(angle)))


def place_on_background(rng: Generator, material: Material, made: FieldView) -> backgrounds.Map:
    """Ink and print on paper, on a real surface or on a drawn one: a reflectance map."""
    size = made.pen.shape[0], made.pen.shape[1]
    strength = float(np.clip(np.exp(rng.uniform(np.log(0.24), 0.2)), 0.24, 0.96))
    kind = rng.random()
    if kind < 0.25 and material.surfaces:
        page = real_surface(rng, material, size, 0.3 * strength)
    elif kind < 0.85:
        page = backgrounds.paper(rng, size)
    else:
        page = backgrounds.SHEETS[int(rng.integers(len(backgrounds.SHEETS)))](rng, size)
    light = rng.random() < 0.15
    if light:
        page = np.asarray(page * np.float32(rng.uniform(0.12, 0.5)), np.float32)
    elif rng.random() < 0.15:  # a coloured note
        page = np.asarray(page * np.float32(rng.uniform(0.45, 0.9)), np.float32)
    if rng.random() < 0.2:
        page = add_pattern(rng, page, DIGIT_HEIGHT, 0.55 * strength)
    rule = min(0.95, strength * float(np.exp(rng.uniform(np.log(0.3), np.log(1.4)))))
    page = lay_ink(page, made.press, rule, light)
    page = lay_ink(page, made.guide, strength * float(rng.uniform(0.1, 0.35)), light)
    cover = made.pen.astype(np.float32)
    if rng.random() < 0.4:  # pens run dry
        uneven = backgrounds.noise(rng, size, DIGIT_HEIGHT * rng.uniform(0.2, 1.5))
        cover *= np.clip(1 + np.float32(rng.uniform(0, 0.4)) * uneven, 0.3, 1)
    return lay_ink(page, cover, strength, light)


def lay_ink(page: backgrounds.Map, cover: NDArray[np.generic], strength: float, light: bool) -> backgrounds.Map:
    """The page under ink. `strength`: 0..1; `light`: ink lighter than the page."""
    share = cover.astype(np.float32) * np.float32(strength / 255)
    return np.asarray(page + share * (np.float32(0.97) - page) if light else page * (1 - share), np.float32)


def real_surface(rng: Generator, material: Material, size: tuple[int, int], roughest: float) -> backgrounds.Map:
    """A piece of a photographed surface, its contrast reduced to at most `roughest`."""
    whole = material.surfaces[int(rng.integers(len(material.surfaces)))]
    by = float(rng.uniform(0.5, 2.0))
    tall, wide = min(whole.shape[0], max(4, int(size[0] / by))), min(whole.shape[1], max(4, int(size[1] / by)))
    y, x = int(rng.integers(whole.shape[0] - tall + 1)), int(rng.integers(whole.shape[1] - wide + 1))
    piece = cv2.resize(whole[y : y + tall, x : x + wide], size[::-1], interpolation=cv2.INTER_LINEAR)
    rough = piece.astype(np.float32) - float(piece.mean())
    level = float(rng.uniform(0.5, 0.92))
    most = float(rng.uniform(0.01, min(0.14, roughest)))
    return np.asarray(level + rough * np.float32(most / max(1.0, float(rough.std()))), np.float32)


def photograph(rng: Generator, page: backgrounds.Map) -> Grey:
    """The field as a camera's picture: size, shade, blur, exposure, noise, JPEG."""
    if rng.random() < 0.4:
        shade = backgrounds.noise(rng, (page.shape[0], page.shape[1]), float(rng.uniform(1.5, 6)) * DIGIT_HEIGHT)
        page = np.asarray(page * np.clip(1 + np.float32(rng.uniform(0, 0.35)) * shade, 0.3, None), np.float32)
    tall = float(np.exp(np.clip(rng.normal(np.log(27), 0.55), np.log(11), np.log(90))))
    by = tall / DIGIT_HEIGHT
    if by < 1:
        page = np.asarray(cv2.resize(page, None, fx=by, fy=by, interpolation=cv2.INTER_AREA), np.float32)
    elif by > 1.05:
        page = np.asarray(cv2.resize(page, None, fx=by, fy=by, interpolation=cv2.INTER_LINEAR), np.float32)
    if rng.random() < 0.6:
        soft = tall * float(np.exp(rng.uniform(np.log(0.008), np.log(0.1))))
        if soft > 0.25:
            page = np.asarray(cv2.GaussianBlur(page, (0, 0), soft), np.float32)
    if rng.random() < 0.06:
        length = max(2, round(tall * rng.uniform(0.04, 0.16)))
        kernel = np.ones((1, length) if rng.random() < 0.5 else (length, 1), np.float32) / length
        page = np.asarray(cv2.filter2D(page, -1, kernel), np.float32)
    bright = max(0.05, float(np.percentile(page[::3, ::3], 97)))
    exposed = np.clip(page / np.float32(bright), 0, 1.25) ** np.float32(rng.uniform(0.7, 1.4))
    dim = rng.random() < 0.12
    grey = exposed * np.float32(255 * np.sqrt(rng.uniform(0.03, 0.15) if dim else rng.uniform(0.15, 1.1)))
    if rng.random() < 0.75:
        grey = grey + np.float32(np.exp(rng.uniform(-1.0, 2.0))) * rng.standard_normal(page.shape, np.float32)
    picture = np.clip(grey, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        picture = np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)
    if rng.random() < 0.5:
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 96))])
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    if rng.random() < 0.15 and tall < 40:  # some programs enlarge pictures
        more = float(rng.uniform(1.1, 2.2))
        picture = np.asarray(cv2.resize(picture, None, fx=more, fy=more, interpolation=cv2.INTER_LINEAR), np.uint8)
    return picture


def text_between(symbols: list[tuple[str, float, float]], first: float, last: float) -> str:
    """The text of the symbols whose middle is between two columns, left to right."""
    return tidy("".join(char for char, a, b in symbols if first - 1 <= (a + b) / 2 <= last + 1))

"""Draws scenes with known contents: numbers on paper among other things, as a camera would see them.

The daemon's own segmenter cuts these scenes into training samples (`glyph_samples`, sieve/train.py), so that a network
is trained on the same kind of input as in use. Scenes are harder and more varied than real desks on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Box, Frame, Grey, Patch
from edge_daemon.recognition.segment import Filter, segment
from scripts.training.scenes import backgrounds, distractors, layouts
from scripts.training.scenes.page import Ids, Page, Sources, blank_page

EMPTY_SHARE = 0.3
"""Share of scenes without any digit."""


@dataclass(frozen=True, slots=True)
class PlacedNumber:
    """One number in a scene."""

    text: str
    ids: tuple[int, ...]
    """Its digits in Scene.ids, left to right."""
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture and its contents."""

    picture: Grey
    ids: Ids
    """(h, w): 0 without a digit's ink; each other value is one digit."""
    labels: NDArray[np.int64]
    """The digit of each id; labels[0] is unused."""
    numbers: tuple[PlacedNumber, ...]


def make_scene(rng: Generator, sources: Sources) -> Scene:
    """A picture (h, w) uint8 between 160x120 and 1280x960, with its contents."""
    size = random_size(rng)
    if rng.random() < 0.5 * EMPTY_SHARE:
        return photograph_page(rng, blank_page(rng, sources, backgrounds.scenery(rng, size)))
    with_digits = rng.random() > 0.5 * EMPTY_SHARE
    maker = layouts.pick(rng, layouts.WITH_DIGITS)
    if maker is layouts.cheque and with_digits:
        size = int(rng.integers(90, 260)), int(rng.integers(200, 640))
    sheet = backgrounds.SHEETS[rng.integers(len(backgrounds.SHEETS))](rng, size)
    page = blank_page(rng, sources, sheet)
    if rng.random() < 0.25:
        distractors.ruled(page)
    if with_digits:
        maker(page)
    for _ in range(int(rng.choice([0, 1, 2]) if with_digits else rng.integers(1, 4))):
        if with_digits and rng.random() < 0.5:
            continue
        layouts.pick(rng, layouts.WITHOUT_DIGITS)(page)
    return photograph_page(rng, page)


def random_size(rng: Generator) -> backgrounds.Size:
    if rng.random() < 0.5:
        return [(240, 320), (480, 640), (480, 640), (720, 1280), (960, 1280)][int(rng.integers(5))]
    long = float(np.exp(rng.uniform(np.log(240), np.log(1280))))
    return max(120, int(long * rng.uniform(0.3, 1.0))), int(long)


def photograph_page(rng: Generator, page: Page) -> Scene:
    """Photographs a page: on a desk, from an angle, in random light, with a random lens."""
    h, w = page.pixels.shape
    onto = random_homography(rng, w, h)
    edge = cv2.BORDER_REPLICATE
    seen = cv2.warpPerspective(page.pixels, onto, (w, h), flags=cv2.INTER_LINEAR, borderMode=edge)
    ids = cv2.warpPerspective(page.ids, onto, (w, h), flags=cv2.INTER_NEAREST).astype(np.uint16)
    inside = cv2.warpPerspective(np.ones((h, w), np.float32), onto, (w, h))
    if rng.random() < 0.8 and inside.min() < 0.5:
        desk = backgrounds.CLUTTER[rng.integers(len(backgrounds.CLUTTER))](rng, (h, w))
        shade = cv2.GaussianBlur(inside, (0, 0), rng.uniform(1, 12))
        desk = desk * (1 - np.float32(rng.uniform(0, 0.6)) * shade)
        seen = desk + inside * (seen - desk)
    elif inside.min() < 0.5:
        ids[inside < 0.5] = 0
    lit = backgrounds.illuminate(rng, np.asarray(seen, np.float32))
    if rng.random() < 0.12:
        lit = cover_with_hand(rng, lit, ids)
    picture = backgrounds.photograph(rng, lit)
    return Scene(picture, ids, np.array(page.labels, np.int64), visible_numbers(page, ids))


def random_homography(rng: Generator, w: int, h: int) -> NDArray[np.float64]:
    """(3, 3) homography from page to picture: a small rotation and tilt; sometimes the page is smaller."""
    angle = np.radians(rng.normal(0, 3)) if rng.random() < 0.7 else 0.0
    scale = rng.uniform(0.6, 0.95) if rng.random() < 0.35 else rng.uniform(0.97, 1.1)
    middle = np.array([w / 2, h / 2]) + rng.normal(0, 0.04, 2) * np.array([w, h])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    moved = (corners - np.array([w / 2, h / 2])) @ turn.T + middle
    moved += rng.normal(0, rng.uniform(0, 0.04), (4, 2)) * np.array([w, h])
    return np.asarray(cv2.getPerspectiveTransform(corners, moved.astype(np.float32)), np.float64)


def cover_with_hand(rng: Generator, picture: backgrounds.Map, ids: Ids) -> backgrounds.Map:
    """A hand or a sleeve at the border."""
    h, w = picture.shape
    mask = np.zeros((h, w), np.float32)
    reach = rng.uniform(0.15, 0.4) * max(h, w)
    x, y = (rng.uniform(0, w), float(h)) if rng.random() < 0.7 else (float(w), rng.uniform(0, h))
    for angle in rng.normal(-1.8, 0.35, 5):
        tip = (int(x + reach * np.cos(angle)), int(y + reach * np.sin(angle)))
        cv2.line(mask, (int(x), int(y)), tip, (1.0,), max(3, int(reach / 6)), cv2.LINE_AA)
    ids[mask > 0.5] = 0
    soft = cv2.GaussianBlur(mask, (0, 0), 1.5)
    skin = rng.uniform(0.2, 0.7) + 0.05 * backgrounds.noise(rng, (h, w), 30)
    return np.asarray(picture + soft * (skin - picture), np.float32)


def visible_numbers(page: Page, ids: Ids) -> tuple[PlacedNumber, ...]:
    """The numbers of which some ink is in the picture."""
    found = []
    for text, members in page.numbers:
        ys, xs = np.nonzero((ids >= members[0]) & (ids <= members[-1]))
        if len(xs):
            box = int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1
            found.append(PlacedNumber(text, members, box))
    return tuple(found)


def glyph_samples(made: Scene, keep: Filter | None = None) -> list[tuple[Grey, int]]:
    """The glyphs that segment() finds in a scene, each with its digit or NOT_A_DIGIT.

    Clutter, half a digit and two digits are no digit. Unclear glyphs (a digit with a part of a line or of its
    neighbour, or without an end) are left out.
    """
    patch = Patch(None, Frame(0, 0.0, 0.0, made.picture), made.picture, np.eye(3))
    whole = np.bincount(made.ids.ravel(), minlength=len(made.labels))
    samples = []
    for line in segment(patch, keep):
        for glyph in line.glyphs:
            label = label_glyph(glyph.box, glyph.ink, made, whole)
            if label is not None:
                samples.append((glyph.ink, label))
    return samples


def label_glyph(box: Box, ink: Grey, made: Scene, whole: NDArray[np.int64]) -> int | None:
    """The label of the ink in a box: a digit 0..9, NOT_A_DIGIT, or None if it is unclear."""
    x, y, w, h = box
    window = made.ids[y : y + h, x : x + w]
    inked = ink[: window.shape[0], : window.shape[1]] > 64
    near = cv2.dilate(window, np.ones((3, 3), np.uint8))  # the lens makes strokes wider
    here = np.bincount(near[inked], minlength=len(whole))
    share = here / max(1, int(inked.sum()))
    best = int(share[1:].argmax()) + 1 if len(share) > 1 else 0
    if best == 0 or (share[best] < 0.3 and share[1:].sum() < 0.3):
        return NOT_A_DIGIT
    core = np.bincount(window[inked], minlength=len(whole))
    covered = core[best] / max(1, int(whole[best]))
    others = max((core[i] / max(1, int(whole[i])) for i in np.flatnonzero(core) if i not in (0, best)), default=0.0)
    if share[best] > 0.8 and covered > 0.8 and others < 0.05:
        return int(made.labels[best])
    if covered < 0.55 or others > 0.35:
        return NOT_A_DIGIT
    return None

"""The scene of the simulated camera: a page under a lamp, and the lens in front of it.

The page is rendered once; writing changes a part of it; a shot moves it, dims it, blurs it and adds noise. Light is
modelled physically: reflectance times light, so ink in a shadow is darker too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Grey
from edge_daemon.sources.simulated.disturbances import CLEAR, Conditions, glare, with_hand
from edge_daemon.sources.simulated.handwriting import Stroke, coverage

Plane = NDArray[np.float32]

MARGIN = 6
"""Pixels rendered around the frame, so that a drifting camera never shows the end of the picture."""


@dataclass(frozen=True, slots=True)
class Pen:
    """The pen of a number."""

    reflectance: float
    """0 absorbs all light, 1 reflects all."""
    grain: float
    """How much of the surface shows through: 0 is a felt tip, 0.5 a soft pencil or chalk."""
    strength: float = 1.0
    """Below 1 for the traces that are left after wiping."""


Layer = tuple[Sequence[Stroke], float, Pen]
"""Strokes in frame pixels, their thickness in pixels, and the pen."""


class Scene:
    """A surface in frame pixels, determined by the seed."""

    def __init__(self, seed: int, surface: str, size: tuple[int, int]) -> None:
        self._seed, self.surface, self._size = seed, surface, size
        rng = np.random.default_rng([seed, 1])
        shape = (size[1] + 2 * MARGIN, size[0] + 2 * MARGIN)
        self.view = _view(rng, size)
        """(3, 3) homography: page pixels to frame pixels."""
        self._grain = _fog(rng, shape, 1.5)
        self._blank = self._page(rng, shape)
        self._light = _light(rng, shape)
        exposed = rng.uniform(60, 95) if surface == "blackboard" else rng.uniform(140, 200)
        self._light *= exposed / float(np.mean(self._blank * self._light))
        self._lit = self._blank * self._light
        self._noise = rng.normal(0, rng.uniform(1.2, 4.0), (shape[0] + 64, shape[1] + 64)).astype(np.float32)
        self._focus = rng.uniform(0.6, 1.15) * size[1] / 480
        self._phases = rng.uniform(0, 2 * np.pi, 6)

    def pen(self, rng: np.random.Generator) -> Pen:
        """A pen for this surface: a person can read what it writes, not always easily."""
        if self.surface == "blackboard":
            return Pen(rng.uniform(0.6, 0.85), rng.uniform(0.2, 0.45))
        if self.surface == "whiteboard":
            return Pen(rng.uniform(0.08, 0.4), rng.uniform(0.0, 0.15))
        return Pen(rng.uniform(0.12, 0.45), rng.uniform(0.0, 0.4))

    def write(self, box: Box, layers: Sequence[Layer]) -> None:
        """Wipe `box` (frame pixels) and write `layers` into it, one over the other."""
        x, y, w, h = box
        top, left = max(0, y + MARGIN), max(0, x + MARGIN)
        part = np.s_[top : y + h + MARGIN, left : x + w + MARGIN]
        page = self._blank[part].copy()
        origin = np.array([left - MARGIN, top - MARGIN], np.float32)
        for strokes, thickness, pen in layers:
            cover = coverage(page.shape, [stroke - origin for stroke in strokes], thickness) / np.float32(255)
            cover *= pen.strength * np.clip(1 - pen.grain * (0.5 + self._grain[part]), 0, 1)
            page += (np.float32(pen.reflectance) - page) * cover
        self._lit[part] = page * self._light[part]

    def shot(self, seq: int, conditions: Conditions = CLEAR) -> Grey:
        """The picture number `seq`, a fresh (h, w) uint8 array. Beyond the page its edge is repeated."""
        rng = np.random.default_rng([self._seed, 2, seq])
        lit = self._lit
        if conditions.hand is not None:
            x, y = conditions.hand
            lit = with_hand(lit, self._light, (x + MARGIN, y + MARGIN))
        dx, dy = self.drift(seq) - MARGIN + conditions.nudge
        move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        moved = cv2.warpAffine(lit, move, self._size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        focus = self._focus * (1 + 0.12 * np.sin(seq / 23 + self._phases[4]))
        light = self._shadow(seq) * np.float32(conditions.light)
        picture = cv2.GaussianBlur(moved * light, (0, 0), float(np.hypot(focus, conditions.blur)))
        if conditions.glare is not None:
            picture = picture + glare(picture.shape, conditions.glare)
        if rng.random() < 0.05:  # motion blur
            picture = cv2.blur(picture, (3, 1) if rng.random() < 0.5 else (1, 3))
        x, y = rng.integers(0, 64, 2)
        noise = self._noise[y : y + picture.shape[0], x : x + picture.shape[1]]
        return np.clip(picture + noise + 0.5, 0, 255).astype(np.uint8)

    def drift(self, seq: int) -> NDArray[np.float64]:
        """(x, y) in pixels by which the camera has drifted in picture `seq`: slowly, by two pixels at most."""
        slow = np.array([np.sin(seq / 61 + self._phases[0]), np.sin(seq / 83 + self._phases[1])])
        quick = np.array([np.sin(seq * 1.7 + self._phases[2]), np.sin(seq * 2.3 + self._phases[3])])
        return np.asarray(1.4 * slow + 0.15 * quick, np.float64)

    def _shadow(self, seq: int) -> Plane:
        """A soft shadow that moves over the page, and the slight flicker of the lamp."""
        w, h = self._size
        x, y = np.meshgrid(np.linspace(0, 1, 32), np.linspace(0, 1, 24))
        cx = 0.5 + 0.9 * np.sin(seq / 57 + self._phases[5])
        depth = 0.18 * np.exp(-(((x - cx) / 0.25) ** 2) - ((y - 0.4) / 0.8) ** 2)
        gain = (1 + 0.02 * np.sin(seq / 9 + self._phases[4])) * (1 - depth)
        return np.asarray(cv2.resize(gain, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)

    def _page(self, rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
        """The empty surface in the frame, as reflectance 0..1."""
        tone = {"paper": (0.82, 0.97), "whiteboard": (0.85, 0.98), "blackboard": (0.12, 0.25)}[self.surface]
        page = np.full(shape, rng.uniform(*tone), np.float32)
        if self.surface == "paper":
            page += 0.008 * self._grain + 0.007 * _fog(rng, shape, 25)
            _rule(rng, page)
        else:
            page += 0.015 * _fog(rng, shape, 40) + _wipes(rng, shape)
        return self._on_desk(rng, page)

    def _on_desk(self, rng: np.random.Generator, page: Plane) -> Plane:
        """The page in the frame; in some scenes the desk under it is visible at the edges."""
        h, w = shape = page.shape[0], page.shape[1]
        there = np.array([[1, 0, MARGIN], [0, 1, MARGIN], [0, 0, 1]])
        view = there @ self.view @ np.linalg.inv(there)
        desk = np.full(shape, rng.uniform(0.2, 0.7), np.float32) + 0.04 * _fog(rng, shape, 5)
        inset = rng.choice([-0.1, -0.1, 0.012]) * w
        corners = [[inset, inset], [w - inset, inset], [w - inset, h - inset], [inset, h - inset]]
        seen = cv2.perspectiveTransform(np.array([corners], np.float32), view)
        mask = np.zeros(shape, np.uint8)
        cv2.fillConvexPoly(mask, np.rint(seen[0]).astype(np.int32), (1,))
        turned = cv2.warpPerspective(page, view, (w, h), borderMode=cv2.BORDER_REFLECT)
        return np.asarray(np.where(mask, turned, desk), np.float32)


def _view(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """A slightly oblique view: corners off by up to 2.5 % of the frame, turned by up to 2 degrees."""
    w, h = size
    square = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    moved = square + rng.uniform(-0.025, 0.025, (4, 2)) * [w, h]
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-2, 2), 1.0)
    turned = cv2.transform(moved[None].astype(np.float32), turn)[0]
    return np.asarray(cv2.getPerspectiveTransform(square, turned), np.float64)


def _fog(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Plane:
    """Smooth noise, zero mean, unit deviation, with blobs of about `size` pixels."""
    small = (max(2, round(shape[0] / size)), max(2, round(shape[1] / size)))
    noise = rng.normal(0, 1, small).astype(np.float32)
    fog = cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray((fog - fog.mean()) / fog.std(), np.float32)


def _light(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """The light at each pixel: a lamp to one side, a vignette, the edge of a soft shadow."""
    h, w = shape
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    angle, edge = rng.uniform(0, 2 * np.pi, 2)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = x * np.cos(edge) + y * np.sin(edge) - rng.uniform(-0.5, 0.8)
    shadow = rng.uniform(0.0, 0.35) / (1 + np.exp(-across / rng.uniform(0.04, 0.3)))
    vignette = rng.uniform(0.02, 0.12) * (x * x + y * y)
    return np.asarray((1 + rng.uniform(0.0, 0.28) * along) * (1 - vignette) * (1 - shadow), np.float32)


def _rule(rng: np.random.Generator, page: Plane) -> None:
    """Draw faint printed lines or squares, on about every third sheet."""
    kind = rng.integers(6)
    pitch = int(page.shape[0] / rng.uniform(9, 16))
    if kind <= 1:
        page[pitch // 2 :: pitch] -= rng.uniform(0.03, 0.08)
    if kind == 1:
        page[:, pitch // 2 :: pitch] -= rng.uniform(0.03, 0.08)


def _wipes(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """The streaks of a cloth on a board."""
    streaks = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(3, 9))):
        ends = rng.uniform(0, 1, (2, 2)) * shape[::-1]
        (x0, y0), (x1, y1) = np.rint(ends).astype(int).tolist()
        cv2.line(streaks, (x0, y0), (x1, y1), (rng.uniform(-0.03, 0.02),), int(rng.integers(15, 50)))
    return cv2.GaussianBlur(streaks, (0, 0), 6).astype(np.float32)

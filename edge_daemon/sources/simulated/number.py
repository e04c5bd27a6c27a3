"""A number on the simulated page: where it stands, and how it is written, wiped and written again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from edge_daemon.domain import DIGITS, Box
from edge_daemon.sources.simulated.handwriting import Stroke, Writer
from edge_daemon.sources.simulated.options import SimulatedOptions
from edge_daemon.sources.simulated.scene import Layer, Pen, Scene
from edge_daemon.sources.simulated.unusual import UNUSUAL


class Truth(NamedTuple):
    """One number that is completely written."""

    text: str
    box: Box
    """In frame pixels."""
    since: int
    """Number of the first frame in which it was complete."""


@dataclass(frozen=True, slots=True, eq=False)
class Ink:
    """One number on the page, in frame pixels."""

    text: str
    strokes: tuple[Stroke, ...]
    thickness: float
    box: Box


class RewrittenNumber:
    """A place on the page where a number is written, wiped and written again.

    Its state is a pure function of the frame number: revision k begins with `empty` frames without writing and `busy`
    frames in which it is written, then stays until the next revision begins.
    """

    def __init__(self, options: SimulatedOptions, scene: Scene, index: int) -> None:
        """`index` is the number's place on the page, from 0."""
        self._key, self._scene = (options.seed, 3, index), scene
        rng = np.random.default_rng(self._key)
        self._hold = max(4, round(options.hold * options.active_fps))
        self._empty = max(1, min(round(0.6 * options.active_fps), self._hold // 6))
        self._busy = max(1, min(round(0.8 * options.active_fps), self._hold // 6))
        self._phase = rng.uniform(0.3, 0.95)
        self._person = int(rng.integers(2**31))
        self._one_writer = options.writer
        self._pen = scene.pen(rng)
        self._home, self._height, self._room = _place(rng, options, index)
        self._ink = lru_cache(maxsize=4)(self._written)
        self._used: Box = (0, 0, 0, 0)

    def state(self, seq: int) -> tuple[int, float]:
        """The revision, and the share of it that is written, 0..1."""
        k = self._revision(seq)
        start = self._start(k)
        if start <= 0:  # it was there before the first frame
            return k, 1.0
        return k, min(1.0, max(0.0, (seq - start - self._empty + 1) / (self._busy + 1)))

    def truth(self, seq: int) -> Truth | None:
        """The number written at `seq`; None while it is rewritten."""
        k, done = self.state(seq)
        if done < 1:
            return None
        start, ink = self._start(k), self._ink(k)
        return Truth(ink.text, ink.box, start + self._empty + self._busy if start > 0 else 0)

    def pen(self, seq: int) -> tuple[float, float] | None:
        """Where the pen, or the cloth, is while the number is rewritten, in frame pixels; else None."""
        k, done = self.state(seq)
        if done >= 1:
            return None
        points = np.vstack(self._ink(k).strokes)
        x, y = points[min(len(points) - 1, int(done * len(points)))].tolist()
        return x, y

    def draw(self, k: int, done: float) -> None:
        """Wipe the place and write the share `done` of revision k; a board keeps traces of the revision before."""
        ink = self._ink(k)
        points = sum(len(stroke) for stroke in ink.strokes)
        layers: list[Layer] = [(_begun(ink.strokes, round(points * done)), ink.thickness, self._pen)]
        if self._scene.surface != "paper" and k > 0:
            old = self._ink(k - 1)
            ghost = Pen(self._pen.reflectance, self._pen.grain, strength=0.05)
            layers.insert(0, (old.strokes, old.thickness, ghost))
        self._scene.write(self._used, [])
        self._used = _union(ink.box, self._ink(max(0, k - 1)).box)
        self._scene.write(self._used, layers)

    def _revision(self, seq: int) -> int:
        k = int(seq / self._hold + self._phase)
        return k - 1 if seq < self._start(k) else k + 1 if seq >= self._start(k + 1) else k

    def _start(self, k: int) -> int:
        """The frame in which revision k - 1 is wiped."""
        wobble = np.random.default_rng([*self._key, k]).uniform(-0.12, 0.12)
        return round((k - self._phase + wobble) * self._hold)

    def _text(self, k: int) -> str:
        rng = np.random.default_rng([*self._key, k, 1])
        length = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.08, 0.17, 0.25, 0.25, 0.15, 0.1]))
        digits = [int(rng.integers(10)) for _ in range(length)]
        digits[-1] = digits[-1] // 2 * 2 + k % 2  # never the same number twice in a row
        # a single 1 may be one stroke, which nobody could recognise as a number
        return "7" if digits == [1] else "".join(DIGITS[digit] for digit in digits)

    def _written(self, k: int) -> Ink:
        writer = self._writer(k)
        written = writer.number(self._text(k), self._height)
        size = min(1.0, self._room / max(x + w for x, _, w, _ in written.boxes))
        strokes = tuple(self._seen(stroke * np.float32(size) + self._home) for stroke in written.strokes)
        thickness = max(self._height / 24, writer.thickness * self._height * size)
        return Ink(written.text, strokes, thickness, _around(strokes, thickness))

    def _writer(self, k: int) -> Writer:
        if not self._one_writer:
            return Writer(self._person, occasion=k)
        occasion = int(np.random.default_rng([*self._key, k, 2]).integers(2**31))  # another one on every page
        return Writer(self._one_writer, occasion, UNUSUAL)

    def _seen(self, stroke: Stroke) -> Stroke:
        return np.asarray(cv2.perspectiveTransform(stroke[None], self._scene.view)[0], np.float32)


def _place(rng: np.random.Generator, options: SimulatedOptions, index: int) -> tuple[Stroke, float, float]:
    """Top left corner (2,), height of digits and room to the right, in page pixels. Places never overlap."""
    w, h = options.size
    columns = 1 if options.numbers <= 3 else 2
    rows = -(-options.numbers // columns)
    cell_w, cell_h = 0.9 * w / columns, 0.9 * h / rows
    height = min(rng.uniform(0.09, 0.2) * h, 0.45 * cell_h, 0.15 * cell_w)
    inset = rng.uniform(0.1, 0.9) * max(0.0, cell_w - 7 * height)
    x = 0.05 * w + index % columns * cell_w + inset
    y = 0.05 * h + index // columns * cell_h + rng.uniform(0.2, 0.8) * (cell_h - 1.5 * height)
    return np.array([x, y], np.float32), float(height), float(cell_w - inset - 1.2 * height)


def _begun(strokes: tuple[Stroke, ...], points: int) -> list[Stroke]:
    """The first `points` points of a number, as far as the pen has come."""
    begun = []
    for stroke in strokes:
        if points > 1:
            begun.append(stroke[:points])
        points -= len(stroke)
    return begun


def _around(strokes: tuple[Stroke, ...], thickness: float) -> Box:
    """The box around strokes of this thickness."""
    points = np.vstack(strokes)
    x, y = np.floor(points.min(0) - thickness / 2).astype(int).tolist()
    right, bottom = np.ceil(points.max(0) + thickness / 2).astype(int).tolist()
    return x, y, right - x, bottom - y


def _union(a: Box, b: Box) -> Box:
    """The box around two boxes."""
    x, y = min(a[0], b[0]), min(a[1], b[1])
    return x, y, max(a[0] + a[2], b[0] + b[2]) - x, max(a[1] + a[3], b[1] + b[3]) - y

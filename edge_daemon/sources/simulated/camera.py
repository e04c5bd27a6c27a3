"""A camera that needs no hardware: it draws handwritten numbers that change, and knows what it drew.

For the demo, for tests and for trying a configuration on a laptop. Not easy on purpose: light, shadow, blur,
noise and a hand that differs from number to number, yet everything on it can be read by a person.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import cv2
import numpy as np
from msgspec import Meta

from edge_daemon.domain import DIGITS, Box, Frame, Grey
from edge_daemon.errors import ConfigError
from edge_daemon.sources.frame_rate import FrameRate, wait_until
from edge_daemon.sources.simulated.disturbances import Conditions, Disturbance, conditions_at
from edge_daemon.sources.simulated.handwriting import Stroke, Writer
from edge_daemon.sources.simulated.scene import Layer, Pen, Scene
from edge_daemon.sources.simulated.unusual import UNUSUAL

Side = Annotated[int, Meta(ge=160, le=4096)]


@dataclass(frozen=True, slots=True)
class SimulatedOptions:
    """[camera] with source = "simulated"."""

    seed: Annotated[int, Meta(ge=0, le=2**31)] = 0
    """Another seed, another page, light, writers and numbers; the same seed shows the same pictures again."""
    size: tuple[Side, Side] = (640, 480)
    """Width and height of the frames in pixels."""
    active_fps: Annotated[float, Meta(gt=0, le=1000)] = 5.0
    """Frames a second while something happens."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=1000)] = 1.0
    """Frames a second while nothing does: of the pictures of active_fps all but every n-th are left out."""
    surface: Literal["paper", "whiteboard", "blackboard", "mixed"] = "mixed"
    """What the numbers are written on; mixed: the seed chooses."""
    writer: Annotated[int, Meta(ge=0, le=2**31)] = 0
    """0: each number is written by somebody else, as most people write. Any other: all of them, on every page, by this
    one person, whose digits are unusual."""
    numbers: Annotated[int, Meta(ge=0, le=6)] = 3
    """How many numbers are on view at once; 0: an empty page."""
    hold: Annotated[float, Meta(gt=0, le=1e6)] = 8.0
    """Seconds from one writing of a number to the next, give or take a quarter."""
    trouble: Disturbance = "none"
    """What goes wrong in the last quarter of each minute: night, glare wandering over the page, a lens out of focus,
    the camera nudged a little or knocked out of place; hand: a hand is in view whenever something is written."""
    truth: str = ""
    """A file to which every change of what is truly written is appended, one line of JSON each."""
    realtime: bool = True
    """False: frames come as fast as they are taken, and their clocks advance by one frame time each."""
    frames: Annotated[int, Meta(ge=0)] = 0
    """Stop after so many frames; 0: never."""


class Truth(NamedTuple):
    """One number that is truly and completely written."""

    text: str
    box: Box
    """In frame pixels."""
    since: int
    """Number of the first frame in which it was complete."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ink:
    """One number on the page, in frame pixels."""

    text: str
    strokes: tuple[Stroke, ...]
    thickness: float
    box: Box


class SimulatedCamera:
    """A Source. Picture `n` of a seed is always the same, also out of order.

    `truth_at(seq)` says what is written in picture `seq`: nothing in the daemon asks for it, and drawing does
    not depend on it, so a test may put another function in its place and expect the same pictures.
    """

    def __init__(
        self,
        options: SimulatedOptions,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options, self._now, self._sleep = options, now, sleep
        self._rate = FrameRate(options.active_fps, options.idle_fps)
        surface = options.surface
        if surface == "mixed":
            surface = ("paper", "whiteboard", "blackboard")[np.random.default_rng(options.seed).integers(3)]
        self._scene = Scene(options.seed, surface, options.size)
        self._slots = [_Slot(options, self._scene, i) for i in range(options.numbers)]
        self._drawn: list[object] = [None] * options.numbers
        self._told: list[Truth] = []
        self.truth_at: Callable[[int], list[Truth]] = self._truth_at
        if options.truth:
            _append(options.truth, "")

    def set_active(self, active: bool) -> None:
        """See domain.Source."""
        self._rate.is_active = active

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source. In real time a slow consumer misses frames, as with a real camera."""
        wall, start, fps = time.time(), self._now(), self._options.active_fps
        seq = 0
        while not self._options.frames or seq < self._options.frames:
            at, mono = wall + seq / fps, start + seq / fps
            if self._options.realtime:
                yield from wait_until(mono, tick, self._now, self._sleep)
                at, mono = time.time(), self._now()
            self._tell(seq, at)
            yield Frame(seq, at, mono, self.picture(seq))
            seq += max(1, round(self._rate.interval * fps))
            if self._options.realtime:
                seq = max(seq, int((self._now() - start) * fps))

    def picture(self, seq: int) -> Grey:
        """What the camera sees at `seq`, a fresh (h, w) uint8 array."""
        for i, slot in enumerate(self._slots):
            state = slot.state(seq)
            if state != self._drawn[i]:
                slot.draw(*state)
                self._drawn[i] = state
        return self._scene.shot(seq, self.conditions(seq))

    def conditions(self, seq: int) -> Conditions:
        """What the picture `seq` is taken under."""
        options = self._options
        pen = next((pen for slot in self._slots if (pen := slot.pen(seq))), None)
        return conditions_at(options.trouble, seq / options.active_fps, options.size, pen)

    def _truth_at(self, seq: int) -> list[Truth]:
        dx, dy = np.rint(self._scene.drift(seq) + self.conditions(seq).nudge).astype(int).tolist()
        found = [truth for slot in self._slots if (truth := slot.truth(seq))]
        return [t._replace(box=(t.box[0] + dx, t.box[1] + dy, *t.box[2:])) for t in found]

    def _tell(self, seq: int, at: float) -> None:
        """Append to the truth file when what is written has changed."""
        if not self._options.truth:
            return
        truth = self.truth_at(seq)
        if seq == 0 or [t[::2] for t in truth] != [t[::2] for t in self._told]:
            numbers = [{"text": t.text, "box": t.box} for t in truth]
            _append(self._options.truth, json.dumps({"seq": seq, "at": at, "numbers": numbers}) + "\n")
        self._told = truth


class _Slot:
    """A place on the page where one number stands, and is wiped and written anew, again and again.

    Its life is a pure function of the frame number: revision k starts with `empty` frames of nothing and
    `busy` frames of being written, then stands until the next one starts.
    """

    def __init__(self, options: SimulatedOptions, scene: Scene, index: int) -> None:
        self._key, self._scene = (options.seed, 3, index), scene
        rng = np.random.default_rng(self._key)
        self._hold = max(4, round(options.hold * options.active_fps))
        self._empty = max(1, min(round(0.6 * options.active_fps), self._hold // 6))
        self._busy = max(1, min(round(0.8 * options.active_fps), self._hold // 6))
        self._phase = rng.uniform(0.3, 0.95)
        self._person = int(rng.integers(2**31))
        self._stranger = options.writer
        self._pen = scene.pen(rng)
        self._home, self._height, self._room = _place(rng, options, index)
        self._ink = lru_cache(maxsize=4)(self._written)
        self._used: Box = (0, 0, 0, 0)

    def state(self, seq: int) -> tuple[int, float]:
        """Revision, and how much of it is written, 0..1."""
        k = self._revision(seq)
        start = self._start(k)
        if start <= 0:  # it stood there before we looked
            return k, 1.0
        return k, min(1.0, max(0.0, (seq - start - self._empty + 1) / (self._busy + 1)))

    def truth(self, seq: int) -> Truth | None:
        """What stands there at `seq`; None while it is being rewritten."""
        k, done = self.state(seq)
        if done < 1:
            return None
        start, ink = self._start(k), self._ink(k)
        return Truth(ink.text, ink.box, start + self._empty + self._busy if start > 0 else 0)

    def pen(self, seq: int) -> tuple[float, float] | None:
        """Where the pen, or the cloth, is in frame pixels while the number is being rewritten."""
        k, done = self.state(seq)
        if done >= 1:
            return None
        points = np.vstack(self._ink(k).strokes)
        x, y = points[min(len(points) - 1, int(done * len(points)))].tolist()
        return x, y

    def draw(self, k: int, done: float) -> None:
        """Wipe the place, write the first `done` of revision k; a board keeps a ghost of the one before."""
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
        """The frame in which revision k - 1 is wiped off."""
        wobble = np.random.default_rng([*self._key, k]).uniform(-0.12, 0.12)
        return round((k - self._phase + wobble) * self._hold)

    def _text(self, k: int) -> str:
        rng = np.random.default_rng([*self._key, k, 1])
        length = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.08, 0.17, 0.25, 0.25, 0.15, 0.1]))
        digits = [int(rng.integers(10)) for _ in range(length)]
        digits[-1] = digits[-1] // 2 * 2 + k % 2  # never the same number twice in a row
        # a lone 1 may be a bare stroke, which nobody could call a number
        return "7" if digits == [1] else "".join(DIGITS[digit] for digit in digits)

    def _written(self, k: int) -> _Ink:
        writer = self._writer(k)
        written = writer.number(self._text(k), self._height)
        size = min(1.0, self._room / max(x + w for x, _, w, _ in written.boxes))
        strokes = tuple(self._seen(stroke * np.float32(size) + self._home) for stroke in written.strokes)
        thickness = max(self._height / 24, writer.thickness * self._height * size)
        return _Ink(written.text, strokes, thickness, _around(strokes, thickness))

    def _writer(self, k: int) -> Writer:
        if not self._stranger:
            return Writer(self._person, occasion=k)
        occasion = int(np.random.default_rng([*self._key, k, 2]).integers(2**31))  # on no other page the same
        return Writer(self._stranger, occasion, UNUSUAL)

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
    points = np.vstack(strokes)
    x, y = np.floor(points.min(0) - thickness / 2).astype(int).tolist()
    right, bottom = np.ceil(points.max(0) + thickness / 2).astype(int).tolist()
    return x, y, right - x, bottom - y


def _union(a: Box, b: Box) -> Box:
    x, y = min(a[0], b[0]), min(a[1], b[1])
    return x, y, max(a[0] + a[2], b[0] + b[2]) - x, max(a[1] + a[3], b[1] + b[3]) - y


def _append(path: str, text: str) -> None:
    """Raises ConfigError when the file cannot be written."""
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"camera.truth: cannot write {path}: {error.strerror}; name another file") from error

"""A page of the simulated camera on which a test writes, with disturbances that it chooses."""

from __future__ import annotations

import numpy as np

from edge_daemon.decision.rules import FieldOptions
from edge_daemon.domain import Box, Frame, Patch, Status
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.sources.simulated.disturbances import CLEAR, Conditions
from edge_daemon.sources.simulated.handwriting import Writer
from edge_daemon.sources.simulated.scene import Pen, Scene

SIZE = (640, 480)
FPS = 5.0
REGION = (60.0, 180.0, 400.0, 110.0)
"""The field: a box around the place where `write` writes by default."""
AT, HEIGHT = (120, 205), 60.0
LOOKS = 10
"""Frames for which a field is undecided after a change, as with a settle time of 2 s."""


class Stage:
    """A page and the fields that look at it; they know only the pictures, and which fields are undecided."""

    def __init__(self, seed: int = 3, surface: str = "paper", region: Box | tuple[float, ...] = REGION) -> None:
        self.scene = Scene(seed, surface, SIZE)
        self.pen = self.scene.pen(np.random.default_rng(seed))
        self.options = [FieldOptions("number", region)]  # type: ignore[arg-type]
        self.fields = FieldExtractor(self.options)
        self.seq = 0
        self._left = LOOKS

    def write(
        self, text: str, at: tuple[int, int] = AT, height: float = HEIGHT, pen: Pen | None = None, thick: float = 0.07
    ) -> None:
        """Clears the middle of the page and writes there; "" only clears."""
        written = Writer(7, self.seq).number(text, height)
        strokes = [stroke + np.array(at, np.float32) for stroke in written.strokes]
        self.scene.write((40, 160, 560, 150), [(strokes, thick * height, pen or self.pen)])

    def frame(self, conditions: Conditions = CLEAR, step: int = 1) -> Frame:
        """The picture `step` fifths of a second later."""
        self.seq += step
        pixels = self.scene.shot(self.seq, conditions)
        return Frame(self.seq, 1e9 + self.seq / FPS, self.seq / FPS, pixels)

    def look(self, conditions: Conditions = CLEAR, step: int = 1) -> list[Patch]:
        """The patches that the fields cut out of that picture."""
        undecided = {"number"} if self._left > 0 else set()
        patches = self.fields.cut(self.frame(conditions, step), undecided)
        if patches:
            self._left = self._left - 1 if undecided else LOOKS
        return patches

    def watch(self, seconds: float, conditions: Conditions = CLEAR, step: int = 1) -> list[Status]:
        """The statuses of all patches during some seconds, with a picture every `step` fifths of a second."""
        looks = [self.look(conditions, step) for _ in range(round(seconds * FPS / step))]
        return [patch.status for patches in looks for patch in patches]

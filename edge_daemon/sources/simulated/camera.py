"""A camera without hardware: it draws handwritten numbers that change, and knows what it drew.

For the demo, for tests and for trying a configuration on a laptop. It is realistic on purpose: light, shadow, blur,
noise and varying handwriting, yet a person can read everything on it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import ConfigError
from edge_daemon.sources.frame_rate import FrameRate, wait_until
from edge_daemon.sources.simulated.disturbances import Conditions, conditions_at
from edge_daemon.sources.simulated.number import RewrittenNumber, Truth
from edge_daemon.sources.simulated.options import SimulatedOptions
from edge_daemon.sources.simulated.scene import Scene


class SimulatedCamera:
    """A Source. Picture `n` of a seed is always the same, also out of order.

    `truth_at(seq)` returns what is written in picture `seq`. The daemon never calls it, and drawing does not depend on
    it, so a test may replace it and expect the same pictures.
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
        self._numbers = [RewrittenNumber(options, self._scene, i) for i in range(options.numbers)]
        self._states: list[object] = [None] * options.numbers
        self._last_truth: list[Truth] = []
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
            self._append_truth(seq, at)
            yield Frame(seq, at, mono, self.picture(seq))
            seq += max(1, round(self._rate.interval * fps))
            if self._options.realtime:
                seq = max(seq, int((self._now() - start) * fps))

    def picture(self, seq: int) -> Grey:
        """The picture `seq`, a fresh (h, w) uint8 array."""
        for i, slot in enumerate(self._numbers):
            state = slot.state(seq)
            if state != self._states[i]:
                slot.draw(*state)
                self._states[i] = state
        return self._scene.shot(seq, self.conditions(seq))

    def conditions(self, seq: int) -> Conditions:
        """The conditions under which picture `seq` is taken."""
        options = self._options
        pen = next((pen for slot in self._numbers if (pen := slot.pen(seq))), None)
        return conditions_at(options.trouble, seq / options.active_fps, options.size, pen)

    def _truth_at(self, seq: int) -> list[Truth]:
        dx, dy = np.rint(self._scene.drift(seq) + self.conditions(seq).nudge).astype(int).tolist()
        found = [truth for slot in self._numbers if (truth := slot.truth(seq))]
        return [t._replace(box=(t.box[0] + dx, t.box[1] + dy, *t.box[2:])) for t in found]

    def _append_truth(self, seq: int, at: float) -> None:
        """Append to the truth file when what is written has changed."""
        if not self._options.truth:
            return
        truth = self.truth_at(seq)
        if seq == 0 or [t[::2] for t in truth] != [t[::2] for t in self._last_truth]:
            numbers = [{"text": t.text, "box": t.box} for t in truth]
            _append(self._options.truth, json.dumps({"seq": seq, "at": at, "numbers": numbers}) + "\n")
        self._last_truth = truth


def _append(path: str, text: str) -> None:
    """Raises ConfigError when the file cannot be written."""
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"camera.truth: cannot write {path}: {error.strerror}; name another file") from error

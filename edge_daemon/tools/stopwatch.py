"""What calls take, by name, in seconds of CPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Classifier, Glyph

P = ParamSpec("P")
T = TypeVar("T")

Lap = defaultdict[str, float]
"""Seconds by name; 0 for what was never called."""


@dataclass(slots=True)
class Stopwatch:
    """Seconds of CPU, all threads together, of calls made through it; one inside another counts once, as itself."""

    lap: Lap = field(default_factory=lambda: defaultdict(float))
    _inside: float = 0.0

    def time(self, name: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """call(*args), and what it took besides the timed calls that it made itself."""
        before, self._inside = self._inside, 0.0
        start = process_time()
        result = call(*args, **kwargs)
        took = process_time() - start
        self.lap[name] += took - self._inside
        self._inside = before + took
        return result


@dataclass(slots=True)
class TimedClassifier:
    """domain.Classifier: another one, its time taken as "classify"."""

    watch: Stopwatch
    inner: Classifier
    name: str
    backend: str

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        return self.watch.time("classify", self.inner.classify, glyphs)

"""Measures the CPU seconds of calls, by name."""

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
"""Name -> seconds; 0 for a name that was never timed."""


@dataclass(slots=True)
class Stopwatch:
    """Measures calls made through it, all threads together; a call inside another counts only for itself."""

    lap: Lap = field(default_factory=lambda: defaultdict(float))
    _inside: float = 0.0

    def time(self, name: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of call(*args); its time is added to `name`, without the timed calls that it made."""
        before, self._inside = self._inside, 0.0
        start = process_time()
        result = call(*args, **kwargs)
        took = process_time() - start
        self.lap[name] += took - self._inside
        self._inside = before + took
        return result


@dataclass(slots=True)
class TimedClassifier:
    """domain.Classifier that runs another one and times it as "classify"."""

    watch: Stopwatch
    inner: Classifier
    name: str
    backend: str

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        return self.watch.time("classify", self.inner.classify, glyphs)

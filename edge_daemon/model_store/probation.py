"""A new model beside the one before it, on what the camera sees: kept only where it is no worse.

Both read every glyph for so many frames; the new one speaks. It is left at once where it fails or answers with what
are no probabilities, and at each inspection where it is less sure, refuses more, contradicts what the old one is sure
of, or is much slower.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Classifier, Glyph

log = logging.getLogger(__name__)

FRAMES = 200
"""So many frames with something to read."""
INSPECTED = 50
"""Frames from one inspection to the next."""
LESS_SURE, MORE_REFUSED, CONTRADICTED, SLOWER = 0.05, 0.10, 0.05, 5.0
"""What is worse: confidence of what both call a digit, share refused, share of what the old one is sure of and the new
one reads otherwise, and how many times the old one's time."""
SURE = 0.95
GRACE = 1e-3
"""Seconds a digit that are never too slow."""


class Probation:
    """domain.Classifier: the new one, until it is left."""

    def __init__(
        self,
        new: Classifier,
        old: Classifier,
        verdict: Callable[[str], None],
        now: Callable[[], float] = time.perf_counter,
        contradicts: float = 0.0,
    ) -> None:
        """`verdict` is called once, from within `classify`, with why it is to be left; "": it is kept.

        `contradicts`: so much more of what the old one is sure of may be denied, 0..1: it is known to err.
        """
        self._contradicts = contradicts
        self.name = new.name
        self._new, self._old = new, old
        self._verdict = verdict
        self._now = now
        self._frames = 0
        self._over = False
        self._tally = np.zeros(8)
        self._took = [0.0, 0.0]

    @property
    def backend(self) -> str:
        return self._new.backend

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """What the new one says; once it is left, what the old one says."""
        if self._over or not glyphs:
            return self._new.classify(glyphs)
        start = self._now()
        try:
            said = self._new.classify(glyphs)
            if not np.isfinite(said).all():
                raise ValueError("it answers with what are no numbers")
        except Exception as error:  # whatever a model makes the runtime raise is the model's fault
            self._end(f"it failed: {error}")
            return self._new.classify(glyphs)
        middle = self._now()
        usual = self._old.classify(glyphs)
        self._count(said, usual, middle - start, self._now() - middle)
        if self._frames % INSPECTED == 0:
            why = self._worse()
            if why or self._frames >= FRAMES:
                self._end(why)
        return said

    def _count(self, said: NDArray[np.float32], usual: NDArray[np.float32], took: float, took_usually: float) -> None:
        self._frames += 1
        self._took[0] += took
        self._took[1] += took_usually
        best, best_usually = said.argmax(axis=1), usual.argmax(axis=1)
        both = (best != NOT_A_DIGIT) & (best_usually != NOT_A_DIGIT)
        sure = (usual.max(axis=1) >= SURE) & (best_usually != NOT_A_DIGIT)
        self._tally += (
            len(said),
            (best == NOT_A_DIGIT).sum(),
            (best_usually == NOT_A_DIGIT).sum(),
            both.sum(),
            said[both].max(axis=1).sum() if both.any() else 0.0,
            usual[both].max(axis=1).sum() if both.any() else 0.0,
            sure.sum(),
            (sure & (best != best_usually)).sum(),
        )

    def _worse(self) -> str:
        """Why it is worse than the old one; empty: it is not."""
        glyphs, refused, refused_usually, both, surety, usual_surety, sure, contradicted = self._tally
        took, took_usually = (seconds / glyphs for seconds in self._took)
        if (refused - refused_usually) / glyphs > MORE_REFUSED:
            return f"it refused {refused / glyphs:.0%} of all ink, the model before it {refused_usually / glyphs:.0%}"
        if both and (usual_surety - surety) / both > LESS_SURE:
            return f"its confidence was {surety / both:.2f}, that of the model before it {usual_surety / both:.2f}"
        if sure and contradicted / sure > CONTRADICTED + self._contradicts:
            return f"it contradicted {contradicted / sure:.0%} of what the model before it was sure of"
        if took > max(GRACE, SLOWER * took_usually):
            return f"it took {took * 1e3:.1f} ms for a digit, the model before it {took_usually * 1e3:.1f} ms"
        return ""

    def _end(self, why: str) -> None:
        self._over = True
        log.info("%s has stood its probation", self.name) if not why else log.error("%s is left: %s", self.name, why)
        if why:
            self._new, self.name = self._old, self._old.name
        self._verdict(why)

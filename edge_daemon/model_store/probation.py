"""Probation: a new model reads beside the old one (the one before it), and stays active only if it is no worse.

Both read every glyph of FRAMES frames; the answers of the new one are used. It is given up at once if it fails or gives
NaN, and at an inspection if it is less confident, refuses more, contradicts confident answers of the old one, or is
much slower.
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
"""Length of a probation, in frames that contain glyphs."""
INSPECTED = 50
"""Frames from one inspection to the next."""
LESS_CONFIDENT = 0.05
"""It is given up if its mean confidence, over glyphs that both call a digit, is lower by more than this."""
MORE_REFUSED = 0.10
"""It is given up if it calls a larger share of the glyphs "not a digit", by more than this."""
CONTRADICTED = 0.05
"""It is given up if it gives another answer for more than this share of the glyphs that the old one reads with
confidence."""
SLOWER = 5.0
"""It is given up if it takes more than this multiple of the old one's time."""
CONFIDENT = 0.95
"""Confidence from which an answer of the old model counts as confident."""
FAST_ENOUGH = 1e-3
"""Seconds for one digit; a model that needs no more is never too slow."""


class Probation:
    """domain.Classifier: the new model, until it is given up; then the old one."""

    def __init__(
        self,
        new: Classifier,
        old: Classifier,
        end: Callable[[str], None],
        now: Callable[[], float] = time.perf_counter,
        contradicts: float = 0.0,
    ) -> None:
        """`end` is called once, from within `classify`, with the reason why the new model is given up; "": it stays.

        `contradicts` is added to CONTRADICTED: the old model is known to be wrong on that share of the glyphs.
        """
        self._contradicts = contradicts
        self.name = new.name
        self._new, self._old = new, old
        self._end = end
        self._now = now
        self._frames = 0
        self._over = False
        self._sums = np.zeros(8)
        """Glyphs; refused by the new model, by the old one; called a digit by both, the confidence of the new one and
        of the old one in those; read with confidence by the old one, and how many of those the new one contradicts."""
        self._seconds = [0.0, 0.0]
        """Taken by the new model, by the old one."""

    @property
    def backend(self) -> str:
        return self._new.backend

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """The probabilities of the new model; once it is given up, of the old one."""
        if self._over or not glyphs:
            return self._new.classify(glyphs)
        start = self._now()
        try:
            new = self._new.classify(glyphs)
            if not np.isfinite(new).all():
                raise ValueError("it gives values that are not numbers (NaN or infinite)")
        except Exception as error:  # any error that the runtime raises counts against the model
            self._finish(f"it failed: {error}")
            return self._new.classify(glyphs)
        middle = self._now()
        old = self._old.classify(glyphs)
        self._count(new, old, middle - start, self._now() - middle)
        if self._frames % INSPECTED == 0:
            why = self._worse()
            if why or self._frames >= FRAMES:
                self._finish(why)
        return new

    def _count(self, new: NDArray[np.float32], old: NDArray[np.float32], new_took: float, old_took: float) -> None:
        self._frames += 1
        self._seconds[0] += new_took
        self._seconds[1] += old_took
        new_best, old_best = new.argmax(axis=1), old.argmax(axis=1)
        both = (new_best != NOT_A_DIGIT) & (old_best != NOT_A_DIGIT)
        confident = (old.max(axis=1) >= CONFIDENT) & (old_best != NOT_A_DIGIT)
        self._sums += (
            len(new),
            (new_best == NOT_A_DIGIT).sum(),
            (old_best == NOT_A_DIGIT).sum(),
            both.sum(),
            new[both].max(axis=1).sum() if both.any() else 0.0,
            old[both].max(axis=1).sum() if both.any() else 0.0,
            confident.sum(),
            (confident & (new_best != old_best)).sum(),
        )

    def _worse(self) -> str:
        """Why the new model is worse than the old one; empty: it is not."""
        glyphs, new_refused, old_refused, both, new_confidence, old_confidence, confident, contradicted = self._sums
        new_took, old_took = (seconds / glyphs for seconds in self._seconds)
        if (new_refused - old_refused) / glyphs > MORE_REFUSED:
            return f"it refused {new_refused / glyphs:.0%} of all ink, the model before it {old_refused / glyphs:.0%}"
        if both and (old_confidence - new_confidence) / both > LESS_CONFIDENT:
            return (
                f"its confidence was {new_confidence / both:.2f}, that of the model before it"
                f" {old_confidence / both:.2f}"
            )
        if confident and contradicted / confident > CONTRADICTED + self._contradicts:
            return f"it contradicted {contradicted / confident:.0%} of the confident answers of the model before it"
        if new_took > max(FAST_ENOUGH, SLOWER * old_took):
            return f"it took {new_took * 1e3:.1f} ms for a digit, the model before it {old_took * 1e3:.1f} ms"
        return ""

    def _finish(self, why: str) -> None:
        self._over = True
        if why:
            log.error("model %s is given up: %s", self.name, why)
            self._new, self.name = self._old, self._old.name
        else:
            log.info("model %s has passed its probation", self.name)
        self._end(why)

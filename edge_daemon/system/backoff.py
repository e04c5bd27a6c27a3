"""How long to wait before the next try."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass
class Backoff:
    """How long to wait before the next try: doubling, with jitter, so that a fleet does not return as one."""

    first: float = 1.0
    longest: float = 300.0
    stable: float = 30.0
    """Seconds something must have worked for the waiting to start small again."""
    _next: float = 0.0

    def after(self, stood: float = 0.0) -> float:
        """Seconds to wait after something that worked for `stood` seconds."""
        ceiling = self.first if stood >= self.stable or not self._next else self._next
        self._next = min(2 * ceiling, self.longest)
        return ceiling * random.uniform(0.5, 1.0)

"""Pauses between attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass
class Backoff:
    """The pause before the next attempt: it doubles, with jitter, so that many devices do not return at once."""

    first: float = 1.0
    longest: float = 300.0
    stable: float = 30.0
    """Seconds for which something must have worked; then the pauses begin with `first` again."""
    _next: float = 0.0

    def after(self, stood: float = 0.0) -> float:
        """The next pause in seconds, after something that worked for `stood` seconds."""
        ceiling = self.first if stood >= self.stable or not self._next else self._next
        self._next = min(2 * ceiling, self.longest)
        return ceiling * random.uniform(0.5, 1.0)

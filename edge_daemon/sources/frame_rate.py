"""How often to look, and when the next frame is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Pace:
    """Frames a second: `active` while something happens, `idle` while nothing does. A source starts active.

    An idle pace above the active one counts as the active one.
    """

    def __init__(self, active: float, idle: float) -> None:
        self._active, self._idle = active, min(active, idle)
        self.hurry = True
        """Whether something happens. The path sets it between two frames, through Source.hurry."""

    @property
    def interval(self) -> float:
        """Seconds from one frame to the next."""
        return 1 / (self._active if self.hurry else self._idle)


def wait_until(due: float, tick: float, now: Callable[[], float], sleep: Callable[[float], None]) -> Iterator[None]:
    """Sleep until `now()` (monotonic seconds) reaches `due`; yields None whenever `tick` seconds went by."""
    while (left := due - now()) > 0:
        sleep(min(left, tick))
        if left > tick:
            yield None

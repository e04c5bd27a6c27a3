"""The frame rate: when the next frame is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class FrameRate:
    """Frames per second: `active` while something changes, `idle` otherwise. A source starts active.

    An idle rate above the active one counts as the active one.
    """

    def __init__(self, active: float, idle: float) -> None:
        self._active, self._idle = active, min(active, idle)
        self.is_active = True
        """Set by the path between two frames, through Source.set_active."""

    @property
    def interval(self) -> float:
        """Seconds from one frame to the next."""
        return 1 / (self._active if self.is_active else self._idle)


def wait_until(due: float, tick: float, now: Callable[[], float], sleep: Callable[[float], None]) -> Iterator[None]:
    """Sleep until `now()` (monotonic seconds) reaches `due`; yields None whenever `tick` seconds have passed."""
    while (left := due - now()) > 0:
        sleep(min(left, tick))
        if left > tick:
            yield None

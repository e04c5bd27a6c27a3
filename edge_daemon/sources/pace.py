"""When the next frame is due, for sources that have no clock of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def wait_until(
    due: float, tick: float, now: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[None]:
    """Sleep until `now()` (monotonic seconds) reaches `due`; yields None whenever `tick` seconds went by."""
    while (left := due - now()) > 0:
        sleep(min(left, tick))
        if left > tick:
            yield None

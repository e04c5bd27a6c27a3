"""A clock for tests that must not wait."""

from __future__ import annotations


class FakeClock:
    """Time passes only in `sleep`, which returns at once."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

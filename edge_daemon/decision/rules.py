"""What a value may do, going by the one before: the rules of a field, and why they hold a value back."""

from __future__ import annotations

from dataclasses import dataclass

from edge_daemon.domain import Status

ROLL_OVER = 0.1
"""Share of the whole range that a roll-over may step: 9990 -> 0005 is one, 9990 -> 5000 is a misread."""


@dataclass(frozen=True, slots=True)
class Rules:
    """All of one field; the default allows everything."""

    low: float | None = None
    high: float | None = None
    monotone: bool = False
    rate: float | None = None
    """How much a second the value may change, since the value before was written."""
    turn: float | None = None
    """Where the value begins again at 0 (10000 for four digits); None: nowhere."""
    step: float = 1.0
    """One of the last digit: always allowed, else a slow rate would forbid every change that is quick to follow."""

    def objection(self, value: float, before: float | None, elapsed: float) -> Status | None:
        """Why `value` cannot be believed, `elapsed` seconds after `before` was accepted; None if it can."""
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            return Status.OUT_OF_RANGE
        return None if before is None else self.objection_to_change(value, before, elapsed)

    def objection_to_change(self, value: float, before: float, elapsed: float) -> Status | None:
        """The same of the change alone, wherever the two values lie."""
        change = value - before
        if self.turn and change < 0 and change + self.turn <= ROLL_OVER * self.turn:
            change += self.turn
        elif self.turn and not self.monotone and change > 0 and self.turn - change <= ROLL_OVER * self.turn:
            change -= self.turn
        if self.monotone and change < 0:
            return Status.NOT_MONOTONE
        # half a step for what floats do to decimals
        if self.rate is not None and abs(change) > self.rate * max(0.0, elapsed) + 1.5 * self.step:
            return Status.RATE_TOO_HIGH
        return None

"""Draws cases, checks each, and counts what went wrong.

A Target has the cases that can be drawn, and `checking`, which gives the function that checks one. A check raises a
Fault, or any other error; it returns the seconds until the daemon had recovered, if it measures them.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

ODD = "aZ09_-+.,:;/#?~%=&@'\"[]{}()<>|\\ \t\n\r\0\x1b\x7f\x9béß中\u2028\u202e\ufeff\U0001f600\ud800"
"""Characters that something may stumble over. All of Unicode takes Hypothesis many seconds to prepare."""
BATCH = 10
"""Cases that are drawn with one seed."""
SHOWN = 2000
"""Characters of a case that are shown, at most."""


class Fault(AssertionError):
    """What the program must never do."""


class Died(Fault):
    """The process ended, hung, or logged a traceback."""


class Wrong(Fault):
    """A reading with the status `ok`, or an answer, that is not true."""


class Lost(Fault):
    """Something that was accepted was not delivered, or is not there any more."""


Check = Callable[[Any], float | None]


@dataclass(frozen=True)
class Target:
    """One kind of input."""

    cases: SearchStrategy[Any]
    checking: Callable[[Path], AbstractContextManager[Check]]
    """Gets an empty folder."""
    always: Sequence[Any] = ()
    """Cases that a campaign checks before it draws any."""


@dataclass
class Figures:
    """The counts of one campaign."""

    cases: int = 0
    died: int = 0
    wrong: int = 0
    lost: int = 0
    slowest_recovery: float = 0.0
    """Seconds until the daemon delivered, or read, again."""
    slowest_case: str = ""
    faults: list[str] = field(default_factory=list)
    """Each with its case."""

    def count(self, check: Check, case: Any) -> None:
        """Checks a case, and keeps what it raises."""
        self.cases += 1
        try:
            took = check(case) or 0.0
            if took > self.slowest_recovery:
                self.slowest_recovery, self.slowest_case = took, shown(case)
        except Exception as error:
            self.wrong += isinstance(error, Wrong)
            self.lost += isinstance(error, Lost)
            self.died += not isinstance(error, (Wrong, Lost))
            what = str(error) if isinstance(error, Fault) else traceback.format_exc()
            self.faults.append(f"{type(error).__name__}: {what}\n{shown(case)}")


def shown(case: object) -> str:
    """A case, as Python writes it."""
    return repr(case)[:SHOWN]


def run(
    target: Target,
    folder: Path,
    seconds: float,
    first_seed: int,
    most: float = math.inf,
    tell: Callable[[str], None] = print,
) -> Figures:
    """Checks the cases that are always checked, then drawn ones, until the time is over or there were `most` cases."""
    figures, until = Figures(), time.monotonic() + seconds

    def is_over() -> bool:
        return figures.cases >= most or time.monotonic() >= until

    with target.checking(folder) as check:

        def count(case: Any) -> None:
            if not is_over():
                before = len(figures.faults)
                figures.count(check, case)
                for fault in figures.faults[before:]:
                    tell(fault)

        for case in target.always:
            count(case)
        number = first_seed
        while not is_over():
            seed(number)(drawing(given(target.cases)(count)))()
            number += 1
    return figures


drawing = settings(
    max_examples=BATCH, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=list(HealthCheck)
)

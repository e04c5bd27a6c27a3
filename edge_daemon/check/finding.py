"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Level(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


Found = tuple[Literal[Level.OK], str] | tuple[Level, str, str]
"""Level, what, remedy. What is not OK has one: mypy sees to it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    section: str
    level: Level
    what: str
    remedy: str = ""

"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


Found = tuple[Literal[Level.OK], str] | tuple[Level, str, str]
"""(level, what, remedy); the type makes sure that all but OK have a remedy."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    section: str
    level: Level
    what: str
    remedy: str = ""

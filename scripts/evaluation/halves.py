"""Splits the measured sources into a half to choose constants with, and a half to report figures of.

Constants, thresholds, temperatures and early stopping use the choose half only. A source is a repository, a writer or
a file: no source is in both halves.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Half = Literal["choose", "report"]

HALVES: tuple[Half, Half] = ("choose", "report")
SALT = "3"
"""Appended to each name. With this value every set of fields has sources in both halves, and the halves hold about
equally many fields."""


def half(source: str) -> Half:
    """The half of a source; it depends on the name alone."""
    return "choose" if hashlib.sha256((source + SALT).encode()).digest()[0] % 2 else "report"

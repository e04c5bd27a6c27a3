"""What may be written in a field: digits as they were read -> the text they stand for, and its value.

##??        two to four digits
###.#       three digits, a decimal point, one digit; the point need not be seen, its place is known
##:##       a time: what is neither # nor ? stands where it stands
^20[0-9]+$  a regular expression, for the rest
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_daemon.domain import Candidate

DIGIT, MAYBE = "#", "?"
POINTS = ".,"
SEPARATORS = ".,:/- "
LONGEST = 32
REFUSED_WEIGHT = 0.25
"""What a candidate that does not fit still weighs against those that do: the person who wrote the format knows what is
written there, but a field can be misread, or hold something else."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format as the configuration has it; "" lets any number of digits pass."""

    pattern: str

    def text(self, digits: str) -> str | None:
        """The digits with their separators between them; None where they do not fit."""
        if self.is_expression:
            return digits if re.fullmatch(self.pattern, digits) else None
        if not self.pattern:
            return digits
        missing = self.most - len(digits)
        if not 0 <= missing <= self.pattern.count(MAYBE):
            return None
        left = iter(digits)
        said = ""
        for mark in self.pattern:
            if mark == MAYBE and missing:
                missing -= 1
            else:
                said += next(left) if mark in (DIGIT, MAYBE) else mark
        return said

    def accepts(self, text: str) -> bool:
        """Whether a text, separators and all, is one that may be written there."""
        return self.text("".join(filter(str.isdigit, text))) == text

    def written(self, value: str | int | float) -> str | None:
        """The text of a number, or a text as it is; None where it does not fit."""
        if not isinstance(value, str):
            value = self._as_text(value)
        fits = 0 < len(value) <= LONGEST and value.isascii() and self.accepts(value)
        return value if fits else None

    def _as_text(self, number: int | float) -> str:
        """With the zeros in front and behind that the format has."""
        plain = f"{number:.{self.decimals}f}" if self.pattern and not self.is_expression else f"{number:.15g}"
        if number < 0 or float(plain) != number:
            return ""
        if not self.pattern or self.is_expression:
            return plain
        return self.text(plain.replace(".", "").zfill(self.pattern.count(DIGIT))) or ""

    def fit(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Those that fit, as texts, their confidences lifted by what most of those that do not fit had."""
        texts = [(self.text(digits), sure) for digits, sure in candidates]
        refused = sum(sure for text, sure in texts if text is None)
        total = 1 - (1 - REFUSED_WEIGHT) * refused
        return tuple((text, sure / total) for text, sure in texts if text is not None)

    def value(self, text: str) -> int | float | None:
        """What a text means as a number; None where it is none, as 12:30 is."""
        number = text.replace(",", ".")
        if re.fullmatch(r"[0-9]+", number):
            return int(number)
        return float(number) if re.fullmatch(r"[0-9]+\.[0-9]+", number) else None

    @property
    def is_expression(self) -> bool:
        return self.pattern.startswith("^")

    @property
    def most(self) -> int:
        """The most digits that fit (not of an expression)."""
        return self.pattern.count(DIGIT) + self.pattern.count(MAYBE)

    @property
    def decimals(self) -> int:
        """Digits after the point."""
        point = max(self.pattern.rfind(mark) for mark in POINTS)
        return 0 if self.is_expression or point < 0 else len(self.pattern) - point - 1

    @property
    def holds_numbers(self) -> bool:
        """Whether what fits has a value: no separators but one decimal point."""
        others = self.pattern.replace(DIGIT, "").replace(MAYBE, "")
        return self.is_expression or not others or others in POINTS

    @property
    def turn(self) -> float | None:
        """What the highest value and one step more are, such as 10000 for ####; None where digits may be missing."""
        if self.is_expression or not self.pattern or MAYBE in self.pattern or not self.holds_numbers:
            return None
        return float(10 ** (self.most - self.decimals))


def check(pattern: str) -> None:
    """Raises ValueError("expected ...") for a format that cannot be followed."""
    if pattern.startswith("^"):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"expected a regular expression ({error})") from None
        return
    if pattern.startswith("-"):
        raise ValueError("expected no sign at the front: signs are not seen yet")
    if len(pattern) > LONGEST or set(pattern) - set(DIGIT + MAYBE + SEPARATORS):
        raise ValueError(
            f'expected up to {LONGEST} of "#", a digit, "?", a digit that may be missing, and separators '
            f'({SEPARATORS.strip()} or space) between them, or a regular expression that begins with "^"'
        )
    groups = re.split(f"[{re.escape(SEPARATORS)}]", pattern)
    if len(groups) > 1 and not all(DIGIT in group for group in groups):
        raise ValueError('expected at least one "#" before, between and behind separators')
    if len(groups) > 1 and sum(MAYBE in group for group in groups) > 1:
        raise ValueError('expected "?" on one side of a separator only: which digits are missing must be plain')

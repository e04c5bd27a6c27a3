"""Formats: what may be written in a field. Digits as they were read -> their text, and its value.

##??        two to four digits
###.#       three digits, a decimal point, one digit; the point need not be seen, its place is known
-##         a minus may stand before it, and is looked for
?#.#?       digits may be missing on both sides of the point, so the point must be found
##,##       a decimal comma; with three digits after it, it could also separate thousands (is_ambiguous)
##:##       a time: every other character stands where it is
^20[0-9]+$  a regular expression, for the rest
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_daemon.domain import Candidate, digits_of
from edge_daemon.recognition.punctuation import Marks

DIGIT, MAYBE, MINUS = "#", "?", "-"
POINTS = ".,"
SEPARATORS = ".,:/- "
LONGEST = 32
"""Characters of the longest format, and of the longest text that a person may set."""
REFUSED_WEIGHT = 0.25
"""The weight of the candidates that do not fit against those that do: the format says what is written there, but a
field can be misread, or hold something else."""
CLEAR_SIGN = 0.9
"""Probability from which signs that the format does not have are no dirt: the number is withheld."""

UNSEEN = Marks()
"""No marks were looked for."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format as the configuration has it; "" accepts any number of digits."""

    pattern: str

    def text(self, digits: str, seen: Marks = UNSEEN) -> str | None:
        """The text of the digits, with separators and the marks that were `seen`; None if they do not fit."""
        if self.is_expression:
            return digits if re.fullmatch(self.pattern, digits) else None
        if not self.pattern:
            return digits
        spread = self._around_seen_point(digits, seen) if self.looks_for_point else self._spread(digits)
        return spread and (MINUS + spread if self.is_signed and seen.minus else spread)

    def _spread(self, digits: str) -> str | None:
        missing = self.most - len(digits)
        if not 0 <= missing <= self.pattern.count(MAYBE):
            return None
        left = iter(digits)
        text = ""
        for mark in self._unsigned:
            if mark == MAYBE and missing:
                missing -= 1
            else:
                text += next(left) if mark in (DIGIT, MAYBE) else mark
        return text

    def _around_seen_point(self, digits: str, seen: Marks) -> str | None:
        if len(seen.points) != 1:
            return None
        point = next(mark for mark in self.pattern if mark in POINTS)
        parts = digits[: seen.points[0]], digits[seen.points[0] :]
        sides = self._unsigned.split(point)
        fits = all(side.count(DIGIT) <= len(part) <= len(side) for part, side in zip(parts, sides, strict=True))
        return point.join(parts) if fits else None

    def accepts(self, text: str) -> bool:
        """Whether a text, with its separators, fits."""
        points = tuple(len(digits_of(text[:i])) for i, mark in enumerate(text) if mark in POINTS)
        return self.text(digits_of(text), Marks(text.startswith(MINUS), points)) == text

    def written(self, value: str | int | float) -> str | None:
        """The text of a number, or a text as it is; None if it does not fit."""
        if not isinstance(value, str):
            value = self._as_text(value)
        fits = 0 < len(value) <= LONGEST and value.isascii() and self.accepts(value)
        return value if fits else None

    def _as_text(self, number: int | float) -> str:
        """With the zeros in front and behind that the format needs; "" if it does not fit."""
        if not self.pattern or self.is_expression:
            return f"{number:.15g}"
        plain = f"{abs(number):.{self.decimals}f}"
        if float(plain) != abs(number) or (number < 0 and not self.is_signed):
            return ""
        least = [group.count(DIGIT) for group in groups(self._unsigned)]
        whole, _, behind = plain.partition(".")
        if self.looks_for_point:
            whole, behind = whole.zfill(least[0]), behind.rstrip("0").ljust(least[1], "0")
        digits = (whole + behind).zfill(sum(least))
        return self.text(digits, Marks(number < 0, (len(digits) - len(behind),))) or ""

    def fit(self, candidates: tuple[Candidate, ...], seen: Marks = UNSEEN) -> tuple[Candidate, ...]:
        """The candidates that fit, as texts. Most of the confidence of the others goes to them.

        `seen` are the marks between the digits of the first candidate.
        """
        elsewhere = replace(seen, points=())  # in a text of another length the place of the point is unknown
        count = len(candidates[0][0])
        texts = [
            (self.text(digits, seen if len(digits) == count else elsewhere), confidence)
            for digits, confidence in candidates
        ]
        refused = sum(confidence for text, confidence in texts if text is None)
        total = 1 - (1 - REFUSED_WEIGHT) * refused
        return tuple((text, confidence / total) for text, confidence in texts if text is not None)

    def fit_signed(self, candidates: tuple[Candidate, ...], ink_before: bool = False) -> tuple[Candidate, ...]:
        """The candidates that fit, as texts; these candidates hold the signs that were read (`-4.2`).

        `ink_before`: ink that was not read as a minus stands where one would. Where the format has no signs, those that
        were read are taken for dirt, unless they are clear: then nothing fits.
        """
        if not self.has_signs and not self._is_clearly_signed(candidates):
            candidates = tuple((digits_of(text), confidence) for text, confidence in candidates)
        texts = [(self.text_of_signed(text, ink_before), confidence) for text, confidence in candidates]
        refused = sum(confidence for text, confidence in texts if text is None)
        total = 1 - (1 - REFUSED_WEIGHT) * refused if self.pattern else 1.0
        chances: dict[str, float] = {}
        for text, confidence in texts:
            if text is not None:
                chances[text] = chances.get(text, 0.0) + confidence / total
        if not self.pattern and texts[0][0] is None:
            return ()
        return tuple(sorted(chances.items(), key=lambda item: -item[1]))

    @property
    def has_signs(self) -> bool:
        """Whether a minus, or any sign between digits, may be part of a text that fits."""
        return self.is_expression or any(mark in SEPARATORS for mark in self.pattern)

    def _is_clearly_signed(self, candidates: Sequence[Candidate]) -> bool:
        """Whether signs were read that are certainly no dirt."""
        signed = sum(confidence for text, confidence in candidates if not text.isdigit())
        return signed > CLEAR_SIGN * sum(confidence for _, confidence in candidates)

    def text_of_signed(self, signed: str, ink_before: bool = False) -> str | None:
        """The text of what was read with its signs; None if it does not fit, or if a sign in it would be dropped."""
        if self.is_expression or not self.pattern:
            return self.text(signed) if self.is_expression or signed.isdigit() else None
        digits, minus = digits_of(signed), signed.startswith(MINUS)
        if (minus and not self.is_signed) or (self.is_signed and ink_before and not minus):
            return None
        signs = signs_between(signed)
        text = self.text(digits, Marks(minus, tuple(place for place, sign in signs if sign in POINTS)))
        known = {place: POINTS[0] if sign in POINTS else sign for place, sign in signs_between(text or "")}
        fits = all(known.get(place) == (POINTS[0] if sign in POINTS else sign) for place, sign in signs)
        return text if fits else None

    def value(self, text: str) -> int | float | None:
        """The number that a text stands for; None if it is not a number, like 12:30."""
        number = text.replace(",", ".")
        if re.fullmatch(r"-?[0-9]+", number):
            return int(number)
        return float(number) if re.fullmatch(r"-?[0-9]+\.[0-9]+", number) else None

    @property
    def is_expression(self) -> bool:
        """Whether it is a regular expression."""
        return self.pattern.startswith("^")

    @property
    def is_signed(self) -> bool:
        """Whether a minus may stand before the digits."""
        return self.pattern.startswith(MINUS)

    @property
    def looks_for_point(self) -> bool:
        """Whether the number of digits does not say where the point is."""
        return not self.is_expression and sum(MAYBE in group for group in groups(self._unsigned)) > 1

    @property
    def looks_for_marks(self) -> bool:
        """Whether a minus or a point must be looked for in the picture."""
        return self.is_signed or self.looks_for_point

    @property
    def _unsigned(self) -> str:
        return self.pattern.removeprefix(MINUS)

    @property
    def most(self) -> int:
        """The most digits that fit (not for an expression)."""
        return self.pattern.count(DIGIT) + self.pattern.count(MAYBE)

    @property
    def decimals(self) -> int:
        """The number of digits after the point."""
        point = max(self.pattern.rfind(mark) for mark in POINTS)
        return 0 if self.is_expression or point < 0 else len(self.pattern) - point - 1

    @property
    def holds_numbers(self) -> bool:
        """Whether a text that fits has a value: it has no separators but one decimal point."""
        others = self._unsigned.replace(DIGIT, "").replace(MAYBE, "")
        return self.is_expression or not others or others in tuple(POINTS)

    @property
    def is_ambiguous(self) -> bool:
        """Whether its comma may be a decimal comma or separate thousands: three digits follow, and no other mark."""
        before, comma, after = self.pattern.partition(",")
        return bool(comma) and after == 3 * DIGIT and not set(before) & set(POINTS) and not self.is_expression

    @property
    def rollover(self) -> float | None:
        """The value after the highest: 10000 for ####. A counter rolls over there; None if digits may be missing."""
        if not self.pattern or MAYBE in self.pattern or not self.holds_numbers or self.is_expression or self.is_signed:
            return None
        return float(10 ** (self.most - self.decimals))


def check(pattern: str) -> None:
    """Raises ValueError("expected ...") if the pattern is not a format."""
    if pattern.startswith("^"):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"expected a regular expression ({error})") from None
        return
    if len(pattern) > LONGEST or set(pattern) - set(DIGIT + MAYBE + SEPARATORS):
        raise ValueError(
            f'expected up to {LONGEST} of "#", a digit, "?", a digit that may be missing, and separators '
            f'({SEPARATORS.strip()} or space) between them, or a regular expression that begins with "^"'
        )
    parts = groups(pattern.removeprefix(MINUS))
    if (len(parts) > 1 or pattern.startswith(MINUS)) and not all(DIGIT in part for part in parts):
        raise ValueError('expected at least one "#" before, between and behind separators')
    if sum(MAYBE in part for part in parts) > 1 and not (len(parts) == 2 and any(p in pattern for p in POINTS)):
        raise ValueError('expected "?" on one side of a separator only, or one decimal point, which is then looked for')


def signs_between(text: str) -> list[tuple[int, str]]:
    """The signs between the digits of a text, each with the number of digits to its left."""
    inner = text.strip(SEPARATORS)
    return [(len(digits_of(inner[:i])), char) for i, char in enumerate(inner) if not char.isdigit()]


def groups(pattern: str) -> list[str]:
    """The parts of a pattern between its separators."""
    return re.split(f"[{re.escape(SEPARATORS)}]", pattern)

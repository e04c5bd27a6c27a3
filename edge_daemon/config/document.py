"""A TOML file as tables, and tables as dataclasses of options. Problems are collected, each with its line.

Every problem has one form:  FILE:LINE: [section] key: expected ...; got ...
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from edge_daemon.config.toml_lines import Place, find_error, places
from edge_daemon.errors import ConfigError
from edge_daemon.system.units import Quantity
from edge_daemon.system.urls import hide_path, hide_paths

T = TypeVar("T")
Table = dict[str, Any]
Check = Callable[[Any], object]
"""Checks a value beyond its type: raises ValueError("expected ...")."""
NOTHING: Mapping[str, Any] = {}

LONGEST_TEXT = 1024
"""Characters in the longest text that a key may have."""
SHOWN_TEXT = 60
"""Characters of a value that a problem shows."""
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LOGIN = re.compile(r".*@", re.DOTALL)
"""A login, which is never shown."""


class Document:
    """One TOML file: its tables, and the problems that were found in them."""

    def __init__(self, name: str, text: str) -> None:
        """Raises ConfigError if `text` is not TOML: nothing else can be checked then."""
        self._name = name
        self._problems: list[tuple[int, str]] = []
        try:
            self.tables: Table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            line, where = find_error(text, str(error))
            problem = re.sub(r" \(at .*\)$", "", str(error))
            self._problems.append((line, _one_line(f"{where}: not valid TOML: {problem}".removeprefix(": "))))
            self.raise_problems()
        self._lines: dict[Place, int] = {}
        for place, line in places(text):
            self._lines.setdefault(place, line)
            if place[-1] == 0:
                self._lines.setdefault(place[:-1], line)  # the first of several [[sections]]

    def add_problem(self, place: Place, problem: str) -> None:
        """Keep a problem, "expected ...; got ...", of the value at `place`."""
        self._problems.append((self.line(place), _one_line(f"{self._section_and_key(place)}: {problem}")))

    def raise_problems(self) -> None:
        """Raise ConfigError with all problems, one a line, in the order of the file."""
        if self._problems:
            in_order = sorted(self._problems, key=lambda problem: problem[0])
            raise ConfigError("\n".join(f"{self._name}:{line}: {text}" for line, text in in_order))

    def _section_and_key(self, place: Place) -> str:
        """[camera] size, or [[field]] region, or a key outside of any section."""
        keys = [key for key in place[1:] if isinstance(key, str)]
        match self.tables.get(str(place[0]), {}):
            case dict() as table if len(keys) > 1 and isinstance(table.get(keys[0]), dict):
                return " ".join([f"[{place[0]}.{keys[0]}]", *keys[1:]])
            case dict():
                return " ".join([f"[{place[0]}]", *keys])
            case [dict(), *_]:
                return " ".join([f"[[{place[0]}]]", *keys])
        return str(place[0])

    def line(self, place: Place) -> int:
        """The line of a key, or else of the nearest table around it, counted from 1."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def fill(
        self,
        place: Place,
        table: object,
        into: type[T],
        checks: Mapping[str, Check] = NOTHING,
        homes: Mapping[str, str] = NOTHING,
        also: Sequence[str] = (),
    ) -> T | None:
        """The table at `place` as the dataclass `into`; None if there are problems, which are kept.

        `checks` are key -> its check beyond the type, `homes` key -> the section where it belongs, for keys that are
        unknown here. `also` are keys that the caller reads itself.
        """
        if not isinstance(table, dict):
            name = ".".join(part for part in place if isinstance(part, str))
            self.add_problem(place, f"expected a section [{name}], in one bracket; got {show(table)}")
            return None
        before = len(self._problems)
        hints = get_type_hints(into, include_extras=True)
        defaults = defaults_of(into)
        values: Table = {}
        for key, value in table.items():
            if key in also:
                continue
            if key not in hints:
                self.add_problem((*place, key), _unknown_key(key, [*also, *hints], homes))
                continue
            try:
                values[key] = convert(value, hints[key])
                if key in checks:
                    checks[key](values[key])
            except ValueError as error:
                example, hint = _example(value, hints[key], defaults[key]), _suggest_choice(value, hints[key])
                self.add_problem((*place, key), f"{error}{example}; got {_shown(key, value)}{hint}")
        for key, default in defaults.items():
            if key not in table and default is dataclasses.MISSING:
                self.add_problem((*place, key), f"expected {describe(hints[key])}; got nothing, and it is needed")
        return into(**values) if len(self._problems) == before else None


def as_written(options: Any, table: Table) -> Table:
    """An options dataclass as plain data; sizes, durations and rates as the text in `table`, or of the default."""
    hints = get_type_hints(type(options), include_extras=True)
    quantities = {key: quantity for key, hint in hints.items() if (quantity := quantity_of(hint))}
    texts = {key: table.get(key, each.format(getattr(options, key))) for key, each in quantities.items()}
    return dataclasses.asdict(options) | texts


def defaults_of(options: type[Any]) -> Table:
    """Key -> its default; MISSING: it has none, and must be given."""
    missing = dataclasses.MISSING
    return {
        field.name: field.default if field.default_factory is missing else field.default_factory()
        for field in dataclasses.fields(options)
    }


def _one_line(problem: str) -> str:
    """A problem whose keys and values contain no line breaks and nothing that a terminal obeys."""
    return CONTROL_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", problem)


# Values


def quantity_of(hint: Any) -> Quantity | None:
    """How the text of a key with this type is read; None unless it is a size, a duration or a rate."""
    return next((meta for meta in get_args(hint) if isinstance(meta, Quantity)), None)


def convert(value: object, hint: Any) -> Any:
    """A value of a TOML file as the type `hint`. Raises ValueError("expected ...")."""
    if quantity := quantity_of(hint):
        if not isinstance(value, str):
            raise ValueError("expected text in quotes")
        return quantity.parse(value)
    for arm in _arms(hint):
        with suppress(msgspec.ValidationError):
            converted = msgspec.convert(value, arm, strict=True)
            break
    else:
        raise ValueError(f"expected {describe(hint)}")
    for leaf in _leaves(value):
        if isinstance(leaf, float) and not math.isfinite(leaf):
            raise ValueError(f"expected {describe(hint)}")
        if isinstance(leaf, str) and len(leaf) > LONGEST_TEXT:
            raise ValueError(f"expected at most {LONGEST_TEXT} characters")
        if isinstance(leaf, str) and CONTROL_CHARACTER.search(leaf):
            raise ValueError("expected text without control characters")
    return converted


def describe(hint: Any) -> str:
    """The values that a type allows, in words. A type brings its own as msgspec.Meta(extra={"expected": ...})."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        metas = [meta for meta in arguments[1:] if isinstance(meta, msgspec.Meta)]
        own = next((meta.extra["expected"] for meta in metas if meta.extra), None)
        return own or describe(arguments[0]) + "".join(_limits(meta) for meta in metas)
    if origin is Literal:
        return one_of(arguments)
    if origin in (Union, UnionType):
        return " or ".join(describe(arm) for arm in arguments if arm is not NoneType)
    if origin is tuple:
        return "[" + ", ".join(describe(item) for item in arguments) + "]"
    return {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}[hint]


def _limits(meta: msgspec.Meta) -> str:
    limits = {"at least": meta.ge, "above": meta.gt, "at most": meta.le}
    return "".join(f", {words} {limit}" for words, limit in limits.items() if limit is not None)


def one_of(choices: Iterable[object]) -> str:
    """Choices as they are written in TOML: `"a", "b" or "c"`."""
    *most, last = [show(choice) for choice in choices]
    return f"{', '.join(most)} or {last}" if most else last


def show(value: object) -> str:
    """A value as TOML writes it, shortened; of a URL only its host, and no login."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "a list of tables"
    if isinstance(value, str):
        value = LOGIN.sub("...@", hide_paths(value))
    if isinstance(value, (str, bool, list, tuple)):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}... ({len(text)} characters)"


def _shown(key: str, value: object) -> str:
    """As `show`, but without a secret that a person may have put there."""
    if "password" in key:
        return "something else (not repeated here)"
    if key == "url" and isinstance(value, list):
        return show([hide_path(each) if isinstance(each, str) else each for each in value])
    return show(hide_path(value) if key == "url" and isinstance(value, str) else value)


def _unknown_key(key: str, known: Iterable[str], homes: Mapping[str, str]) -> str:
    """The value is not shown: it may be a password in the wrong place."""
    hint = f". It belongs to {homes[key]}" if key in homes else suggest(key, known)
    return f"expected one of {', '.join(sorted(known))}; got an unknown key{hint}"


def suggest(given: str, known: Iterable[str]) -> str:
    """`. Did you mean ...?` if something known is similar, else nothing."""
    close = difflib.get_close_matches(given[:LONGEST_TEXT].lower(), list(known), n=1)
    return f". Did you mean {close[0]}?" if close else ""


def _suggest_choice(value: object, hint: Any) -> str:
    choices = [choice for choice in get_args(hint) if isinstance(choice, str)] if isinstance(value, str) else []
    return suggest(str(value), choices)


def _example(value: object, hint: Any, default: object) -> str:
    """`, like [1280, 720]`: the default, if `value` is not even of its kind."""
    quantity = quantity_of(hint)
    if quantity and isinstance(default, (int, float)):
        default = quantity.format(default)
    if get_origin(hint) is Literal or not default or not isinstance(default, (str, tuple)):
        return ""
    right = isinstance(value, str if isinstance(default, str) else list)
    return "" if right else f", like {show(default)}"


def _arms(hint: Any) -> tuple[Any, ...]:
    """The types in a union, one by one: msgspec does not take a union of two tuples."""
    if get_origin(hint) is Annotated and get_origin(get_args(hint)[0]) in (Union, UnionType):
        return _arms(get_args(hint)[0])
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _leaves(value: object) -> Iterator[object]:
    """Everything inside `value` that is neither a list nor a table."""
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value

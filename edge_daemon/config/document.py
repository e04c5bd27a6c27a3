"""A TOML file as tables that know their lines, and tables as dataclasses; what is wrong is collected.

Every problem is told in one form:  FILE:LINE: [section] key: expected ...; got ...
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from edge_daemon.errors import ConfigError
from edge_daemon.system.units import Quantity

T = TypeVar("T")
Table = dict[str, Any]
Check = Callable[[Any], object]
NOTHING: Mapping[str, Any] = {}
Place = tuple[str | int, ...]
"""The way to a value: ("camera", "size"), or ("field", 2, "region") in the third [[field]]."""

LONGEST_TEXT = 1024
SHOWN_TEXT = 60
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LOGIN = re.compile(r".*@", re.DOTALL)


class Document:
    """One TOML file: its tables, and the problems found in them so far."""

    def __init__(self, name: str, text: str) -> None:
        """Raises ConfigError where `text` is no TOML: nothing else can be said of it then."""
        self._name = name
        self._problems: list[tuple[int, str]] = []
        try:
            self.tables: Table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            line, where = _unreadable_statement(text, str(error))
            self._problems.append((line, f"{where}{_syntax_problem(error)}"))
            self.raise_problems()
        self._lines: dict[Place, int] = {}
        for place, line in _places(text):
            self._lines.setdefault(place, line)

    def say(self, place: Place, problem: str) -> None:
        """Note a problem, "expected ...; got ...", with what stands at `place`."""
        self._problems.append((self.line(place), f"{self._context(place)}: {problem}"))

    def raise_problems(self) -> None:
        """Raise ConfigError with all that was said, one a line in the order of the file."""
        if self._problems:
            in_order = sorted(self._problems, key=lambda problem: problem[0])
            raise ConfigError("\n".join(f"{self._name}:{line}: {text}" for line, text in in_order))

    def _context(self, place: Place) -> str:
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
        """The line of a key, or else of the nearest table around it; counted from 1."""
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
        besides: Sequence[str] = (),
    ) -> T | None:
        """The table at `place` as the dataclass `into`; None when there were problems, which are said then.

        `checks` are for what a key's type cannot say: they take the value and raise ValueError("expected ...").
        `homes` tells of keys that are unknown here where they belong. `besides` are keys that the caller reads.
        """
        if not isinstance(table, dict):
            name = ".".join(part for part in place if isinstance(part, str))
            self.say(place, f"expected a section [{name}], in one bracket; got {show(table)}")
            return None
        said = len(self._problems)
        hints = get_type_hints(into, include_extras=True)
        defaults = defaults_of(into)
        values: Table = {}
        for key, value in table.items():
            if key in besides:
                continue
            if key not in hints:
                self.say((*place, key), _unknown_key(key, [*besides, *hints], homes))
                continue
            try:
                values[key] = convert(value, hints[key])
                if key in checks:
                    checks[key](values[key])
            except ValueError as error:
                example, hint = _example(value, hints[key], defaults[key]), _suggest_choice(value, hints[key])
                self.say((*place, key), f"{error}{example}; got {_shown(key, value)}{hint}")
        for key, default in defaults.items():
            if key not in table and default is dataclasses.MISSING:
                self.say((*place, key), f"expected {describe(hints[key])}; got nothing, and it is needed")
        return into(**values) if len(self._problems) == said else None


def as_written(options: Any, table: Table) -> Table:
    """An options dataclass as plain data, with sizes, durations and rates as the text of `table` (or the default's)."""
    hints = get_type_hints(type(options), include_extras=True)
    quantities = {key: quantity for key, hint in hints.items() if (quantity := quantity_of(hint))}
    texts = {key: table.get(key, each.format(getattr(options, key))) for key, each in quantities.items()}
    return dataclasses.asdict(options) | texts


# Values


def quantity_of(hint: Any) -> Quantity | None:
    """How the configuration writes a key of this type, where it is a size, a duration or a rate."""
    return next((meta for meta in get_args(hint) if isinstance(meta, Quantity)), None)


def convert(value: object, hint: Any) -> Any:
    """`value` out of TOML as the type `hint`. Raises ValueError("expected ...")."""
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
    """What may stand where `hint` is the type, in a person's words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        metas = [meta for meta in arguments[1:] if isinstance(meta, msgspec.Meta)]
        expected = next((meta.extra["expected"] for meta in metas if meta.extra), None)
        return expected or describe(arguments[0]) + "".join(_limits(meta) for meta in metas)
    if origin is Literal:
        return one_of(arguments)
    if origin in (Union, UnionType):
        return " or ".join(describe(arm) for arm in arguments if arm is not NoneType)
    if origin is tuple:
        return "[" + ", ".join(describe(item) for item in arguments) + "]"
    return {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}[hint]


def one_of(choices: Iterable[object]) -> str:
    """A choice, as it is written in TOML: `"a", "b" or "c"`."""
    *most, last = [show(choice) for choice in choices]
    return f"{', '.join(most)} or {last}" if most else last


def show(value: object) -> str:
    """A value as TOML writes it, shortened; a login inside a URL is not repeated."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "a list of tables"
    if isinstance(value, str):
        value = LOGIN.sub("...@", value)
    if isinstance(value, (str, bool, list, tuple)):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}... ({len(text)} characters)"


def _shown(key: str, value: object) -> str:
    """As `show`, but for keys where a person may have put the secret itself."""
    return "something else (not repeated here)" if "password" in key else show(value)


def _unknown_key(key: str, known: Iterable[str], homes: Mapping[str, str]) -> str:
    """The value is not shown: it may be a password in the wrong place."""
    hint = f". It belongs to {homes[key]}" if key in homes else suggest(key, known)
    return f"expected one of {', '.join(sorted(known))}; got an unknown key{hint}"


def suggest(given: str, known: Iterable[str]) -> str:
    """`. Did you mean ...?` where something known is close; otherwise nothing."""
    close = difflib.get_close_matches(given[:LONGEST_TEXT].lower(), list(known), n=1)
    return f". Did you mean {close[0]}?" if close else ""


def _suggest_choice(value: object, hint: Any) -> str:
    choices = [choice for choice in get_args(hint) if isinstance(choice, str)] if isinstance(value, str) else []
    return suggest(str(value), choices)


def _example(value: object, hint: Any, default: object) -> str:
    """`, like [1280, 720]` where the default shows how `value` should have looked."""
    quantity = quantity_of(hint)
    default = quantity.format(default) if quantity and isinstance(default, (int, float)) else default
    if get_origin(hint) is Literal or not default or not isinstance(default, (str, tuple)):
        return ""
    right = isinstance(value, str if isinstance(default, str) else list)
    return "" if right else f", like {show(default)}"


def _limits(meta: msgspec.Meta) -> str:
    match meta:
        case msgspec.Meta(ge=int() | float() as low, le=int() | float() as high):
            return f" from {low} to {high}"
        case msgspec.Meta(ge=int() | float() as low):
            return f" of at least {low}"
        case msgspec.Meta(gt=int() | float() as low):
            return f" above {low}"
        case msgspec.Meta(le=int() | float() as high):
            return f" of at most {high}"
    return ""


def _arms(hint: Any) -> tuple[Any, ...]:
    """The types a union allows, one by one: msgspec takes no union of two tuples."""
    if get_origin(hint) is Annotated and get_origin(get_args(hint)[0]) in (Union, UnionType):
        return _arms(get_args(hint)[0])
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _leaves(value: object) -> Iterator[object]:
    """All that is no list and no table inside `value`."""
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value


def defaults_of(into: type[Any]) -> dict[str, Any]:
    """What each key is when it is not given; MISSING: it must be given."""
    missing = dataclasses.MISSING
    return {
        field.name: field.default if field.default_factory is missing else field.default_factory()
        for field in dataclasses.fields(into)
    }


# Lines. tomllib does not tell them; but a statement is the fewest lines that parse, and says what it sets.


def statements(text: str) -> Iterator[tuple[int, str, Table]]:
    """Each statement: the line it starts on, its words, what it says; at the end, one that never parsed: {}."""
    start, words = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        words += line + "\n"
        try:
            said = tomllib.loads(words)
        except (ValueError, RecursionError):
            continue
        if said:
            yield start, words, said
        start, words = number + 1, ""
    if words:
        yield start, words, {}


def _places(text: str) -> Iterator[tuple[Place, int]]:
    """Where each section and each key stands."""
    header: Place = ()
    arrays: Counter[Place] = Counter()
    for line, words, said in statements(text):
        if words.lstrip().startswith("["):
            *_, header = _paths(said)
            if isinstance(header[-1], int):  # [[field]] says nothing of how many there were before
                header = (*header[:-1], arrays[header])
                arrays[(*header[:-1], 0)] += 1
            yield header, line
        else:
            yield from (((*header, *path), line) for path in _paths(said))


def _paths(value: object) -> Iterator[Place]:
    """The way to every key inside `value`, outer ones first."""
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (key,)
            yield from ((key, *rest) for rest in _paths(item))


def _unreadable_statement(text: str, error: str) -> tuple[int, str]:
    """Line and section and key of the statement that tomllib's message is about."""
    told = re.search(r"at line (\d+)", error)
    upto = text.split("\n")[: int(told[1]) if told else None]
    found = [(line, words.strip()) for line, words, _ in statements("\n".join(upto))]
    line, words = found[-1]
    headers = [match[0] for _, words in found if (match := re.match(r"\[[^\n#]*", words))]
    key = re.match(r"""([\w."'-]+)\s*=""", words)
    where = " ".join([*(header.strip() for header in headers[-1:]), *([key[1]] if key else [])])
    return line, f"{where}: " if where else ""


ONCE = "expected each key and section once (only [[field]], in two brackets, may repeat); got it again"
VALUE = 'expected a value after =: "text" in quotes, a number, true, false or a [list]; got something else'
SYNTAX = {
    "Cannot overwrite a value": ONCE,
    "Cannot mutate immutable": ONCE,
    "Cannot declare": ONCE,
    "Expected '=' after": "expected key = value; got no = after the key",
    "Expected newline or end": "expected the line to end after the value; got more (is it text? put it in quotes)",
    "Expected ']": "expected a section in brackets, like [camera] or [[field]]; got no closing bracket",
    "Invalid value": VALUE,
    "Invalid statement": "expected a [section], key = value or a # comment; got something else",
    "Unclosed array": "expected ] at the end of the list; got none",
    "Unclosed inline table": "expected } at the end of the line; got none",
    "Unterminated string": "expected a closing quote; got none",
    "Expected \"'": "expected a closing quote; got none",
    "Illegal character '\\n'": "expected a closing quote on the same line; got none",
    "Unescaped '\\'": "expected \\\\ for a backslash (or the text in 'single quotes'); got a single one",
    "Invalid hex value": "expected \\\\ for a backslash (or the text in 'single quotes'); got a single one",
    "maximum recursion depth": "expected a value; got hundreds of brackets inside each other",
    "Exceeds the limit": "expected a number; got thousands of digits",
}
"""What tomllib says, as far as it can be foreseen, in the words of who wrote the file."""


def _syntax_problem(error: Exception) -> str:
    message = re.sub(r" \(at .*\)$", "", str(error))
    told = (ours for theirs, ours in SYNTAX.items() if message.startswith(theirs))
    return next(told, f"expected TOML; got something else: {message}")

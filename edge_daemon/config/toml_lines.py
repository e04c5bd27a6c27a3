"""The lines of a TOML file: where each section and key stands. tomllib does not say it.

A statement (a header, or a key with its value) is the fewest lines that parse by themselves; parsed, it says what it
sets.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]
"""The way to a value: ("camera", "size"), or ("field", 2, "region") in the third [[field]]."""


def statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement: its first line, counted from 1, its text, and its tables. If the last one does not parse: {}."""
    start, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            tables = tomllib.loads(statement)
        except (ValueError, RecursionError):
            continue
        if tables:
            yield start, statement, tables
        start, statement = number + 1, ""
    if statement:
        yield start, statement, {}


def is_header(statement: str) -> bool:
    """Whether a statement is a [section] or [[section]]."""
    return statement.lstrip().startswith("[")


def places(text: str) -> Iterator[tuple[Place, int]]:
    """Each section and key, with its line."""
    header: Place = ()
    arrays: Counter[Place] = Counter()
    for line, statement, tables in statements(text):
        if is_header(statement):
            *_, header = _paths(tables)
            if isinstance(header[-1], int):  # [[field]] alone does not say how many came before it
                header = (*header[:-1], arrays[header])
                arrays[(*header[:-1], 0)] += 1
            yield header, line
        else:
            yield from (((*header, *path), line) for path in _paths(tables))


def _paths(value: object) -> Iterator[Place]:
    """The way to every key inside `value`, outer ones first."""
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (key,)
            yield from ((key, *rest) for rest in _paths(item))


def find_error(text: str, error: str) -> tuple[int, str]:
    """Line, and section and key, of the statement in which tomllib found an `error`: it began there."""
    where = re.search(r"at line (\d+)", error)
    until = text.split("\n")[: int(where[1]) if where else None]
    found = [(line, statement.strip()) for line, statement, _ in statements("\n".join(until))]
    line, statement = found[-1]
    headers = [match[0].strip() for _, other in found if (match := re.match(r"\[[^\n#]*", other))]
    key = re.match(r"""([\w."'-]+)\s*=""", statement)
    return line, " ".join([*headers[-1:], *([key[1]] if key else [])])

"""Fields as a person draws them on the page -> the configuration file, everything else in it left as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomlkit

from edge_daemon.config import document as tables
from edge_daemon.config import schema
from edge_daemon.errors import ConfigError
from edge_daemon.fields import extract
from edge_daemon.system import atomic

KEYS = (
    "region", "rotation", "format", "text", "settle", "unit", "min", "max", "monotone", "max_rate", "wrap",
)  # fmt: skip
"""What the page sets, besides the name; other keys stay as they are in the file."""
_DEFAULTS = tables.as_written(extract.FieldRegion("field", (0, 0, 1, 1)), {})
DEFAULTS = {key: _DEFAULTS[key] for key in KEYS if key != "region"}
PLACES = 4
"""Decimals of a fraction of the frame: less than half a pixel."""


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    """A field on the page. It is checked where everything is: by config.parse."""

    name: str
    was: str | None = None
    """Its name in the file; None: it is new."""
    region: list[list[float]] | None = None
    """Four corners as fractions of the frame; None: as the file has it."""
    rotation: int = 0
    format: str = ""
    text: bool = False
    settle: str = DEFAULTS["settle"]
    unit: str = ""
    min: float | None = None
    max: float | None = None
    monotone: bool = False
    max_rate: str = ""
    wrap: bool = False


def of(field: Mapping[str, Any]) -> Draft:
    """A field that stands in the file, as the configuration holds what is written."""
    return Draft(field["name"], field["name"], None, **{key: field[key] for key in DEFAULTS})


def written(text: str, drafts: list[Draft]) -> str:
    """The configuration `text` with these fields in it and no others; comments and other keys stay.

    Raises ConfigError when `text` has its fields in another form than [[field]] sections.
    """
    lines = text.split("\n")
    blocks = list(_blocks(text))
    if len(blocks) != len(tomllib.loads(text).get("field", ())):
        raise ConfigError("the fields are written in another form than [[field]] sections; edit the file by hand")
    kept = {draft.was: draft for draft in drafts if draft.was is not None}
    there = names(text)
    added = [_filled("[[field]]\n", draft) for draft in drafts if draft.was not in there]
    end = blocks[-1][1] if blocks else len(text.rstrip("\n").split("\n"))
    lines[end:end] = [line for block in added for line in ("", *block.rstrip("\n").split("\n"))]
    for (first, last), name in reversed(list(zip(blocks, there, strict=True))):
        block = "\n".join(lines[first:last]) + "\n"
        if name in kept:
            lines[first:last] = _filled(block, kept[name]).rstrip("\n").split("\n")
        else:
            del lines[first - (first > 0 and not lines[first - 1].strip()) : last]
    return "\n".join(lines).rstrip("\n") + "\n"


def names(text: str) -> list[str]:
    """Of the fields in a configuration that is valid."""
    return [str(table["name"]) for table in tomllib.loads(text).get("field", ())]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """First line of each [[field]], from 0, and the one after its last key; comments that follow belong to nobody."""
    first = end = None
    for line, words, said in tables.statements(text):
        if words.lstrip().startswith("["):
            if first is not None and end is not None:
                yield first, end
            first = line - 1 if said.get("field") == [{}] else None
        end = line - 1 + words.count("\n")
    if first is not None and end is not None:
        yield first, end


def _filled(block: str, draft: Draft) -> str:
    """One [[field]] as TOML, with what the draft says."""
    document = tomlkit.parse(block)
    table: Any = document["field"][0]
    _put(table, "name", draft.name)
    if draft.region is not None:
        _put(table, "region", region(draft.region))
    for key, default in DEFAULTS.items():
        value = getattr(draft, key)
        if value != default:
            _put(table, key, value)
        elif key in table:
            del table[key]
    return tomlkit.dumps(document)


def _put(table: Any, key: str, value: Any) -> None:
    """Only what changes is written anew."""
    if key not in table or table[key] != value:
        table[key] = int(value) if isinstance(value, float) and value.is_integer() else value


def region(corners: list[list[float]]) -> list[Any]:
    """[x, y, width, height] where the four corners are those of an upright rectangle, otherwise the corners."""
    points = [[round(min(1.0, max(0.0, side)), PLACES) for side in corner] for corner in corners]
    if len(points) == 4 and all(len(point) == 2 for point in points):
        (left, top), (right, _), (_, bottom), _ = points
        if points == [[left, top], [right, top], [right, bottom], [left, bottom]]:
            return [left, top, round(right - left, PLACES), round(bottom - top, PLACES)]
    return points


def save(path: Path, text: str) -> None:
    """Put `text` in the place of the file, whole or not at all; mode and owner stay. Raises ConfigError."""
    schema.parse(str(path), text)
    try:
        atomic.rewrite(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be saved: {error.strerror}. Is it yours to change?") from None

"""The fields on the page -> the configuration file; everything else in the file stays as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

from edge_daemon.config.edit import blocks, edit_block
from edge_daemon.config.form import DRAWN, field_form
from edge_daemon.errors import ConfigError

FIELD: Mapping[str, Any] = {"field": [{}]}
"""The header [[field]], as TOML reads it."""
DECIMALS = 4
"""Of a fraction of the frame: less than half a pixel."""

Corners = list[list[float]]
"""Four corners [x, y] as fractions of the frame, clockwise from the top left."""


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    """A field on the page. Its keys are checked where all keys are: by schema.parse."""

    keys: dict[str, str | int | float | bool | None]
    """All keys but the region, as TOML writes them; None: not set."""
    was: str | None = None
    """Its name in the file; None: it is new."""
    region: Corners | None = None
    """None: as the file has it."""


def draft_of(field: Mapping[str, Any]) -> Draft:
    """The draft of a field in the file, one of schema.Config.written["fields"]."""
    return Draft({key: value for key, value in field.items() if key != DRAWN}, field["name"])


def with_fields(text: str, drafts: list[Draft]) -> str:
    """The configuration `text` with these fields and no others; comments, and keys that do not change, stay.

    Raises ConfigError if `text` has its fields in another form than [[field]] sections.
    """
    lines, there, places = text.split("\n"), names(text), list(blocks(text, FIELD))
    if len(places) != len(there):
        raise ConfigError("the fields are written in another form than [[field]] sections; edit the file by hand")
    kept = {draft.was: draft for draft in drafts if draft.was is not None}
    added = [_block("[[field]]\n", draft) for draft in drafts if draft.was not in there]
    end = places[-1][1] if places else len(text.rstrip("\n").split("\n"))
    lines[end:end] = [line for block in added for line in ("", *block)]
    for (first, last), name in reversed(list(zip(places, there, strict=True))):
        if name in kept:
            lines[first:last] = _block("\n".join(lines[first:last]) + "\n", kept[name])
        else:
            del lines[first - (first > 0 and not lines[first - 1].strip()) : last]
    return "\n".join(lines).rstrip("\n") + "\n"


def names(text: str) -> list[str]:
    """The names of the fields in a valid configuration."""
    return [str(table["name"]) for table in tomllib.loads(text).get("field", ())]


def _block(block: str, draft: Draft) -> list[str]:
    """The lines of one [[field]] with the keys of the draft."""
    defaults = {key: option.get("default") for key, option in field_form()["properties"].items()}
    [there] = tomllib.loads(block)["field"]
    changed = {key: value for key, value in draft.keys.items() if value != there.get(key, defaults.get(key))}
    values = {key: None if value == defaults.get(key) else _plain(value) for key, value in changed.items()}
    if draft.region is not None:
        values[DRAWN] = region_of(draft.region)
    first = {key: values[key] for key in ("name", DRAWN) if key in values}
    return edit_block(block, first | values).rstrip("\n").split("\n")


def _plain(value: Any) -> Any:
    """A number without a fraction as a whole number: min = 0, not 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def region_of(corners: Corners) -> list[Any]:
    """[x, y, width, height] if the corners are those of an upright rectangle, else the corners; rounded to DECIMALS."""
    points = [[round(min(1.0, max(0.0, side)), DECIMALS) for side in corner] for corner in corners]
    if len(points) == 4 and all(len(point) == 2 for point in points):
        (left, top), (right, _), (_, bottom), _ = points
        if points == [[left, top], [right, top], [right, bottom], [left, bottom]]:
            return [left, top, round(right - left, DECIMALS), round(bottom - top, DECIMALS)]
    return points

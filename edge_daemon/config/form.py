"""The form of one [[field]] for the page: a JSON Schema made from FieldOptions."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from edge_daemon.config.document import defaults_of, quantity_of
from edge_daemon.decision.rules import FieldOptions

DRAWN = "region"
"""The key that is not in the form: it is drawn on the picture."""


def field_form() -> dict[str, Any]:
    """The keys of a [[field]] as TOML writes them: a JSON Schema with the title, description and default of each.

    Sizes, durations and rates are strings there. Keys without a default are listed in `required`.
    """
    hints, defaults = get_type_hints(FieldOptions, include_extras=True), defaults_of(FieldOptions)
    keys = [_as_written(key, hint, defaults[key]) for key, hint in hints.items() if key != DRAWN]
    form: dict[str, Any] = msgspec.json.schema(msgspec.defstruct("field", keys))["$defs"]["field"]
    return form


def _as_written(key: str, hint: Any, default: Any) -> tuple[str, Any] | tuple[str, Any, Any]:
    """A key, its type in TOML, and its default if it has one."""
    if quantity := quantity_of(hint):
        metas = tuple(meta for meta in get_args(hint) if isinstance(meta, msgspec.Meta))
        return key, Annotated[(str, *metas)], quantity.format(default)
    return (key, hint) if default is MISSING else (key, hint, default)

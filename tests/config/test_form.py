"""The form of a field, which the page shows."""

from __future__ import annotations

import dataclasses

import jsonschema

from edge_daemon.config.form import field_form
from edge_daemon.config.schema import parse
from edge_daemon.decision.rules import RULES, FieldOptions

FIELD = '[[field]]\nname = "units"\nregion = [0.1, 0.2, 0.5, 0.25]\n'


def test_every_key_but_the_region_is_in_the_form() -> None:
    """In the order of the options, each with a title; the region is drawn."""
    keys = [field.name for field in dataclasses.fields(FieldOptions) if field.name != "region"]
    form = field_form()["properties"]
    assert list(form) == keys
    assert set(RULES) < set(form)
    assert all(option["title"] for option in form.values())


def test_a_field_as_it_is_written_is_valid() -> None:
    """The form describes the keys of the file: durations and rates are text, and the defaults are those of a field."""
    [written] = parse("c.toml", FIELD + 'settle = "1m"\nmax_rate = "5/m"\n').written["fields"]
    del written["region"]
    jsonschema.Draft202012Validator(field_form()).validate(written)
    assert (written["settle"], written["max_rate"]) == ("1m", "5/m")
    form = field_form()["properties"]
    assert all(written[key] == form[key]["default"] for key in written.keys() - {"name", "settle", "max_rate"})

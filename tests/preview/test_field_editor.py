"""Fields of the page are written into the configuration, and everything else in it stays."""

from __future__ import annotations

import difflib
from importlib.resources import files

import pytest

from edge_daemon.config import schema
from edge_daemon.errors import ConfigError
from edge_daemon.preview import field_editor
from edge_daemon.preview.field_editor import Draft
from tests.support.preview import FILE

QUAD = [[0.1, 0.3], [0.8, 0.32], [0.8, 0.6], [0.1, 0.58]]


def read(text: str) -> list[Draft]:
    """The drafts of the fields in a configuration."""
    return [field_editor.draft_of(field) for field in schema.parse("my.toml", text).written["fields"]]


def changes(before: str, after: str) -> list[str]:
    """Lines that were removed (-) and added (+)."""
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def test_unchanged_fields_leave_the_file_unchanged() -> None:
    """To the byte."""
    assert field_editor.with_fields(FILE, read(FILE)) == FILE


def test_changed_keys_are_changed_in_their_place() -> None:
    """One is added, one changed, one removed; comments and all other keys stay."""
    [units, rest] = read(FILE)
    units.keys |= {"format": "####", "min": None}
    rest.region = QUAD
    assert changes(FILE, field_editor.with_fields(FILE, [units, rest])) == [
        "- min = 0           # never below",
        '+ format = "####"',
        "- region = [0.1, 0.65, 0.6, 0.2]",
        "+ region = [[0.1, 0.3], [0.8, 0.32], [0.8, 0.6], [0.1, 0.58]]",
    ]


def test_fields_are_added_and_removed() -> None:
    """A new field follows the others; a removed one takes no other comment with it."""
    [units, _] = read(FILE)
    new = Draft({"name": "new", "unit": "pcs"}, region=[[0.1, 0.2], [0.5, 0.2], [0.5, 0.4], [0.1, 0.4]])
    text = field_editor.with_fields(FILE, [units, new])
    assert [field.name for field in schema.parse("", text).fields] == ["units", "new"]
    assert text.count("#") == FILE.count("#")
    assert 'region = [0.1, 0.2, 0.4, 0.2]\nunit = "pcs"' in text


def test_a_field_is_added_to_default_toml() -> None:
    """Hundreds of comments and no field: the first one is added at the end."""
    text = files("edge_daemon").joinpath("default.toml").read_text(encoding="utf-8")
    new = Draft({"name": "new", "format": "##"}, region=QUAD)
    added = field_editor.with_fields(text, [new])
    assert added.startswith(text.rstrip("\n"))
    assert field_editor.with_fields(added, []).rstrip("\n") == text.rstrip("\n")


def test_fields_in_another_form_are_left_alone() -> None:
    """`field = [{...}]` is valid: it is refused and not damaged."""
    text = 'field = [{name = "a", region = [0.1, 0.1, 0.2, 0.2]}]\n'
    with pytest.raises(ConfigError, match="by hand"):
        field_editor.with_fields(text, read(text))

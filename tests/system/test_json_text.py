"""Whatever a text contains, its JSON can be written and read."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.domain import Event
from edge_daemon.system import json_text

text = st.text(st.characters())
"""Any code points, halves of surrogate pairs included."""
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=10,
)


@given(values)
def test_any_value_is_encoded(value: Any) -> None:
    """As UTF-8 that every JSON reader takes; what is Unicode comes back as it was."""
    data = json_text.encode(value)
    found = msgspec.json.decode(data)  # refuses halves of surrogate pairs
    if is_unicode(value):
        assert found == value
        assert json.loads(data) == value


def is_unicode(value: object) -> bool:
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def test_a_record_with_a_name_that_is_not_utf_8() -> None:
    """Only the bytes that are no text are lost."""
    data = json_text.encode(Event("camera_problem", None, 1.5, {"text": "caf\udce9.jpg: cut short"}))
    assert msgspec.json.decode(data, type=Event).detail == {"text": "caf?.jpg: cut short"}

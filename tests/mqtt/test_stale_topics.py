"""Readings of fields that were removed or renamed are cleared at the broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.mqtt.stale_topics import stale_topics


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "published.json"


def test_a_renamed_field_is_cleared_at_every_start(file: Path) -> None:
    """Nothing at first; then the old name, at each start, as the broker may have been away; not when it is back."""
    assert stale_topics("dock3", file, ["tank", "gas"], False, []) == []
    for _ in range(2):
        assert stale_topics("dock3", file, ["water", "gas"], False, []) == ["edge_daemon/dock3/reading/tank"]
    assert stale_topics("dock3", file, ["tank", "gas"], False, []) == ["edge_daemon/dock3/reading/water"]


def test_bare_values_are_cleared_when_they_are_switched_off(file: Path) -> None:
    """The value of a present field too, but not its reading; a removed field loses both."""
    assert stale_topics("dock3", file, ["tank", "gas"], True, []) == []
    gas = ["edge_daemon/dock3/reading/gas", "edge_daemon/dock3/reading/gas/value"]
    assert stale_topics("dock3", file, ["tank"], True, []) == gas
    assert stale_topics("dock3", file, ["tank"], False, []) == [*gas, "edge_daemon/dock3/reading/tank/value"]


def test_numbers_of_the_whole_frame_are_cleared_when_there_are_fields(file: Path) -> None:
    """They are known from the outbox, also where an older version left no file; and the other way round."""
    assert stale_topics("dock3", file, [], False, ["auto-1"]) == []
    assert stale_topics("dock3", file, ["tank"], False, ["auto-1"]) == ["edge_daemon/dock3/reading/auto-1"]
    assert stale_topics("dock3", file, [], False, ["auto-1"]) == ["edge_daemon/dock3/reading/tank"]


def test_an_unchanged_file_is_not_written_again(file: Path) -> None:
    """A start writes nothing to the disk."""
    stale_topics("dock3", file, ["tank"], False, [])
    before = file.stat().st_ino
    stale_topics("dock3", file, ["tank"], False, [])
    assert file.stat().st_ino == before

"""What is published once at the start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_daemon import __version__
from edge_daemon.announce import announce_undone_upgrade
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.mqtt.messages import encode_record
from tests.support import schema_check


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "outbox", "dock3")
    yield opened
    opened.close()


def test_an_undone_upgrade_is_published_once(tmp_path: Path, outbox: Outbox) -> None:
    """One event names the version that was given up and the one that runs; the next start is silent, the next undone
    upgrade is not."""
    note, told = tmp_path / "undone", tmp_path / "told"
    announce_undone_upgrade(outbox, note, told)
    assert outbox.events(0) == []
    note.write_text("0.2.0-1a2b3c4d-py3.11 1795485000\n")
    for _ in range(2):
        announce_undone_upgrade(outbox, note, told)
    [entry] = outbox.events(0)
    message = encode_record("dock3", "digits", entry, replayed=False)
    assert message is not None
    assert schema_check.check(message.topic, message.payload) == "event"
    published = json.loads(message.payload)
    assert (published["event_type"], published["undone"]) == ("upgrade_undone", "0.2.0-1a2b3c4d-py3.11")
    assert published["version"] == __version__
    note.write_text("0.2.0-1a2b3c4d-py3.11 1795485999\n")
    announce_undone_upgrade(outbox, note, told)
    assert len(outbox.events(0)) == 2


@pytest.mark.parametrize("damage", [b"", b"\n \n", b"\xff\xfe\0"])
def test_a_damaged_note(tmp_path: Path, outbox: Outbox, damage: bytes) -> None:
    """Whatever is in the file, the daemon starts."""
    (tmp_path / "undone").write_bytes(damage)
    announce_undone_upgrade(outbox, tmp_path / "undone", tmp_path / "none/told")
    assert len(outbox.events(0)) == (damage[:1] == b"\xff")

"""Messages become rows; whatever else arrives becomes a dead letter that says why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge_daemon.domain import Entry
from edge_daemon.mqtt.messages import encode_record
from scripts.collecting.rows import DeadLetter, Event, Reading, Received, Row, State, parse
from tests.support.databases.collecting import received, said
from tests.support.records import event, reading


def row(topic: str, payload: bytes) -> Row:
    (found,) = parse([Received(topic, payload)])
    return found


def changed(**keys: Any) -> bytes:
    """The payload of a good reading, with other keys."""
    return json.dumps(json.loads(said(7).payload) | keys).encode()


def test_reading() -> None:
    """Of a live reading the field is in the topic, of a late one in the payload; an identifier has no value."""
    for replayed in (False, True):
        (found,) = parse([received(said(7, replayed))])
        assert isinstance(found, Reading)
        assert (found.device, found.epoch, found.field, found.value, found.unit) == (
            "dock3", "00000001", "units", 7, "pcs"
        )  # fmt: skip
    identifier = replace(reading(8), value=None, unit=None)
    (serial,) = parse(
        [received(encode_record("dock3", "value", Entry(8, "dock3/00000001/8", True, identifier), False))]
    )
    assert isinstance(serial, Reading)
    assert (serial.value, serial.unit, serial.text, serial.candidates) == (None, None, "00008", None)


def test_event_and_state() -> None:
    """An event keeps its whole message; the newest health is kept as it came."""
    (found,) = parse([received(encode_record("dock3", "value", Entry(9, "dock3/00000001/9", True, event(4)), False))])
    assert isinstance(found, Event)
    assert (found.device, found.seq, found.event_type) == ("dock3", 9, "reading_changed")
    assert json.loads(bytes(found.payload))["number"] == 4
    health = row("edge_daemon/dock3/problem", b'{"state": "OFF", "codes": [], "text": ""}')
    assert isinstance(health, State)
    assert (health.device, health.kind) == ("dock3", "problem")


def test_later_versions() -> None:
    """A status and keys of a later version are no reason to refuse a reading."""
    found = row("edge_daemon/dock3/reading/units", changed(status="too_wet", humidity=0.9))
    assert isinstance(found, Reading)
    assert found.status == "too_wet"


def test_a_cleared_topic_has_no_row() -> None:
    """An empty payload is how MQTT clears a retained topic."""
    assert parse([Received("edge_daemon/dock3/reading/units", b"")]) == []


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b"\xff", "malformed"),
        (b'{"id": "x"}', "missing required field"),
        (changed(seq="7"), "$.seq"),
        (changed(seq=2**64), "$.seq"),
        (changed(value="seven"), "$.value"),
        (changed(captured_at="2026-13-01T00:00:00.000Z"), "$.captured_at"),
        (changed(captured_at=7), "$.captured_at"),
        (changed(confidence=7), "$.confidence"),
        (changed(unit="\0"), "$.unit"),
        (changed(unit="long" * 100), "$.unit"),
        (changed(id="dock4/00000001/7"), "the id is not"),
        (changed(id="dock3/00000001/8"), "the id is not"),
        (changed(junk="x" * 10_000_000), "longer than 65,536 bytes"),
    ],
    ids=range(15),
)
def test_dead_letters(payload: bytes, why: str) -> None:
    """What is no reading is kept with its bytes and a reason that names the key."""
    found = row("edge_daemon/dock3/reading/units", payload)
    assert isinstance(found, DeadLetter)
    assert (found.payload, why in found.reason) == (payload, True), found.reason


@pytest.mark.parametrize("topic", ["edge_daemon/a dock/history", "edge_daemon//history", "edge_daemon/dock3/history"])
def test_topics(topic: str) -> None:
    """A device or a field without a proper name is not stored as one: `history` names the field in the payload."""
    assert isinstance(row(topic, said(7).payload), DeadLetter)

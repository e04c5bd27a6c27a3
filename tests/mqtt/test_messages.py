"""The payloads, key by key, as the MQTT contract states them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge_daemon.domain import Entry, Message, Record, Status
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.payloads import InfoPayload
from tests.support.records import event, reading

ALWAYS = [
    "status",
    "confidence",
    "captured_at",
    "time_quality",
    "votes",
    "id",
    "seq",
    "model",
    "backend",
    "replayed",
]


def encode(
    record: Record, detail: messages.Detail = "candidates", replayed: bool = False, synced: bool = True
) -> Message:
    entry = Entry(81234, "dock3/b7c1f00d/81234", synced, record)
    return messages.encode_record("dock3", detail, entry, replayed)


def payload(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(message.payload)
    return said


def test_reading_has_all_keys_of_the_contract() -> None:
    """A reading is retained on its field's topic, with exactly the keys and forms of the contract."""
    message = encode(reading(), "digits")
    assert (message.topic, message.qos, message.retain) == ("edge_daemon/dock3/reading/units", 1, True)
    assert payload(message) == {
        "value": 1234,
        "text": "01234",
        "unit": "pcs",
        "status": "ok",
        "confidence": 0.9312,
        "candidates": [["01234", 0.9312], ["01284", 0.04], ["07234", 0.01]],
        "digits": [{"top": [["0", 0.99], ["8", 0.01], ["6", 0.0]], "box": [12, 40, 28, 51]}],
        "captured_at": "2026-11-24T01:50:00.120Z",
        "value_at": "2026-11-24T01:50:00.120Z",
        "time_quality": "synced",
        "votes": [5, 5],
        "id": "dock3/b7c1f00d/81234",
        "seq": 81234,
        "model": "digits@1.2.0",
        "backend": "cpu",
        "replayed": False,
    }


@pytest.mark.parametrize(
    ("detail", "more"),
    [("value", set()), ("candidates", {"candidates"}), ("digits", {"candidates", "digits"})],
)
def test_detail(detail: messages.Detail, more: set[str]) -> None:
    """`detail` adds the candidates, then the digits, and changes nothing else."""
    assert set(payload(encode(reading(), detail))) == {*ALWAYS, "value", "text", "unit", "value_at", *more}


def test_nothing_accepted_yet() -> None:
    """Before the first accepted reading value, text and value_at are absent, not null."""
    refused = replace(reading(), status=Status.LOW_CONFIDENCE, text=None, value=None, value_at=None)
    assert set(payload(encode(refused, "value"))) == {*ALWAYS, "unit"}


def test_no_unit() -> None:
    """A field without a unit has no such key."""
    assert "unit" not in payload(encode(reading(unit="")))
    assert "unit" not in payload(encode(reading(unit=None)))


def test_identifier() -> None:
    """A field with an identifier has `text`, with leading zeros, and no `value`."""
    said = payload(encode(replace(reading(), text="007", value=None)))
    assert said["text"] == "007"
    assert "value" not in said


def test_replayed_reading_goes_to_history() -> None:
    """A late reading does not change the retained state; on the shared topic it names its field."""
    message = encode(reading(), "value", replayed=True)
    assert (message.topic, message.retain) == ("edge_daemon/dock3/history", False)
    assert payload(message)["replayed"] is True
    assert set(payload(message)) == {*ALWAYS, "field", "value", "text", "unit", "value_at"}


def test_gone_reading_clears_its_topic() -> None:
    """A number that has left the picture leaves no retained message behind."""
    message = encode(reading(field="auto-3", gone=True))
    assert message == Message("edge_daemon/dock3/reading/auto-3", b"", retain=True)


def test_clock_that_was_not_set() -> None:
    """The time of a record put before the clock was set is called an estimate."""
    assert payload(encode(reading(), synced=False))["time_quality"] == "estimated"
    assert payload(encode(event(), synced=False))["time_quality"] == "estimated"


def test_event() -> None:
    """An event is not retained, expires after an hour, and carries its details beside its type."""
    message = encode(event(7))
    assert (message.topic, message.qos, message.retain, message.expiry) == (
        "edge_daemon/dock3/event",
        1,
        False,
        3600,
    )
    assert payload(message) == {
        "event_type": "reading_changed",
        "field": "units",
        "number": 7,
        "at": "2026-11-24T01:50:00.120Z",
        "time_quality": "synced",
        "id": "dock3/b7c1f00d/81234",
        "seq": 81234,
    }
    assert "field" not in payload(encode(event(field=None)))


def test_availability_and_info() -> None:
    """Both are retained; availability is plain text."""
    online = messages.availability("dock3", True, 7)
    assert online == Message("edge_daemon/dock3/availability", b"online", retain=True, user=(("session", "7"),))
    assert messages.availability("dock3", False).payload == b"offline"
    told = messages.info("dock3", InfoPayload(version="0.1.0", model="digits@1", backend="cpu", fields=["units"]))
    said = b'{"version":"0.1.0","model":"digits@1","backend":"cpu","fields":["units"]}'
    assert told == Message("edge_daemon/dock3/info", said, retain=True)


def test_decode() -> None:
    """A subscriber gets the payload back; payloads of other senders are a ValueError."""
    message = encode(reading())
    assert messages.decode(message.topic, message.payload) == payload(message)
    assert messages.decode("edge_daemon/dock3/availability", b"online") == "online"
    assert messages.decode("edge_daemon/dock3/reading/auto-3", b"") == ""
    for junk in (b"[1]", b"\xff", b"{"):
        with pytest.raises(ValueError, match=r"."):
            messages.decode("edge_daemon/dock3/history", junk)

"""Every payload of messages.py keeps its JSON Schema, and the schemas match the contract."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from edge_daemon.domain import Entry, Event, Message, ReceivedMessage, Record, Status
from edge_daemon.mqtt import messages, schemas
from edge_daemon.mqtt.payloads import PAYLOADS, InfoPayload, UpdatePayload
from tests.support import schema_check
from tests.support.records import event, reading


def encoded(record: Record, detail: messages.Detail = "digits", replayed: bool = False) -> Message:
    return messages.encode_record("dock3", detail, Entry(7, "dock3/b7c1f00d/7", True, record), replayed)


NOTHING_YET = replace(reading(), text=None, value=None, value_at=None, candidates=(), digits=())
SAID: dict[str, list[Message]] = {
    "availability": [messages.availability("dock3", True, 3), messages.availability("dock3", False, 3)],
    "reading": [
        *(encoded(reading(), detail) for detail in ("value", "candidates", "digits")),
        *(encoded(reading(status=status, unit=None)) for status in Status),
        encoded(NOTHING_YET),
        encoded(reading(gone=True)),
        encoded(replace(reading(), text="007", value=None)),
    ],
    "value": [messages.bare_value("dock3", reading()), messages.bare_value("dock3", reading(gone=True))],
    "history": [encoded(reading(), replayed=True)],
    "event": [encoded(event()), encoded(Event("camera_problem", None, 0.0, {}))],
    "info": [messages.info("dock3", InfoPayload(version="0.1.0", model="digits@1", backend="cpu", fields=["units"]))],
    "update": [
        messages.update(
            "dock3",
            UpdatePayload("0.3.0", "0.4.0", in_progress=True, update_percentage=percent, release_summary=""),
        )
        for percent in (None, 0, 100)
    ],
    "enabled": [messages.enabled("dock3", True), messages.enabled("dock3", False)],
    "response": [
        messages.response("dock3", "restart", said, ReceivedMessage("edge_daemon/dock3/request/restart", b""))
        for said in (
            messages.success({}),
            messages.success({"a": 1}, "t"),
            messages.failure("no", 7),
            messages.failure("no"),
        )
    ],
    "snapshot": [messages.snapshot("dock3", "tank", b"\xff\xd8\xff\xe0")],
    "problem": [messages.problem("dock3", {}), messages.problem("dock3", {"client_id_in_use": "is it?"})],
}


ANSWERS = {"success", "failure", "response", "current_reading"}


def test_nothing_is_left_out() -> None:
    """Every function of messages.py that makes a message is tested here; health in the test of HealthReport."""
    makers = {
        name for name, made in inspect.getmembers(messages, inspect.isfunction) if made.__module__ == messages.__name__
    }
    makers -= {
        "base",
        "decode",
        "timestamp",
        "enabled_topic",
        "request_topics",
        "requested_command",
        "command_topics",
        "reading_topic",
        "bare_value_topic",
    }
    makers -= {name for name in makers if name.startswith("_")}
    told = {"availability", "encode_record", "bare_value", "info", "problem", "health", "update", "enabled", "snapshot"}
    assert makers == told | ANSWERS


@pytest.mark.parametrize("name", SAID)
def test_what_is_sent_keeps_its_schema(name: str) -> None:
    """Each message meets the schema of its own topic, which allows no key that it does not name."""
    for message in SAID[name]:
        assert schema_check.check(message.topic, message.payload) == name


def test_statuses_and_events_are_those_of_the_contract() -> None:
    """No status that the program knows is missing from the schema."""
    assert {status.value for status in Status} <= set(schemas.schema("reading")["properties"]["status"]["enum"])


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("reading", {"status": "fine"}),
        ("reading", {"value": "1234"}),
        ("reading", {"value": None}),
        ("reading", {"confidence": 1.2}),
        ("reading", {"captured_at": "2026-11-24 01:50"}),
        ("reading", {"id": "dock3/81234"}),
        ("reading", {"candidates": [["1", 0.9, 0.1]]}),
        ("history", {"replayed": False}),
        ("problem", {"state": "on"}),
    ],
)
def test_a_schema_refuses(name: str, wrong: dict[str, Any]) -> None:
    """A payload against the contract is refused by its schema."""
    good = json.loads(SAID[name][0].payload)
    Draft202012Validator(schemas.schema(name)).validate(good)
    with pytest.raises(ValidationError):
        Draft202012Validator(schemas.schema(name)).validate(good | wrong)


def test_the_command_prints_them() -> None:
    """`edge-daemon schema` lists all; with a name it prints that schema as JSON; an unknown name is refused."""

    def said(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "edge_daemon", "schema", *words], capture_output=True, text=True)

    assert [line.split()[0] for line in said().stdout.splitlines()] == list(PAYLOADS)
    for name in PAYLOADS:
        assert json.loads(said(name).stdout) == schemas.schema(name)
    wrong = said("readings")
    assert wrong.returncode == 2
    assert "availability, reading" in wrong.stderr

"""Listening as a subscriber would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge_daemon.domain import Entry, Message, Record
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.address import BrokerOptions, resolve
from edge_daemon.tools.watch import Payload, describe, watch
from tests.support.brokers.mosquitto import PATIENCE, Mosquitto, Recorder, free_port
from tests.support.records import event, reading


def message(record: Record, replayed: bool = False) -> Message:
    return messages.encode_record("dock3", "candidates", Entry(7, "dock3/b7c1f00d/7", True, record), replayed)


def line(message: Message) -> str:
    return describe(message.topic, messages.decode(message.topic, message.payload))


def take(count: int, heard: Iterator[tuple[str, Payload]]) -> list[tuple[str, Payload]]:
    return [next(heard) for _ in range(count)]


def test_hears_what_is_retained_and_what_comes(broker: Mosquitto, recorder: Recorder) -> None:
    """First the retained states, then everything as it comes; other topics are not heard."""
    recorder.say(message(reading(1)))
    recorder.wait_for(lambda _: recorder.count("/units"))
    heard = watch(resolve(BrokerOptions(broker.url)))
    recorder.say(Message("edge_daemon/dock3/health", b"{}"))
    for late in (message(reading(2)), message(reading(3), replayed=True), message(event())):
        recorder.say(late)
    recorder.say(Message("edge_daemon/dock3/history", b"not ours"))
    found = take(5, heard)
    assert [topic.removeprefix("edge_daemon/dock3/") for topic, _ in found] == [
        "reading/units", "reading/units", "history", "event", "history",
    ]  # fmt: skip
    assert [payload["value"] for _, payload in found[:3] if isinstance(payload, dict)] == [1, 2, 3]
    assert found[4][1] == "not ours"


def test_comes_back(broker: Mosquitto, recorder: Recorder) -> None:
    """When the broker returns, the watch goes on."""
    heard = watch(resolve(BrokerOptions(broker.url)))
    broker.restart()
    states: list[tuple[str, Payload]] = []
    listener = threading.Thread(target=lambda: states.append(next(heard)), daemon=True)
    listener.start()
    recorder.say(messages.availability("dock3", True))
    listener.join(PATIENCE)
    assert states == [("edge_daemon/dock3/availability", "online")]


def test_stops_when_told(broker: Mosquitto) -> None:
    """`stopped` ends it."""
    assert list(watch(resolve(BrokerOptions(broker.url)), stopped=lambda: True)) == []


def test_broker_that_is_not_there() -> None:
    """No broker: said at once, before anything is iterated."""
    with pytest.raises(BrokerError, match="cannot be reached: Connection refused"):
        watch(resolve(BrokerOptions(f"mqtt://127.0.0.1:{free_port()}")))


def test_lines_for_a_person() -> None:
    """Every kind of message has its one line."""
    at = "2026-11-24T01:50:00.120Z"
    assert line(message(reading(17))) == f"{at} dock3 units: 00017 pcs (ok, 0.93)"
    assert line(message(reading(17), replayed=True)) == f"{at} dock3 units: 00017 pcs (ok, 0.93, late)"
    assert line(message(replace(reading(), text=None, value=None, unit=""))) == f"{at} dock3 units: - (ok, 0.93)"
    assert line(message(event(3))) == f"{at} dock3 units: reading_changed number=3"
    assert line(message(reading(field="auto-1", gone=True))) == "dock3 reading auto-1: cleared"
    assert line(messages.availability("dock3", False)) == "dock3 availability: offline"

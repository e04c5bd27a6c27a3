"""One connection: what a broker cannot do is lowered, and what it sends is bounded."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_daemon.domain import Message
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import V5, V311, Link, Timeouts, connect
from tests.support.brokers import hostile
from tests.support.brokers.hostile import Behaviour, HostileBroker
from tests.support.brokers.mosquitto import PATIENCE, Mosquitto, Recorder

WILL = messages.availability("dock3", False)
NOT_5 = hostile.packet(hostile.CONNACK, b"\0\1")
LIMIT = 64 * 1024


@contextmanager
def linked(port: int, times: Timeouts | None = None, largest: int = LIMIT) -> Iterator[Link]:
    link = connect(BrokerAddress("127.0.0.1", port), "dock3", times or Timeouts(), WILL, largest=largest)
    try:
        yield link
    finally:
        link.close()


@contextmanager
def broker_with(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder / "mosquitto", "\n".join(lines))
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def answer(link: Link, message: Message) -> int:
    """The reason code of the broker's answer."""
    mid = link.publish(message)
    while link.up and not link.acknowledged:
        link.pump(1.0)
    (answered, code), *_ = link.acknowledged
    assert answered == mid
    link.acknowledged.clear()
    return code


@pytest.mark.parametrize(
    ("lines", "retains", "qos"),
    [
        (["retain_available false"], False, 2),
        (["max_qos 0"], True, 0),
        (["retain_available false", "max_qos 0"], False, 0),
    ],
)  # fmt: skip
def test_brokers_that_can_less(tmp_path: Path, lines: list[str], retains: bool, qos: int) -> None:
    """A broker without retained messages, or without QoS 1, gets a last will and messages that it takes."""
    with broker_with(tmp_path, *lines) as broker:
        recorder = Recorder(broker.port, "edge_daemon/#", persist=False)
        with linked(broker.port) as link:
            assert (link.version, link.retains, link.max_qos) == (V5, retains, qos)
            assert answer(link, Message("edge_daemon/dock3/reading/x", b"{}", retain=True)) < 0x80
            recorder.wait_for(lambda heard: ("edge_daemon/dock3/reading/x", b"{}") in heard)
            link.drop("")
        recorder.wait_for(lambda _: recorder.payloads("/availability") == ["offline"])
        recorder.close()


def test_a_message_with_qos_0_is_confirmed(broker: Mosquitto) -> None:
    """It counts as sent when the broker has read it: not while it is only written to the socket."""
    with linked(broker.port) as link:
        mid = link.publish(Message("edge_daemon/dock3/health", b"{}", qos=0))
        assert not link.acknowledged
        while not link.acknowledged:
            link.pump(1.0)
        assert link.acknowledged.popleft() == (mid, 0)


@pytest.mark.parametrize("manners", [Behaviour(), Behaviour(connack=NOT_5)], ids=["MQTT 5", "MQTT 3.1.1"])
def test_packets_that_are_too_large(manners: Behaviour) -> None:
    """A packet that announces more than 64 KB ends the connection at its fixed header, in both versions of MQTT."""
    broker = HostileBroker(Behaviour(connack=manners.connack, say=[hostile.announced(200_000_000)]))
    try:
        with linked(broker.port) as link:
            assert link.version is (V5 if manners.connack != NOT_5 else V311)
            tracemalloc.start()
            link.listen(["edge_daemon/dock3/request/#"], PATIENCE)
            while link.up:
                link.pump(1.0)
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
            assert "200000000 bytes" in link.lost
    finally:
        tracemalloc.stop()
        broker.close()


def test_packets_within_the_limit(broker: Mosquitto) -> None:
    """A packet just below the limit arrives."""
    with linked(broker.port) as link:
        link.listen(["edge_daemon/dock3/request/#"], PATIENCE)
        link.publish(Message("edge_daemon/dock3/request/x", bytes(LIMIT - 100)))
        while link.up and not link.received:
            link.pump(1.0)
        assert len(link.received.popleft().payload) == LIMIT - 100


def test_qos_2(tmp_path: Path) -> None:
    """A broker that sends messages with QoS 2 is left at the first: paho keeps each until it is released."""
    flood = b"".join(hostile.publish_qos_2("edge_daemon/dock3/request/x", mid, b"x" * 100) for mid in range(1, 1000))
    broker = HostileBroker(Behaviour(say=[flood]))
    with linked(broker.port) as link:
        link.listen(["edge_daemon/dock3/request/#"], PATIENCE)
        while link.up:
            link.pump(1.0)
        assert "QoS 2" in link.lost
        assert len(link._client._in_messages) < 30
    broker.close()


def test_a_slow_broker_is_not_taken_for_an_old_one() -> None:
    """A CONNACK that takes two seconds is waited for: MQTT 5 is spoken."""
    broker = HostileBroker(Behaviour(late=2.0))
    with linked(broker.port) as link:
        assert (link.version, link.why_not_5) == (V5, "")
    broker.close()


def test_why_mqtt_3_is_spoken() -> None:
    """It is told why MQTT 5 is not: the broker refuses it, or does not answer."""
    broker = HostileBroker(Behaviour(connack=NOT_5), Behaviour(), Behaviour(connack=None), Behaviour())
    with linked(broker.port) as link:
        assert "refused the connection: Unsupported protocol version" in link.why_not_5
    with linked(broker.port, Timeouts(connack_v5=0.2)) as link:
        assert "does not answer" in link.why_not_5
    broker.close()


def test_the_word_of_the_broker() -> None:
    """Why a connection ended is the broker's word where there is one, else it is said that there is none."""
    broker = HostileBroker(Behaviour(say=[hostile.disconnect(0x8E)]), Behaviour(cut=True))
    for words, code in (("Session taken over", 0x8E), ("without a reason", 0)):
        with linked(broker.port) as link:
            link.listen(["edge_daemon/dock3/request/#"], PATIENCE)
            while link.up:
                link.pump(1.0)
            assert (words in link.lost, link.lost_code) == (True, code)
    broker.close()


def test_denied() -> None:
    """The topics that may not be subscribed to are named."""
    broker = HostileBroker(Behaviour(granted=0x87))
    with linked(broker.port) as link:
        assert not link.listen(["edge_daemon/dock3/enabled/set", "homeassistant/status"], PATIENCE)
        assert link.denied == ["edge_daemon/dock3/enabled/set", "homeassistant/status"]
    broker.close()

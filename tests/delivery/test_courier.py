"""From the outbox to a broker: with a real mosquitto, amqtt, and a scripted hostile broker."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_daemon.delivery import courier
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Message
from edge_daemon.errors import CourierError
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.connection import Timeouts
from edge_daemon.mqtt.home_assistant import BIRTH
from edge_daemon.system.backoff import Backoff
from tests.support.brokers import hostile
from tests.support.brokers.flood import flooding
from tests.support.brokers.hostile import OK, Behaviour, HostileBroker
from tests.support.brokers.hostile_cases import CASES, Case
from tests.support.brokers.mosquitto import PATIENCE, Mosquitto, Recorder, free_port, retained, started, until
from tests.support.delivery import Delivery, delivering, wait_until_connected
from tests.support.records import event, info, reading

OLD = "edge_daemon/dock3/reading/old"
READING, HISTORY, EVENT = (
    "edge_daemon/dock3/reading/units",
    "edge_daemon/dock3/history",
    "edge_daemon/dock3/event",
)
QUICK = Timeouts(connack=1.0, connack_v5=0.3, acknowledge=0.5)
"""For brokers that do not answer."""


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "state", "dock3")
    yield box
    box.close()


def values(payloads: list[dict[str, int]]) -> list[int]:
    return [payload["value"] for payload in payloads]


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Mosquitto]:
    """Another broker."""
    with started(tmp_path / "second") as mosquitto:
        yield mosquitto


def test_the_next_broker(outbox: Outbox, broker: Mosquitto, second: Mosquitto) -> None:
    """Of several brokers the first that is there is used; when it is gone, the next one; all readings are delivered."""
    recorders = [Recorder(one.port) for one in (broker, second)]
    try:
        with delivering(outbox, (f"mqtt://127.0.0.1:{free_port()}", broker.url, second.url)) as delivery:
            outbox.put(reading(1))
            recorders[0].wait_for(lambda _: recorders[0].count("/units"))
            broker.stop(signal.SIGKILL)
            outbox.put(reading(2))
            recorders[1].wait_for(lambda _: recorders[1].count("/units"))
            assert delivery.sink.to.port == second.port
            broker.start()
            second.stop(signal.SIGKILL)
            outbox.put(reading(3))
            recorders[0].wait_for(lambda _: recorders[0].count("/units") == 2)
        assert values(recorders[0].payloads("/units")) == [1, 3]
        assert outbox.waiting == 0
    finally:
        for recorder in recorders:
            recorder.close()


def test_the_next_broker_is_tried_at_once(
    outbox: Outbox, broker: Mosquitto, second: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a connection that stood there is no pause: the first pause of this courier would last an hour."""
    monkeypatch.setattr(courier, "_SHORT_SESSION", 0.0)
    with delivering(outbox, (broker.url, second.url), backoff=Backoff(first=7200)) as delivery:
        until(lambda: delivery.courier.connects)
        broker.stop(signal.SIGKILL)
        outbox.put(reading(1))
        until(lambda: outbox.waiting == 0)


def test_readings_arrive(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """Records arrive on their topic, in order, leave the outbox, and the newest is retained."""
    with delivering(outbox, broker.url):
        wait_until_connected(recorder)
        for number in range(20):
            outbox.put(reading(number))
        outbox.put(event(1))
        recorder.wait_for(lambda _: recorder.count("/event"))
        recorder.wait_for(lambda _: recorder.count("/units") == 20)
    assert values(recorder.payloads("/units")) == list(range(20))
    assert [payload["replayed"] for payload in recorder.payloads("/units")] == [False] * 20
    assert recorder.payloads("/history") == []
    assert outbox.waiting == 0
    assert retained(broker.port, "/units")["value"] == 19


def test_availability(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """`online` after connecting, `offline` after a clean stop, both retained."""
    with delivering(outbox, broker.url):
        recorder.wait_for(lambda _: recorder.count("/availability"))
        assert retained(broker.port, "/availability") == "online"
    recorder.wait_for(lambda _: recorder.count("/availability") == 2)
    assert recorder.payloads("/availability") == ["online", "offline"]
    assert retained(broker.port, "/availability") == "offline"


def test_optional_messages_are_for_one_connection(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """An optional message is never sent if there is no connection; with one it is sent once, and not retained."""
    offer = Message("edge_daemon/dock3/opinion/request", b"{}", qos=0)
    with delivering(outbox, broker.url) as delivery:
        wait_until_connected(recorder)
        broker.stop(signal.SIGKILL)
        until(lambda: not delivery.courier.connected)
        delivery.last_values.send_if_connected(offer)
        broker.start()
        outbox.put(reading(1))
        recorder.wait_for(lambda _: recorder.count("/units") == 1)
        delivery.last_values.send_if_connected(replace(offer, payload=b'{"now": 1}'))
        recorder.wait_for(lambda _: recorder.count("/opinion/request"))
    assert recorder.payloads("/opinion/request") == [{"now": 1}]
    assert retained(broker.port, "/opinion/request") is None


def test_late_will(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """When an `offline` from an older connection comes late, `online` is published again."""
    with delivering(outbox, broker.url):
        recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online"])
        recorder.say(messages.availability("dock3", False))
        recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online", "offline", "online"])
        assert retained(broker.port, "/availability") == "online"


def test_last_values_are_sent_at_every_connect(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """Only the newest of a topic is sent, at once when it changes, and again after a reconnect."""
    with delivering(outbox, broker.url) as delivery:
        wait_until_connected(recorder)
        delivery.last_values.set(info(version="1"))
        recorder.wait_for(lambda _: recorder.payloads("/info") == [{}, {"version": "1"}])
        broker.stop()
        delivery.last_values.set(info(version="2"))
        delivery.last_values.set(info(version="3"))
        broker.start()
        recorder.wait_for(lambda _: recorder.payloads("/info")[-1] == {"version": "3"})
    assert {"version": "2"} not in recorder.payloads("/info")


def test_backlog_before_the_first_connect(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """Of the waiting readings, the newest of each field becomes the state, the rest is history in order."""
    for number in range(10):
        outbox.put(reading(number, field="ab"[number % 2]))
        outbox.put(event(number))
    with delivering(outbox, broker.url):
        recorder.wait_for(lambda _: recorder.count("/history") == 8 and recorder.count("/event") == 10)
    assert values(recorder.payloads("/history")) == list(range(8))
    assert all(payload["replayed"] for payload in recorder.payloads("/history"))
    assert [payload["number"] for payload in recorder.payloads("/event")] == list(range(10))
    assert values(recorder.payloads("/reading/a")) == [8]
    assert values(recorder.payloads("/reading/b")) == [9]


def test_live_does_not_wait_for_the_backlog(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """A new reading is sent before a long backlog."""
    for number in range(1000):
        outbox.put(reading(number))
    with delivering(outbox, broker.url):
        recorder.wait_for(lambda _: recorder.count("/history"))
        outbox.put(reading(5000))
        recorder.wait_for(lambda heard: heard[-1][0].endswith("/units") or len(heard) > 1000)
        assert values(recorder.payloads("/units")) == [999, 5000]
        assert recorder.count("/history") < 999
        recorder.wait_for(lambda _: recorder.count("/history") == 999)
    assert values(recorder.payloads("/history")) == list(range(999))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_broker_gone_for_a_while(outbox: Outbox, broker: Mosquitto, recorder: Recorder, how: signal.Signals) -> None:
    """Broker stopped and restarted: no id is missing, topics are in order, the newest is retained."""
    with delivering(outbox, broker.url) as delivery:
        wait_until_connected(recorder)
        for number in range(20):
            outbox.put(reading(number))
        recorder.wait_for(lambda _: recorder.count("/units") == 20)
        broker.stop(how)
        for number in range(20, 60):
            outbox.put(reading(number))
        until(lambda: not delivery.sink.up)
        broker.start()
        if how is signal.SIGTERM:  # then its memory of the recorder's subscription survives
            recorder.wait_for(lambda _: recorder.count("/history") >= 39)
        until(lambda: outbox.waiting == 0)
        outbox.put(reading(60))
        until(lambda: outbox.waiting == 0)
        assert retained(broker.port, "/units")["value"] == 60
    if how is signal.SIGTERM:
        recorder.wait_for(lambda _: recorder.count("/units") >= 22)
        everything = recorder.payloads("/units") + recorder.payloads("/history")
        assert {payload["value"] for payload in everything} == set(range(61))
        assert {int(payload["id"].split("/")[2]) for payload in everything} == set(range(1, 62))
        for topic in ("/units", "/history"):
            seqs = [payload["seq"] for payload in recorder.payloads(topic)]
            seen = list(dict.fromkeys(seqs))  # the broker, too, repeats what was not acknowledged to it
            assert seen == sorted(seen)


def test_broker_that_restarts_again_and_again(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """All records arrive, in order on each topic."""
    with delivering(outbox, broker.url):
        for number in range(60):
            outbox.put(reading(number))
            if number % 10 == 9:
                broker.restart()
        recorder.wait_for(lambda _: len({said["seq"] for said in everything(recorder)}) == 60)
    for topic in ("/units", "/history"):
        seen = list(dict.fromkeys(said["seq"] for said in recorder.payloads(topic)))
        assert seen == sorted(seen)


def everything(recorder: Recorder) -> list[dict[str, int]]:
    return recorder.payloads("/units") + recorder.payloads("/history")


def test_restart_of_the_daemon_during_a_backlog(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """A daemon stopped within a backlog continues it later; an old reading never becomes the retained state."""
    for number in range(300):
        outbox.put(reading(number))
    delivery = Delivery(outbox, broker.url, stop_at=50)
    delivery.courier._thread.join()
    assert outbox.waiting == 249  # the newest went first
    with delivering(outbox, broker.url):
        recorder.wait_for(lambda _: len({payload["seq"] for payload in recorder.payloads("/history")}) == 299)
    assert values(recorder.payloads("/units")) == [299]


def test_stop_flushes(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """A stop sends what still waits, then publishes `offline`."""
    delivery = Delivery(outbox, broker.url)
    wait_until_connected(recorder)
    for number in range(50):
        outbox.put(reading(number))
    assert delivery.courier.stop()
    assert outbox.waiting == 0
    recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online", "offline"])
    assert recorder.heard[-1][0].endswith("/availability")
    assert values(recorder.payloads("/units")) == list(range(50))


def test_stop_without_a_broker(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    """Without a broker the trouble is logged once, not at every try, and it stops; nothing is lost."""
    outbox.put(reading(1))
    url = f"mqtt://127.0.0.1:{free_port()}"
    with delivering(outbox, url) as delivery:
        until(lambda: delivery.courier._backoff._next >= 0.1)  # several tries
    assert outbox.waiting == 1
    assert [record.message.split(";")[0] for record in caplog.records] == [
        f"broker {url.removeprefix('mqtt://')} cannot be reached: Connection refused"
    ]


def test_gone_number_is_cleared(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """When a followed number leaves the picture, its retained message is cleared."""
    with delivering(outbox, broker.url):
        wait_until_connected(recorder)
        outbox.put(reading(1, field="auto-1"))
        recorder.wait_for(lambda _: recorder.payloads("/auto-1"))
        outbox.put(reading(1, field="auto-1", gone=True))
        recorder.wait_for(lambda _: recorder.payloads("/auto-1")[1:] == [""])
    assert retained(broker.port, "/auto-1") is None


def test_a_stale_reading_is_cleared(
    outbox: Outbox, broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the connection, after a late record of the same field, and also when Home Assistant starts; others stay."""
    monkeypatch.setattr(courier, "_RESEND_DELAY", (0.0, 0.0))
    with delivering(outbox, broker.url) as delivery:
        wait_until_connected(recorder)
        outbox.put_all([reading(1, field="old"), reading(2, field="kept")])
        recorder.wait_for(lambda _: recorder.payloads("/old") and recorder.payloads("/kept"))
        delivery.last_values.set_cleared([OLD])
        recorder.wait_for(lambda _: recorder.payloads("/old")[1:] == [""])
        outbox.put(reading(3, field="old"))
        recorder.wait_for(lambda _: recorder.payloads("/old")[3:] == [""])
        recorder.say(Message(BIRTH, b"online"))
        recorder.wait_for(lambda _: len(recorder.payloads("/kept")) > 1)
        assert retained(broker.port, "/old") is None
        delivery.last_values.set_cleared([])
        outbox.put(reading(4, field="old"))
        until(lambda: retained(broker.port, "/old"))
    assert retained(broker.port, "/old")["value"] == 4


def test_death_is_noticed(outbox: Outbox, broker: Mosquitto) -> None:
    """A courier that ends by an unexpected error is reported by check(), with its cause."""
    delivery = Delivery(outbox, broker.url)
    delivery.courier._encode = lambda *_: 1 / 0  # type: ignore[assignment]
    outbox.put(reading(1))
    until(lambda: not delivery.courier._thread.is_alive())
    with pytest.raises(CourierError, match="division by zero"):
        delivery.courier.check()
    delivery.sink.close(0.0)


def test_silence_is_noticed(outbox: Outbox, broker: Mosquitto) -> None:
    """A courier that hangs is reported by check()."""
    with delivering(outbox, broker.url) as delivery:
        until(lambda: delivery.sink.up)
        beaten, delivery.courier._alive_until = delivery.courier._alive_until, 0.0
        with pytest.raises(CourierError, match="hangs"):
            delivery.courier.check()
        delivery.courier._alive_until = beaten


# A hostile broker


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_broker(outbox: Outbox, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the broker does, each record is accepted in the end, in order, and the courier runs on."""
    caplog.set_level("INFO")
    enemy = HostileBroker(*case.script, Behaviour())
    for number in range(3):
        outbox.put(reading(number))
    with delivering(outbox, enemy.url, QUICK) as delivery:
        until(lambda: outbox.waiting == 0)
        assert {case.problem} <= {"", *delivery.courier.problems()}
    enemy.close()
    assert outbox.refused == case.refused
    assert re.search(case.log, caplog.text), caplog.text
    state = [json.loads(payload)["value"] for payload in enemy.accepted(READING)]
    history = [json.loads(payload)["value"] for payload in enemy.accepted(HISTORY)]
    assert len({*state, *history}) == 3 - case.refused
    assert state == sorted(state)
    assert history == sorted(history)


def test_a_refusal_is_a_problem_until_it_is_over(outbox: Outbox) -> None:
    """It is reported while the broker refuses a topic, and no longer when the broker takes it again."""
    enemy = HostileBroker(Behaviour(answers=[0x87]))
    with delivering(outbox, enemy.url) as delivery:
        assert enemy.connected.wait(PATIENCE)
        outbox.put(reading(1))
        until(lambda: outbox.waiting == 0)
        assert READING in delivery.courier.problems()["broker_refuses"]
        outbox.put(reading(2))
        until(lambda: not delivery.courier.problems())
    enemy.close()
    assert [json.loads(payload)["value"] for payload in enemy.accepted(READING)] == [2]


@pytest.mark.parametrize(
    ("size", "told"), [(1000, {"digits", "candidates"}), (400, {"candidates"}), (330, set()), (300, None)]
)
def test_less_detail_for_a_broker_that_takes_no_long_messages(outbox: Outbox, size: int, told: set[str] | None) -> None:
    """First the digits are left out, then the candidates; only what is too long even then is refused."""
    enemy = HostileBroker(Behaviour(hostile.connack(properties=hostile.maximum_packet_size(size))))
    with delivering(outbox, enemy.url, detail="digits"):
        outbox.put(reading(1))
        until(lambda: outbox.waiting == 0)
    enemy.close()
    said = [set(json.loads(payload)) & {"digits", "candidates"} for payload in enemy.accepted(READING)]
    assert said == ([] if told is None else [told])
    assert outbox.refused == (told is None)


def test_maximum_packet_size(outbox: Outbox) -> None:
    """A message that is too long for the broker is not sent, and counts as refused; others are sent."""
    enemy = HostileBroker(Behaviour(hostile.connack(properties=hostile.maximum_packet_size(300))))
    with delivering(outbox, enemy.url):
        outbox.put(reading(1))
        outbox.put(event(2))
        until(lambda: outbox.waiting == 0)
    enemy.close()
    assert outbox.refused == 1
    assert [heard.topic for heard in enemy.heard] == [EVENT]


@pytest.mark.parametrize(("allowed", "most"), [(1, 1), (3, 3), (65535, 16)])
def test_receive_maximum(outbox: Outbox, allowed: int, most: int) -> None:
    """No more messages are in flight than the broker allows, and never more than 16."""
    behaviour = Behaviour(hostile.connack(properties=hostile.receive_maximum(allowed)), hold=most)
    enemy = HostileBroker(behaviour)
    for number in range(3 * most):
        outbox.put(reading(number, field=f"f{number}"))
    with delivering(outbox, enemy.url):
        until(lambda: outbox.waiting == 0)
    enemy.close()
    assert enemy.most_in_flight == most


def test_server_keep_alive(outbox: Outbox) -> None:
    """A broker with a Keep Alive of one second gets a ping in time."""
    enemy = HostileBroker(Behaviour(hostile.connack(properties=hostile.server_keep_alive(1)), patience=1.5))
    with delivering(outbox, enemy.url):
        until(lambda: (enemy.connections and enemy.connections[0].pings >= 2) or len(enemy.connections) > 1)
    enemy.close()
    assert len(enemy.connections) == 1


def test_no_retain(outbox: Outbox) -> None:
    """Without Retain Available nothing is sent as retained: the broker would have to close the connection."""
    enemy = HostileBroker(Behaviour(hostile.connack(properties=hostile.NO_RETAIN)))
    outbox.put(reading(1))
    with delivering(outbox, enemy.url):
        until(lambda: outbox.waiting == 0)
    enemy.close()
    assert enemy.connections[0].retained == 0


def test_sessions_are_told_apart(outbox: Outbox) -> None:
    """Each connection's will and `online` carry the same number (MQTT 5), and each connection has its own."""
    enemy = HostileBroker(Behaviour(cut=True), Behaviour(cut=True), Behaviour())
    with delivering(outbox, enemy.url):
        assert enemy.connected.wait(PATIENCE)
    enemy.close()
    sessions = [re.search(rb"session\0.(\d+)", connection.will, re.DOTALL) for connection in enemy.connections]
    numbers = [int(found[1]) for found in sessions if found]
    assert len(numbers) == 3
    assert numbers == sorted(set(numbers))


def test_one_in_flight_per_topic(outbox: Outbox) -> None:
    """Messages of one topic are sent one by one, so that the next does not overtake a refused one."""
    enemy = HostileBroker(Behaviour(answers=[OK, OK, 0x97, OK, 0x80]))
    for number in range(10):
        outbox.put(event(number))
    with delivering(outbox, enemy.url):
        until(lambda: outbox.waiting == 0)
    enemy.close()
    assert enemy.most_in_flight == 1
    assert [json.loads(payload)["number"] for payload in enemy.accepted(EVENT)] == list(range(10))


def test_backoff() -> None:
    """The pause doubles with jitter up to the longest; only a stable connection makes it short again."""
    backoff = Backoff()
    waits = [backoff.after(stood=1.0) for _ in range(12)]
    for number, wait in enumerate(waits):
        ceiling = min(2.0**number, 300.0)
        assert ceiling / 2 <= wait <= ceiling
    assert backoff.after(stood=29.0) >= 150
    assert backoff.after(stood=30.0) <= 1


DISCOVERY = Message("homeassistant/device/dock3/config", b"x" * 5000, retain=True)


@pytest.fixture
def limited(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Mosquitto]:
    """A running mosquitto with the lines of the parameter in its configuration."""
    with started(tmp_path / "mosquitto", request.param) as mosquitto:
        yield mosquitto


@pytest.mark.parametrize("limited", ["message_size_limit 2048"], indirect=True)
def test_broker_that_cuts_at_long_messages(outbox: Outbox, limited: Mosquitto) -> None:
    """What is too long is found out and not sent again; readings arrive, with less detail where that is needed."""
    recorder = Recorder(limited.port)
    digits = reading().digits * 40
    for number in range(5):
        outbox.put(reading(number, digits=digits))
    with delivering(outbox, limited.url, detail="digits") as delivery:
        delivery.last_values.set(DISCOVERY)
        recorder.wait_for(lambda _: recorder.count("/history") == 4 and recorder.count("/units"))
        assert not any("digits" in payload for payload in recorder.payloads("/units"))
        until(lambda: "too_large" in delivery.courier.problems())
        connects = delivery.courier.connects
        outbox.put(reading(7))
        recorder.wait_for(lambda _: values(recorder.payloads("/units"))[-1] == 7)
        assert delivery.courier.connects == connects
        assert DISCOVERY.topic in delivery.courier.problems()["too_large"]
    assert outbox.refused == 0
    recorder.close()


@pytest.mark.parametrize("limited", ["retain_available false", "max_qos 0"], indirect=True)
def test_broker_that_can_less(outbox: Outbox, limited: Mosquitto) -> None:
    """A broker without retained messages, or without QoS 1, gets everything; what it lacks is a problem."""
    recorder = Recorder(limited.port, persist=False)
    for number in range(5):
        outbox.put(reading(number))
    with delivering(outbox, limited.url) as delivery:
        recorder.wait_for(lambda _: recorder.count("/history") == 4 and recorder.count("/units"))
        until(lambda: not outbox.waiting)
        assert set(delivery.courier.problems()) in ({"no_retain"}, {"no_qos"})
        assert delivery.courier.connects == 1
    recorder.wait_for(lambda _: recorder.payloads("/availability")[-1] == "offline")
    recorder.close()


def test_broker_that_cuts_without_a_word(outbox: Outbox) -> None:
    """A topic at which the broker ends each connection is found out and left out; all else is delivered."""
    broker = HostileBroker(Behaviour(cuts_at="/config"))
    for number in range(30):
        outbox.put(reading(number, field=f"f{number % 10}"))
    with delivering(outbox, broker.url) as delivery:
        delivery.last_values.set(replace(DISCOVERY, payload=b"{}"))
        until(lambda: "broker_cuts" in delivery.courier.problems())
        outbox.put(reading(99))
        broker.wait_for(lambda heard: any(b'"value":99' in each.payload for each in heard))
        until(lambda: not outbox.waiting)
        assert DISCOVERY.topic in delivery.courier.problems()["broker_cuts"]
    assert len(broker.connections) <= 6
    broker.close()


def test_records_at_which_the_broker_cuts_are_kept(outbox: Outbox) -> None:
    """A field at which the broker ends each connection waits, and is not lost; the other fields are delivered."""
    broker = HostileBroker(Behaviour(cuts_at="/bad"))
    for number in range(10):
        outbox.put(reading(number, field=("bad", "good")[number % 2]))
    with delivering(outbox, broker.url) as delivery:
        delivery.last_values.set(info(version="1"))
        until(lambda: "broker_cuts" in delivery.courier.problems())
        outbox.put(reading(99, field="good"))
        broker.wait_for(lambda heard: any(b'"value":99' in each.payload for each in heard))
        until(lambda: outbox.waiting == 1)
    assert outbox.refused == 0
    broker.close()


def test_two_devices_of_one_name(outbox: Outbox, broker: Mosquitto, tmp_path: Path) -> None:
    """Two daemons with the same id end each other's connections: both say so, in plain words."""
    other = Outbox(tmp_path / "other", "dock3")
    with delivering(outbox, broker.url) as one, delivering(other, broker.url) as two:
        for delivery in (one, two):
            until(lambda courier=delivery.courier: "client_id_in_use" in courier.problems())  # type: ignore[misc]
            assert "another [device] id" in delivery.courier.problems()["client_id_in_use"]
    other.close()


def test_one_device_that_reconnects(outbox: Outbox, broker: Mosquitto, recorder: Recorder) -> None:
    """The own messages of an earlier connection, or of an earlier process, are not taken for another device."""
    for _ in range(2):
        with delivering(outbox, broker.url) as delivery:
            until(lambda d=delivery: d.courier.connects == 1)  # type: ignore[misc]
            broker.restart()
            until(lambda d=delivery: d.courier.connects == 2)  # type: ignore[misc]
            recorder.say(messages.availability("dock3", False))
            outbox.put(reading(1))
            until(lambda: not outbox.waiting)
            assert delivery.courier.problems() == {}


def test_flood(outbox: Outbox, broker: Mosquitto) -> None:
    """While somebody floods a topic that the daemon receives, readings are delivered, and the flood is a problem."""
    recorder = Recorder(broker.port, READING)
    with delivering(outbox, broker.url) as delivery, flooding(broker.port, BIRTH, b"offline"):
        until(lambda: "flood" in delivery.courier.problems())
        assert BIRTH in delivery.courier.problems()["flood"]
        for number in range(5):
            outbox.put(reading(number))
            recorder.wait_for(lambda _, n=number: n in values(recorder.payloads("/units")))  # type: ignore[misc]
    recorder.close()


def test_broker_that_answers_no_unsubscribe(outbox: Outbox) -> None:
    """A broker that does not confirm messages with QoS 0 is not asked again; everything is delivered."""
    broker = HostileBroker(Behaviour(unsubscribes=False))
    with delivering(outbox, broker.url, QUICK) as delivery:
        delivery.last_values.set(Message("edge_daemon/dock3/health", b"{}", qos=0))
        until(lambda: delivery.courier.connects == 2)
        for number in range(5):
            outbox.put(reading(number))
            until(lambda: not outbox.waiting)
            delivery.last_values.set(Message("edge_daemon/dock3/health", b"{%d}" % number, qos=0))
        assert delivery.courier.connects == 2
    broker.close()

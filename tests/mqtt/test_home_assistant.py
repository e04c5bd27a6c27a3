"""Home Assistant's discovery: what is sent, and what is removed again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_daemon.commands.parsing import match_arguments, parse
from edge_daemon.commands.table import COMMANDS
from edge_daemon.delivery import courier
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Message, ReceivedMessage
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt import home_assistant
from edge_daemon.mqtt import messages as mqtt_messages
from edge_daemon.mqtt.address import BrokerOptions as Login
from edge_daemon.mqtt.address import resolve
from edge_daemon.mqtt.home_assistant import BIRTH, Field, Mode, Owned, components, messages
from edge_daemon.tools import clean
from tests.support.brokers.mosquitto import Mosquitto, Recorder, retained
from tests.support.delivery import delivering, wait_until_connected
from tests.support.records import info, reading

DEVICE = "homeassistant/device/dock3/config"
FIELDS = [Field("tank", "cm"), Field("meter", "kWh"), Field("serial", text=True)]


def told(fields: list[Field], mode: Mode = "device", owned: Owned | None = None) -> dict[str, Any]:
    """Topic -> payload; None: cleared."""
    found = components("dock3", fields, raw=True)
    said = messages("dock3", "0.1.0", found, mode, {} if owned is None else owned)
    assert all(message.retain and message.qos == 1 for message in said)
    return {message.topic: json.loads(message.payload) if message.payload else None for message in said}


def parts(fields: list[Field], owned: Owned | None = None) -> dict[str, Any]:
    found: dict[str, Any] = told(fields, owned=owned)[DEVICE]["components"]
    return found


def test_a_field_is_a_sensor() -> None:
    """Value, unit, device class if only one is possible, state class; the details are disabled."""
    found = parts(FIELDS)
    tank = found["reading_tank"]
    assert tank["state_topic"] == "edge_daemon/dock3/reading/tank"
    assert (tank["unit_of_measurement"], tank["device_class"], tank["state_class"]) == ("cm", "distance", "measurement")
    assert (found["reading_meter"]["device_class"], found["reading_meter"]["state_class"]) == ("energy", "total")
    assert "state_class" not in found["reading_serial"]
    assert "value_json.text" in found["reading_serial"]["value_template"]
    for detail in ("confidence_tank", "raw_tank", "status_tank", "memory"):
        assert found[detail]["enabled_by_default"] is False
        assert found[detail]["entity_category"] == "diagnostic"


def test_litres_may_be_anything() -> None:
    """A unit with several possible quantities is shown without a device class."""
    sensor = components("dock3", [Field("a", "L")], raw=True)["reading_a"]
    assert sensor["unit_of_measurement"] == "L"
    assert "device_class" not in sensor


def test_a_counter() -> None:
    """A number that never falls is a total that increases; the unit is spelt as Home Assistant wants it."""
    field = Field("a", "m3", counts=True, device_class="water")
    sensor = components("dock3", [field], raw=True)["reading_a"]
    assert (sensor["unit_of_measurement"], sensor["device_class"]) == ("m³", "water")
    assert sensor["state_class"] == "total_increasing"


def test_whole_frame_has_no_sensors() -> None:
    """Numbers of the whole frame are not entities; the device is shown all the same."""
    assert not [identity for identity in parts([]) if identity.startswith("reading")]
    assert "problem" in parts([])


def test_readings_without_candidates_have_no_raw() -> None:
    """If `detail` leaves out the candidates, there is no entity for them."""
    assert "raw_tank" not in components("dock3", FIELDS, raw=False)


def test_pictures_are_shown_only_where_they_may_be_taken() -> None:
    """With snapshots, each field has a picture and a button that requests it; without, it has neither."""
    assert not [identity for identity in parts(FIELDS) if identity.startswith(("snapshot", "take"))]
    found = components("dock3", FIELDS, raw=True, snapshots=True)
    assert found["snapshot_tank"]["image_topic"] == "edge_daemon/dock3/snapshot/tank"
    asked = ReceivedMessage(found["take_tank"]["command_topic"], found["take_tank"]["payload_press"].encode())
    assert mqtt_messages.requested_command("dock3", asked.topic) == "snapshot"
    assert match_arguments(COMMANDS["snapshot"], parse(asked.payload).arguments) == {"field": "tank"}


def test_newer_models() -> None:
    """If updates are configured there is an update entity, whose button is the command model_install."""
    assert "update" not in parts(FIELDS)
    update = components("dock3", FIELDS, raw=True, updates=True)["update"]
    assert update["platform"] == "update"
    assert update["state_topic"] == "edge_daemon/dock3/update"
    assert update["command_topic"] == "edge_daemon/dock3/request/model_install"


def test_unique_ids_stay_the_same() -> None:
    """Home Assistant recognises entities by them: they are those of version 0.1.0."""
    assert {part["unique_id"] for part in parts(FIELDS).values()} >= {
        "edge_daemon_dock3_reading_tank", "edge_daemon_dock3_problem", "edge_daemon_dock3_memory"
    }  # fmt: skip
    assert told(FIELDS)[DEVICE]["device"]["identifiers"] == ["edge_daemon_dock3"]


def test_a_removed_field_is_removed_there() -> None:
    """It is sent with its platform only, which removes a component; also at later starts."""
    owned: Owned = {}
    parts(FIELDS, owned)
    for _ in range(2):
        later = parts(FIELDS[:1], owned)
        assert later["reading_serial"] == {"platform": "sensor"}
        assert "state_topic" in later["reading_tank"]
    assert "state_topic" in parts(FIELDS, owned)["reading_serial"]


def test_off_clears_the_topic() -> None:
    """Home Assistant forgets the device."""
    owned: Owned = {}
    first, second = told(FIELDS, "device", owned), told(FIELDS, "off", owned)
    assert second == dict.fromkeys(first)


def test_topics_of_version_0_1_0_are_cleared() -> None:
    """It could send one topic for each entity (`home_assistant = "entity"`); they go before the device is described."""
    before = [f"homeassistant/sensor/dock3/reading_{name}/config" for name in ("tank", "meter")]
    found = told(FIELDS, owned={topic: {"reading": "sensor"} for topic in before})
    assert list(found) == [*before, DEVICE]
    assert [found[topic] for topic in before] == [None, None]


def test_what_was_sent_is_stored(tmp_path: Path) -> None:
    """It is stored in a file, which may be missing or damaged."""
    path = tmp_path / "discovery.json"
    assert home_assistant.load_owned(path) == {}
    home_assistant.save_owned(path, {DEVICE: {"problem": "binary_sensor"}})
    assert home_assistant.load_owned(path) == {DEVICE: {"problem": "binary_sensor"}}
    path.write_text('{"a": 1}')
    assert home_assistant.load_owned(path) == {}


def test_birth(tmp_path: Path, broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """When Home Assistant has started, availability, discovery and the retained readings are sent again."""
    monkeypatch.setattr(courier, "_RESEND_DELAY", (0.05, 0.1))
    outbox = Outbox(tmp_path / "state", "dock3")
    with delivering(outbox, broker.url) as delivery:
        delivery.last_values.set(Message(DEVICE, b"{}", retain=True))
        wait_until_connected(recorder)
        for number in (1, 2):
            outbox.put(reading(number))
        recorder.wait_for(lambda _: recorder.count("/units") == 2)
        recorder.say(Message(BIRTH, b"offline", qos=0))
        recorder.say(Message(BIRTH, b"online", qos=0))
        recorder.wait_for(lambda _: recorder.count("/units") == 3 and recorder.count("/info") == 2)
    recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online", "online", "offline"])
    assert [payload["value"] for payload in recorder.payloads("/units")] == [1, 2, 2]
    assert recorder.payloads("/device/dock3/config") == [{}, {}]
    outbox.close()


# Clean


def left_behind(recorder: Recorder, online: bool) -> None:
    """Retained messages of two devices at the broker."""
    for message in (
        mqtt_messages.availability("dock3", online),
        info(),
        info("dock4"),
        Message(DEVICE, b"{}", retain=True),
        Message("homeassistant/sensor/dock3/reading_tank/config", b"{}", retain=True),
    ):
        recorder.say(message)
    recorder.wait_for(lambda heard: len(heard) == 5)


def test_clean(broker: Mosquitto, recorder: Recorder) -> None:
    """All of the device's topics are cleared, Home Assistant's first; another device's are not."""
    left_behind(recorder, online=False)
    done = subprocess.run(
        [sys.executable, "-m", "edge_daemon", "mqtt", "clean", "--broker", broker.url, "--device", "dock3"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [
        "edge_daemon/dock3/availability",
        "edge_daemon/dock3/info",
        DEVICE,
        "homeassistant/sensor/dock3/reading_tank/config",
    ]
    recorder.wait_for(lambda heard: sum(not payload for _, payload in heard) == 4)
    cleared = [topic for topic, payload in recorder.heard if not payload]
    assert all(topic.startswith("homeassistant") for topic in cleared[:2])
    assert retained(broker.port, "dock3/info") is None
    assert retained(broker.port, "dock4/info") == {}
    assert clean.clean(resolve(Login(broker.url)), "dock3") == []


def test_clean_beside_a_running_daemon(broker: Mosquitto, recorder: Recorder) -> None:
    """It would send everything again: refused, and nothing is cleared."""
    left_behind(recorder, online=True)
    with pytest.raises(BrokerError, match="dock3 is running"):
        clean.clean(resolve(Login(broker.url)), "dock3")
    assert retained(broker.port, "dock3/info") == {}

"""Home Assistant's MQTT discovery: one message that describes the device and all of its entities.

Home Assistant 2024.12 or newer understands it. All entities that were ever sent are stored in a file: one that is no
longer there must be removed by a message, or Home Assistant shows it for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from edge_daemon.domain import Message, Status
from edge_daemon.mqtt import messages as mqtt_messages
from edge_daemon.mqtt.payloads import EventType
from edge_daemon.mqtt.sensor_classes import DeviceClass, StateClass, derive, spelling
from edge_daemon.system import atomic, regular_file

Mode = Literal["device", "off"]
Component = dict[str, Any]
Owned = dict[str, dict[str, str]]
"""Topic -> the components that were ever sent there: id -> platform. Version 0.1.0 could have one topic an entity."""

PREFIX = "homeassistant"
BIRTH = f"{PREFIX}/status"
"""Home Assistant publishes `online` here when it has started."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field, as far as discovery needs it."""

    name: str
    unit: str = ""
    text: bool = False
    counts: bool = False
    """It never falls."""
    device_class: DeviceClass = "auto"
    state_class: StateClass = "auto"


def is_birth(topic: str, payload: bytes) -> bool:
    """Whether a message says that Home Assistant has just started."""
    return topic == BIRTH and payload == b"online"


def components(
    device: str, fields: Sequence[Field], raw: bool, snapshots: bool = False, updates: bool = False
) -> dict[str, Component]:
    """All entities, id -> configuration.

    `raw`: readings contain candidates. `snapshots`: pictures of the fields can be requested. `updates`: the daemon
    looks for newer models.
    """
    base = mqtt_messages.base(device)
    found: dict[str, Component] = {}
    for field in fields:
        topic = f"{base}/reading/{field.name}"
        found[f"reading_{field.name}"] = _reading(field, topic)
        found |= {f"{kind}_{field.name}": part for kind, part in _details(field, topic, raw).items()}
        if snapshots:
            found |= {f"{kind}_{field.name}": part for kind, part in _pictures(field, base).items()}
    found["problem"] = {
        "platform": "binary_sensor",
        "name": "Problem",
        "device_class": "problem",
        "entity_category": "diagnostic",
        "state_topic": f"{base}/problem",
        "value_template": "{{ value_json.state }}",
        "json_attributes_topic": f"{base}/problem",
    }
    found["event"] = {
        "platform": "event", "name": "Event", "state_topic": f"{base}/event", "event_types": list(get_args(EventType))
    }  # fmt: skip
    return found | (_update(base) if updates else {}) | _controls(base) | _health(f"{base}/health")


def messages(device: str, version: str, found: Mapping[str, Component], mode: Mode, owned: Owned) -> list[Message]:
    """All discovery messages to send; those that clear old topics come first. Brings `owned` up to date."""
    for identity, component in found.items():
        component["unique_id"] = f"edge_daemon_{device}_{identity}"
    topic = f"{PREFIX}/device/{device}/config"
    forget = [Message(old, b"", retain=True) for old in owned if old != topic or mode == "off"]
    if mode == "off":
        return forget
    gone = {identity: platform for identity, platform in owned.get(topic, {}).items() if identity not in found}
    owned[topic] = gone | {identity: component["platform"] for identity, component in found.items()}
    # a component that is only left out stays in Home Assistant; one with nothing but its platform is removed
    removed = {identity: {"platform": platform} for identity, platform in gone.items()}
    payload = _device(device, version) | {"components": {**found, **removed}}
    return [*forget, Message(topic, msgspec.json.encode(payload), retain=True)]


def _device(device: str, version: str) -> dict[str, Any]:
    return {
        "device": {
            "identifiers": [f"edge_daemon_{device}"],
            "name": device,
            "manufacturer": "edge_daemon",
            "sw_version": version,
        },
        "origin": {"name": "edge_daemon", "sw_version": version},
        "availability_topic": f"{mqtt_messages.base(device)}/availability",
        "qos": 1,
    }


def load_owned(path: Path) -> Owned:
    """The entities that were ever sent; none if the file is missing or damaged."""
    try:
        return msgspec.json.decode(regular_file.read(path), type=Owned)
    except (OSError, ValueError):
        return {}


def save_owned(path: Path, owned: Owned) -> None:
    """Replace the file. Raises OSError."""
    atomic.replace_unsynced(path, msgspec.json.encode(owned))


def topics(device: str) -> list[str]:
    """Topic filters of all discovery messages that this or an older version may have sent for a device."""
    return [f"{PREFIX}/device/{device}/config", f"{PREFIX}/+/{device}/+/config"]


def _reading(field: Field, topic: str) -> Component:
    sensor = {"platform": "sensor", "name": field.name, "state_topic": topic}
    if field.text:
        return sensor | {"value_template": "{{ value_json.text | default(none) }}"}
    sensor["value_template"] = "{{ value_json.value | default(none) }}"
    device_class, state_class = derive(field.unit, field.counts, field.device_class, field.state_class)
    more = {
        "unit_of_measurement": spelling(field.unit),
        "device_class": device_class,
        "state_class": state_class,
    }
    return sensor | {key: value for key, value in more.items() if value}


def _details(field: Field, topic: str, raw: bool) -> dict[str, Component]:
    common = {"platform": "sensor", "entity_category": "diagnostic", "enabled_by_default": False, "state_topic": topic}
    found = {
        "confidence": common
        | {
            "name": f"{field.name} confidence",
            "value_template": "{{ (value_json.confidence * 100) | round(1) }}",
            "unit_of_measurement": "%",
            "state_class": "measurement",
        },
        "status": common
        | {
            "name": f"{field.name} status",
            "value_template": "{{ value_json.status }}",
            "device_class": "enum",
            "options": [status.value for status in Status],
        },
    }
    if raw:
        seen = "{{ value_json.candidates[0][0] if value_json.candidates else none }}"
        found["raw"] = common | {"name": f"{field.name} raw", "value_template": seen}
    return found


def _pictures(field: Field, base: str) -> dict[str, Component]:
    """The picture of a field, and the button that requests a new one."""
    return {
        "snapshot": {
            "platform": "image",
            "name": f"{field.name} picture",
            "entity_category": "diagnostic",
            "content_type": "image/jpeg",
            "image_topic": f"{base}/snapshot/{field.name}",
        },
        "take": {
            "platform": "button",
            "name": f"{field.name} take picture",
            "entity_category": "diagnostic",
            "command_topic": f"{base}/request/snapshot",
            "payload_press": msgspec.json.encode({"field": field.name}).decode(),
        },
    }


def _controls(base: str) -> dict[str, Component]:
    button = {"platform": "button", "payload_press": "{}"}
    return {
        "enabled": {
            "platform": "switch",
            "name": "Reading",
            "state_topic": f"{base}/enabled/state",
            "command_topic": f"{base}/enabled/set",
        },
        "read_now": button | {"name": "Read now", "command_topic": f"{base}/request/read_now"},
        "restart": button
        | {
            "name": "Restart",
            "device_class": "restart",
            "entity_category": "config",
            "command_topic": f"{base}/request/restart",
        },
    }


def _update(base: str) -> dict[str, Component]:
    return {
        "update": {
            "platform": "update",
            "name": "Model",
            "device_class": "firmware",
            "entity_category": "config",
            "state_topic": f"{base}/update",
            "command_topic": f"{base}/request/model_install",
            "payload_install": "{}",
        }
    }


def _health(topic: str) -> dict[str, Component]:
    common = {"platform": "sensor", "entity_category": "diagnostic", "enabled_by_default": False, "state_topic": topic}

    def figure(name: str, path: str, **more: str) -> Component:
        return common | {"name": name, "value_template": f"{{{{ value_json.{path} | default(none) }}}}"} | more

    return {
        "waiting": figure("Waiting records", "queue.waiting", state_class="measurement"),
        "last_good": figure(
            "Last good reading", "last_good_age_s", device_class="duration", unit_of_measurement="s"
        ),
        "temperature": figure(
            "Temperature", "temperature_c", device_class="temperature", unit_of_measurement="°C"
        ),
        "memory": figure("Memory", "rss_bytes", device_class="data_size", unit_of_measurement="B"),
    }  # fmt: skip

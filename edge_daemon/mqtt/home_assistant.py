"""What Home Assistant is told, so that it shows the device by itself: its MQTT discovery.

`device` mode sends one message for the whole device (Home Assistant 2024.12 and newer), `entity` mode one for each
entity. What was ever sent is remembered in a file: an entity that is no longer there must be taken back, or Home
Assistant shows it for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from edge_daemon.domain import Message, Status
from edge_daemon.mqtt import messages as wire
from edge_daemon.mqtt.payloads import EventType
from edge_daemon.system import atomic

Mode = Literal["device", "entity", "off"]
Component = dict[str, Any]
Owned = dict[str, dict[str, str]]
"""Topic -> the components that were ever told there: id -> platform."""

PREFIX = "homeassistant"
BIRTH = f"{PREFIX}/status"
"""Where Home Assistant says `online` when it has started."""

DEVICE_CLASSES: Mapping[str, str] = (
    dict.fromkeys(("°C", "°F", "K"), "temperature")
    | dict.fromkeys(("mV", "V", "kV"), "voltage")
    | dict.fromkeys(("mA", "A"), "current")
    | dict.fromkeys(("mW", "W", "kW", "MW", "GW"), "power")
    | dict.fromkeys(("Wh", "kWh", "MWh", "GWh"), "energy")
    | dict.fromkeys(("Hz", "kHz", "MHz"), "frequency")
    | dict.fromkeys(("mbar", "bar", "Pa", "hPa", "kPa", "psi"), "pressure")
    | dict.fromkeys(("mg", "g", "kg", "oz", "lb"), "weight")
    | dict.fromkeys(("mm", "cm", "m", "km", "in", "ft", "yd", "mi"), "distance")
    | dict.fromkeys(("s", "min", "h", "d"), "duration")
    | dict.fromkeys(("m³/h", "L/min", "ft³/min", "gal/min"), "volume_flow_rate")
    | {"lx": "illuminance", "VA": "apparent_power", "var": "reactive_power"}
)
"""Unit -> what it measures, where that is beyond doubt: litres may be water, gas or what a tank holds."""


@dataclass(frozen=True, slots=True)
class Field:
    """What discovery must know of a field."""

    name: str
    unit: str = ""
    text: bool = False


def is_birth(topic: str, payload: bytes) -> bool:
    """Whether Home Assistant says that it has just started."""
    return topic == BIRTH and payload == b"online"


def components(
    device: str, fields: Sequence[Field], raw: bool, snapshots: bool = False, updates: bool = False
) -> dict[str, Component]:
    """Every entity, id -> its configuration. `raw`: readings tell what was seen beside what was accepted;
    `snapshots`: pictures of the fields may be asked for; `updates`: newer models are looked for."""
    base = wire.base(device)
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
    """All that has to be said, what is to be forgotten first; `owned` is brought up to date."""
    for identity, component in found.items():
        component["unique_id"] = f"edge_daemon_{device}_{identity}"
    common = {
        "device": {
            "identifiers": [f"edge_daemon_{device}"],
            "name": device,
            "manufacturer": "edge_daemon",
            "sw_version": version,
        },
        "origin": {"name": "edge_daemon", "sw_version": version},
        "availability_topic": f"{wire.base(device)}/availability",
        "qos": 1,
    }
    said = _SAY[mode](device, common, found)
    for topic, payload in said.items():
        parts = payload.get("components", {})
        gone = {identity: platform for identity, platform in owned.get(topic, {}).items() if identity not in parts}
        owned[topic] = gone | {identity: part["platform"] for identity, part in parts.items()}
        # a platform without more takes a component back; leaving it out would not
        parts |= {identity: {"platform": platform} for identity, platform in gone.items()}
    forget = [Message(topic, b"", retain=True) for topic in owned if topic not in said]
    return forget + [Message(topic, msgspec.json.encode(payload), retain=True) for topic, payload in said.items()]


def load_owned(path: Path) -> Owned:
    """What was ever told; nothing where that is not known."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Owned)
    except (OSError, msgspec.DecodeError):
        return {}


def save_owned(path: Path, owned: Owned) -> None:
    """Whole or not at all. Raises OSError."""
    atomic.replace_unsynced(path, msgspec.json.encode(owned))


def topics(device: str) -> list[str]:
    """Where a device may have told Home Assistant something, as topic filters."""
    return [f"{PREFIX}/device/{device}/config", f"{PREFIX}/+/{device}/+/config"]


def _reading(field: Field, topic: str) -> Component:
    told = {"platform": "sensor", "name": field.name, "state_topic": topic}
    if field.text:
        return told | {"value_template": "{{ value_json.text | default(none) }}"}
    told["value_template"] = "{{ value_json.value | default(none) }}"
    kind = DEVICE_CLASSES.get(field.unit)
    if field.unit:
        told["unit_of_measurement"] = field.unit
    if kind:
        told["device_class"] = kind
    # what energy measures adds up; Home Assistant takes no other word for it
    return told | {"state_class": "total" if kind == "energy" else "measurement"}


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
    """The picture of a field, and the button that asks for a new one."""
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


def _one_device(device: str, common: dict[str, Any], found: Mapping[str, Component]) -> dict[str, dict[str, Any]]:
    return {f"{PREFIX}/device/{device}/config": common | {"components": dict(found)}}


def _each_entity(device: str, common: dict[str, Any], found: Mapping[str, Component]) -> dict[str, dict[str, Any]]:
    return {
        f"{PREFIX}/{component['platform']}/{device}/{identity}/config": common
        | {key: value for key, value in component.items() if key != "platform"}
        for identity, component in found.items()
    }


_SAY = {"device": _one_device, "entity": _each_entity, "off": lambda *_: {}}

"""Step 5, Home Assistant: whether it is at the broker, and how the numbers will appear in it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from edge_daemon.announce import discovery
from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import Timeouts, connect
from edge_daemon.mqtt.home_assistant import BIRTH, is_birth
from edge_daemon.setup import broker
from edge_daemon.setup.session import Session

PATIENCE = 1.0
"""Seconds in which a retained birth message arrives."""


def choose(session: Session, device: str, is_used: bool = True) -> Iterator[Found]:
    """Name the device, and say how its numbers will appear in Home Assistant. Raises ConfigError or BrokerError."""
    if device != session.draft.config.device:
        session.draft.set("device", {"id": device})
    if is_used != (session.draft.config.mqtt.home_assistant != "off"):
        session.draft.set("mqtt", {"home_assistant": None if is_used else "off"})
    if not is_used:
        yield Level.OK, "nothing is sent to Home Assistant"
        return
    if is_seen(broker.address(session)):
        yield Level.OK, "Home Assistant is at this broker"
    else:
        remedy = "It says so only when it starts: with its MQTT integration set up, all below appears by itself."
        yield Level.WARN, "no word of Home Assistant at this broker yet", remedy
    yield from ((Level.OK, f"it will show: {name}") for name in entities(session.draft.config))


def is_seen(to: BrokerAddress) -> bool:
    """Whether the broker has the birth message of Home Assistant, or it arrives now. Raises BrokerError."""
    timeouts = Timeouts()
    link = connect(to, "", timeouts)
    try:
        link.listen([BIRTH], timeouts.connack)
        deadline = time.monotonic() + PATIENCE
        while link.up and (left := deadline - time.monotonic()) > 0:
            if any(is_birth(received.topic, received.payload) for received in link.received):
                return True
            link.pump(left)
        return False
    finally:
        link.close()


def entities(config: Config) -> list[str]:
    """The sensors of the fields as Home Assistant will name them, with their units."""
    payloads = [msgspec.json.decode(message.payload) for message in discovery(config, {}) if message.payload]
    parts = [payload["components"] for payload in payloads]
    return [
        f"{config.device} {sensor['name']} {sensor.get('unit_of_measurement', '')}".rstrip()
        for components in parts
        for key, sensor in components.items()
        if key in {f"reading_{field.name}" for field in config.fields}
    ]

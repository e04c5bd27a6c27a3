"""Deletes everything that a device has left at a broker: `edge-daemon mqtt clean`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from edge_daemon.domain import Message
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt import home_assistant, messages
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import Link, Timeouts, connect

QUIET = 0.5
"""Seconds without another retained message after which all have arrived."""


STATES = ("availability", "info", "health", "problem", "enabled/state")


def clean(broker: BrokerAddress, device: str, fields: Iterable[str] = (), times: Timeouts | None = None) -> list[str]:
    """Clear the device's retained topics, Home Assistant's first. Returns them sorted. Raises BrokerError.

    Topics of `fields` and those of every device are subscribed to by name, too: RabbitMQ 3 sends no retained messages
    for a wildcard.
    """
    times = times or Timeouts()
    link = connect(broker, "", times)
    try:
        topics = [f"{messages.base(device)}/{state}" for state in (*STATES, *(f"reading/{field}" for field in fields))]
        topics += [f"{messages.base(device)}/#", *home_assistant.topics(device)]
        found = _retained(link, device, topics, times)
        if found.get(f"{messages.base(device)}/availability") == b"online":
            raise BrokerError(f"{device} is running: stop it first, or it publishes all of this again")
        ours = sorted(found, key=lambda topic: (not topic.startswith(home_assistant.PREFIX), topic))
        for topic in ours:
            _clear(link, topic, times)
        return sorted(ours)
    finally:
        link.close()


def _retained(link: Link, device: str, topics: Sequence[str], times: Timeouts) -> dict[str, bytes]:
    """Topic -> payload of the retained messages. Raises BrokerError."""
    if not link.listen(topics, times.connack):
        raise BrokerError(
            f"the broker does not allow subscribing to {messages.base(device)}/# and {home_assistant.PREFIX}/..."
        )
    found: dict[str, bytes] = {}
    quiet_at = time.monotonic() + QUIET
    while link.up and (left := quiet_at - time.monotonic()) > 0:
        link.pump(left)
        while link.received:
            received = link.received.popleft()
            if received.retain:
                found[received.topic] = received.payload
                quiet_at = time.monotonic() + QUIET
    return found


def _clear(link: Link, topic: str, times: Timeouts) -> None:
    mid = link.publish(Message(topic, b"", retain=True))
    deadline = time.monotonic() + times.acknowledge
    while link.up and (left := deadline - time.monotonic()) > 0:
        while link.acknowledged:
            acknowledged, code = link.acknowledged.popleft()
            if acknowledged == mid and code < 0x80:
                return
            if acknowledged == mid:
                raise BrokerError(f"the broker does not allow clearing {topic}: reason code 0x{code:02x}")
        link.pump(left)
    raise BrokerError(f"the broker did not acknowledge clearing {topic}")

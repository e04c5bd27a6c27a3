"""Many MQTT connections in one process, which publish readings as fast as the broker acknowledges them."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_daemon.domain import Entry
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt.address import parse_url
from edge_daemon.mqtt.messages import encode_record
from tests.support.records import numbered_reading

START = 120.0
"""Seconds for all connections, at most."""


@dataclass
class Publisher:
    """One connection, with the name of a device: one reading at a time, as a device with one field has it."""

    name: str
    client: paho.Client
    left: int
    """Readings that were not acknowledged yet."""
    ready: bool = False

    @property
    def socket(self) -> Any:
        return self.client.socket()

    def publish(self) -> None:
        entry = Entry(self.left, f"{self.name}/00000001/{self.left}", True, numbered_reading(self.left))
        message = encode_record(self.name, "candidates", entry, False)
        self.client.publish(message.topic, message.payload, 1, True)

    def acknowledged(self) -> None:
        self.left -= 1
        if self.left:
            self.publish()


def publish(urls: Sequence[str], names: Sequence[str], readings: int) -> float:
    """Each of `names` publishes so many readings; returns the seconds that this took, all connections being there.

    The connections are spread over the brokers. Raises BrokerError.
    """
    watched = selectors.DefaultSelector()
    publishers = [_connect(urls[i % len(urls)], name, readings) for i, name in enumerate(names)]
    for one in publishers:
        watched.register(one.socket, selectors.EVENT_READ, one)
    _serve(watched, lambda: all(one.ready for one in publishers), START)
    began = time.monotonic()
    for one in publishers:
        one.publish()
    _serve(watched, lambda: not any(one.left for one in publishers), float("inf"))
    seconds = time.monotonic() - began
    for one in publishers:
        watched.unregister(one.socket)
        one.client.disconnect()
        one.client.on_connect = one.client.on_publish = None
    watched.close()
    return seconds


def _connect(url: str, name: str, readings: int) -> Publisher:
    host, port, _ = parse_url(url)
    client = paho.Client(CallbackAPIVersion.VERSION2, f"edge_daemon-{name}")
    one = Publisher(name, client, readings)

    def ready(*_: object) -> None:
        one.ready = True

    client.on_connect = ready
    client.on_publish = lambda *_: one.acknowledged()
    try:
        client.connect(host, port, keepalive=600)
    except OSError as error:
        raise BrokerError(f"broker {url}: {error}") from None
    return one


def _serve(watched: selectors.BaseSelector, done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise BrokerError("not all devices could connect")
        for key, _ in watched.select(1.0):
            one = key.data
            if one.client.loop_read() != paho.MQTT_ERR_SUCCESS:
                raise BrokerError(f"the broker has ended the connection of {one.name}")
            one.client.loop_write()  # what was published in a callback

"""The subscriber of a fleet, with a persistent session: the broker keeps what comes while it is disconnected."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_daemon.errors import BrokerError
from edge_daemon.mqtt.address import BrokerAddress

TOPICS = [("edge_daemon/+/reading/+", 1), ("edge_daemon/+/history", 1)]
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message, and when it arrived (monotonic seconds)."""

    topic: str
    payload: bytes
    at: float


class Listener:
    """Receives all readings; reconnects when the broker is back."""

    def __init__(self, to: BrokerAddress, client_id: str) -> None:
        """Returns when it is subscribed. Raises BrokerError."""
        self.heard: list[Heard] = []
        self._closing = False
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)
        if to.username:
            self._client.username_pw_set(to.username, to.password)
        if to.tls:
            self._client.tls_set_context(to.tls)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        try:
            self._client.connect(to.host, to.port)
        except OSError as error:
            raise BrokerError(f"broker {to} cannot be reached: {error}") from None
        self._client.loop_start()
        if not self._ready.wait(PATIENCE):
            self._client.loop_stop()
            raise BrokerError(f"broker {to} does not let us subscribe to {TOPICS[0][0]}")

    def close(self, forget: Iterable[str]) -> None:
        """Removes its session and the retained messages on the topics in `forget` from the broker."""
        for topic, _ in TOPICS:
            self._client.unsubscribe(topic)
        cleared = [self._client.publish(topic, b"", qos=1, retain=True) for topic in forget]
        for message in cleared:
            message.wait_for_publish(PATIENCE)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, _data: object, flags: paho.ConnectFlags, *_: Any) -> None:
        if not flags.session_present:  # asking again would bring the retained messages again
            client.subscribe(TOPICS)

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        if not message.retain:
            self.heard.append(Heard(message.topic, bytes(message.payload), time.monotonic()))

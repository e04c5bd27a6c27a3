"""Messages from an MQTT broker, in a session that the broker keeps while we are away."""

from __future__ import annotations

import time
from collections.abc import Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_daemon.mqtt.address import BrokerAddress
from scripts.collecting.collector import Tell, Trouble
from scripts.collecting.rows import Received

MOST = 1000
"""Messages in a batch, at most. mosquitto sends no more than its `max_inflight_messages` (20) before it waits."""
LARGEST_PACKET = 32 * 1024 * 1024
"""Bytes. A larger message the broker drops (MQTT 5)."""
NEVER = 0xFFFFFFFF
"""MQTT 5's Session Expiry Interval of a session that does not expire."""
AWAY = 2.0
"""Seconds between tries to reach a broker that is away."""


class MqttSource:
    """One client of the broker, with a name: the broker keeps its session.

    With a `share` it is one of several that share the messages (MQTT 5). Without it MQTT 3.1.1 is spoken, which all
    brokers know.
    """

    def __init__(self, to: BrokerAddress, name: str, topics: Sequence[str], tell: Tell, share: str = "") -> None:
        self._to = to
        self._name = name
        self._topics = [f"$share/{share}/{topic}" if share else topic for topic in topics]
        self._shared = bool(share)
        self._leaving = False
        self._waiting: list[paho.MQTTMessage] = []
        self._returned = 0
        self._turns = 0  # brokers that could not be reached
        self._trouble = Trouble(f"broker {to}", tell)
        self._client = self._build()
        self.connected = False
        """Whether there is a connection, as far as is known."""

    def receive(self, seconds: float) -> Sequence[Received]:
        if not self.connected:
            self._connect()
        if self.connected:
            self._read(0.0 if self._waiting else seconds)
        self._returned = len(self._waiting)
        return [Received(message.topic, bytes(message.payload)) for message in self._waiting]

    def acknowledge(self) -> None:
        for message in self._waiting[: self._returned]:
            self._client.ack(message.mid, message.qos)
        del self._waiting[: self._returned]

    def leave(self) -> None:
        """From now on receive only what the broker holds for this session. After that: `end`."""
        self._leaving = True

    def end(self) -> None:
        """Ends the session at the broker."""
        self._client.disconnect()
        self.connected, self._client = False, self._build(keep=False)
        self._connect(keep=False)
        self._read(1.0)
        self._client.disconnect()

    def _build(self, keep: bool = True) -> paho.Client:
        if self._shared:
            client = paho.Client(
                CallbackAPIVersion.VERSION2, self._name, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
            )
        else:
            client = paho.Client(CallbackAPIVersion.VERSION2, self._name, clean_session=not keep, manual_ack=True)
        if self._to.username:
            client.username_pw_set(self._to.username, self._to.password)
        if self._to.tls:
            client.tls_set_context(self._to.tls)
        client.on_connect = self._on_connect
        client.on_message = lambda _client, _data, message: self._waiting.append(message)
        return client

    def _connect(self, keep: bool = True) -> None:
        self._waiting.clear()  # was not acknowledged: it comes again
        try:
            if self._shared:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.SessionExpiryInterval = NEVER if keep else 0
                properties.ReceiveMaximum = MOST
                properties.MaximumPacketSize = LARGEST_PACKET
                self._client.connect(self._to.host, self._to.port, clean_start=not keep, properties=properties)
            else:
                self._client.connect(self._to.host, self._to.port)
            self.connected = True
        except OSError as error:
            self._lost(f"cannot be reached: {error}")

    def _read(self, seconds: float) -> None:
        """Read what has arrived, up to a batch. One `loop` of paho reads one packet."""
        result, before = self._client.loop(seconds), -1
        while result == paho.MQTT_ERR_SUCCESS and before < len(self._waiting) < MOST:
            before = len(self._waiting)
            result = self._client.loop(0.0)
        if result != paho.MQTT_ERR_SUCCESS:
            self.connected = False
            self._lost(f"connection lost: {paho.error_string(result)}")

    def _on_connect(self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _: object) -> None:
        if code.is_failure:
            self._trouble.begin(f"refuses the connection: {code}; trying again")
            return  # it ends the connection now
        self._trouble.end()
        if self._leaving:
            client.unsubscribe(self._topics)
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _lost(self, why: str) -> None:
        """The next broker of the cluster is tried at once, and after the last one of them there is a pause."""
        self._trouble.begin(f"{why}; trying again")
        self._turns += 1
        if self._turns % (1 + len(self._to.others)) == 0:
            time.sleep(AWAY)
        self._to = self._to.in_turn()[1 % (1 + len(self._to.others))]

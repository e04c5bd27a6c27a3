"""One connection to an MQTT broker. This is paho-mqtt's one door.

paho's own thread is not used: a Link drives paho's loop from the thread that calls it, and lives for exactly
one connection. So callbacks run inside `pump()` and only append to a queue; nothing that paho remembers
(messages published while offline, half-sent packets, tries of its own) outlives a connection; and at every
moment it is known which messages the broker has acknowledged.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_daemon.domain import Message, ReceivedMessage
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt.address import BrokerAddress

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311

_WINDOW = 16
"""At most so many messages wait for their acknowledgement at once."""

_NOT_THIS_VERSION = {0x01, 0x81, 0x82, 0x84}
"""Reason codes of a CONNACK from a broker that cannot make sense of MQTT 5."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; not for users, shortened by tests."""

    connect: float = 5.0
    """For TCP, and again for TLS."""
    connack: float = 5.0
    """For the broker's answer to CONNECT."""
    connack_v5: float = 1.0
    """The same for MQTT 5: amqtt, which does not know it, waits for more of a CONNECT that has a will."""
    acknowledge: float = 20.0
    """For the acknowledgement of a whole batch, before the connection is given up."""
    keepalive: int = 30
    """A half-open connection is noticed after twice this."""


class VersionError(BrokerError):
    """The broker does not seem to speak this version of MQTT."""


def connect(
    to: BrokerAddress,
    client_id: str,
    times: Timeouts,
    will: Message | None = None,
    wake: socket.socket | None = None,
    largest: int | None = None,
) -> Link:
    """Connect with MQTT 5, and once with 3.1.1 if the broker seems not to know it. Raises BrokerError.

    What worked is not remembered: a broker may only have been slow, and 3.1.1 has no word for a refused message.
    """
    with suppress(VersionError):
        return Link(to, client_id, V5, times, will, wake, largest)
    return Link(to, client_id, V311, times, will, wake)


class Link:
    """One connection to a broker, from CONNECT to its end; then it is thrown away."""

    def __init__(
        self,
        to: BrokerAddress,
        client_id: str,
        version: MQTTProtocolVersion,
        times: Timeouts,
        will: Message | None = None,
        wake: socket.socket | None = None,
        largest: int | None = None,
    ) -> None:
        """Connect. `wake` is a socket that ends a `pump` early when it becomes readable. `largest` is how many bytes
        a packet may have that the broker sends us (MQTT 5 only).

        Raises BrokerError; VersionError if the broker may speak another version of MQTT.
        """
        self.acknowledged: deque[tuple[int, int]] = deque()
        """(message id, reason code) of each PUBACK."""
        self.received: deque[ReceivedMessage] = deque()
        """Each message received."""
        self.granted: deque[bool] = deque()
        """Whether all topics were granted, for each `subscribe`."""
        self.lost = ""
        """Why the connection ended."""
        self.window = _WINDOW
        """How many messages may be unacknowledged at once: our limit or the broker's, if that is less."""
        self.version = version
        self.retains = True
        """Whether the broker keeps retained messages."""
        self.acknowledges = True
        """Whether it takes messages that it must acknowledge (QoS 1)."""
        self._to = to
        self._wake_read = wake
        self._packet_limit = 2**28
        self._connack: deque[tuple[ReasonCode, Properties | None]] = deque()
        self._client = self._build(client_id, will)
        try:
            self._connect(times, largest)
        except BrokerError:
            self.drop("")
            raise

    @property
    def up(self) -> bool:
        return self._client.socket() is not None

    def pump(self, timeout: float) -> None:
        """Read and write what is due; wait up to `timeout` seconds for something to be."""
        sock: Any = self._client.socket()
        if sock is None:
            return
        inside_tls = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0  # read, but not yet by us
        watched = [sock] if self._wake_read is None else [sock, self._wake_read]
        writing = [sock] if self._client.want_write() else []
        patience = min(timeout, self._client.keepalive / 2)  # a server may want to hear of us every second
        readable, writable, _ = select.select(watched, writing, [], 0.0 if inside_tls else patience)
        if self._wake_read is not None and self._wake_read in readable:
            drain(self._wake_read)
        if sock in readable or inside_tls:
            self._client.loop_read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()

    def fits(self, message: Message) -> bool:
        """Whether the broker has not said that it takes none so long."""
        properties = _properties(message, PacketTypes.PUBLISH) if self.version is V5 else None
        return _packet_length(message, properties) <= self._packet_limit

    def publish(self, message: Message) -> int | None:
        """Send a message and return its id; None if it does not fit."""
        if not self.fits(message):
            return None
        properties = _properties(message, PacketTypes.PUBLISH) if self.version is V5 else None
        retain = message.retain and self.retains
        return self._client.publish(message.topic, message.payload, message.qos, retain, properties).mid

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for topics; the answer is in `granted`, what arrives in `received`."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def listen(self, topics: Sequence[str], patience: float) -> bool:
        """Ask for topics and wait for the answer; whether all were granted."""
        self.subscribe(topics)
        deadline = time.monotonic() + patience
        while not self.granted and self.up and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
        return bool(self.granted) and self.granted.popleft()

    def close(self) -> None:
        """Say goodbye, so that the broker keeps the last will to itself, and hang up."""
        self._client.disconnect()
        self.pump(0.0)
        self.drop("closed")

    def drop(self, why: str) -> None:
        """Hang up without a word; the broker will publish the last will."""
        self.lost = self.lost or why
        sock: Any = self._client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        while self.up and self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass  # paho closes its socket when it reads the end

    def _build(self, client_id: str, will: Message | None) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=self.version, reconnect_on_failure=False)
        if self._to.username:
            client.username_pw_set(self._to.username, self._to.password)
        if self._to.tls:
            client.tls_set_context(self._to.tls)
        if will:
            properties = _properties(will, PacketTypes.WILLMESSAGE) if self.version is V5 else None
            client.will_set(will.topic, will.payload, will.qos, will.retain, properties)
        client.on_connect = lambda _c, _u, _flags, code, properties: self._connack.append((code, properties))
        client.on_publish = lambda _c, _u, mid, code, _p: self.acknowledged.append((mid, code.value))
        client.on_message = lambda _c, _u, message: self.received.append(_received(message))
        client.on_subscribe = lambda _c, _u, _mid, codes, _p: self.granted.append(
            not any(code.is_failure for code in codes)
        )
        client.on_disconnect = self._on_disconnect
        return client

    def _on_disconnect(self, _c: object, _u: object, _flags: object, code: ReasonCode, _p: object) -> None:
        self.lost = self.lost or str(code)

    def _connect(self, times: Timeouts, largest: int | None) -> None:
        self._client.connect_timeout = times.connect
        properties = None
        if self.version is V5 and largest:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.MaximumPacketSize = largest
        try:
            self._client.connect(self._to.host, self._to.port, times.keepalive, properties=properties)
        except OSError as error:
            raise BrokerError(f"broker {self._to} cannot be reached: {error.strerror or error}") from None
        patience = times.connack_v5 if self.version is V5 else times.connack
        deadline = time.monotonic() + patience
        while not self._connack and self.up and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
        if not self._connack:
            raise VersionError(f"broker {self._to} " + ("does not answer" if self.up else "hung up on us"))
        self._obey(*self._connack.popleft())

    def _obey(self, code: ReasonCode, properties: Properties | None) -> None:
        """Take note of what the broker allows; paho reads none of it."""
        if code.is_failure:
            kind = VersionError if code.value in _NOT_THIS_VERSION else BrokerError
            raise kind(f"broker {self._to} refused us: {code}")
        self.window = min(_WINDOW, getattr(properties, "ReceiveMaximum", _WINDOW))
        self._packet_limit = getattr(properties, "MaximumPacketSize", self._packet_limit)
        self.retains = bool(getattr(properties, "RetainAvailable", 1))
        self.acknowledges = getattr(properties, "MaximumQoS", 2) > 0


def drain(wake: socket.socket) -> None:
    """Take back all that has been rung."""
    with suppress(BlockingIOError):
        wake.recv(4096)


def _properties(message: Message, kind: int) -> Properties | None:
    """What of a message travels beside its payload in MQTT 5."""
    properties = Properties(kind)  # type: ignore[no-untyped-call]
    if message.expiry is not None:
        properties.MessageExpiryInterval = message.expiry
    if message.user:
        properties.UserProperty = list(message.user)
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    return None if properties.isEmpty() else properties  # type: ignore[no-untyped-call]


def _received(message: paho.MQTTMessage) -> ReceivedMessage:
    properties = message.properties
    return ReceivedMessage(
        # a topic that is not UTF-8 is nothing that we know
        bytes(message._topic).decode(errors="replace"),
        bytes(message.payload),
        message.retain,
        tuple(getattr(properties, "UserProperty", ())),
        getattr(properties, "ResponseTopic", ""),
        getattr(properties, "CorrelationData", None),
    )


def _packet_length(message: Message, properties: Properties | None) -> int:
    """Bytes of the PUBLISH packet on the wire in MQTT 5, fixed header included."""
    packed = properties.pack() if properties else b"\0"  # type: ignore[no-untyped-call]
    rest = 2 + len(message.topic.encode()) + (2 if message.qos else 0) + len(packed) + len(message.payload)
    return 1 + max(1, -(-rest.bit_length() // 7)) + rest

"""One connection to an MQTT broker. This is the only module that uses paho-mqtt.

paho's own thread is not used: a Link runs paho's loop in the thread that calls it, for exactly one connection. So
callbacks run inside `pump()` and only append to a queue; paho's own state (messages published while offline, half-sent
packets, its retries) ends with the connection; and it is always known which messages the broker has acknowledged.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_daemon.domain import Message, ReceivedMessage
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.system import clock

V5 = MQTTProtocolVersion.MQTTv5
V311 = MQTTProtocolVersion.MQTTv311

_WINDOW = 16
"""Unacknowledged messages at one time, at most."""

_NOT_THIS_VERSION = {0x01, 0x81, 0x82, 0x84}
"""Reason codes of a CONNACK from a broker that does not know MQTT 5."""
_NO_RETAINED_WILL = 0x9A
"""Reason code of a CONNACK: the broker retains nothing, and the last will is to be retained."""
_NO_WILL_OF_THIS_QOS = 0x9B
"""Reason code of a CONNACK: the last will has a higher QoS than the broker knows."""
_NO_REASON = 0x80
"""Reason code that paho gives to a connection that ended without a DISCONNECT packet."""
EXPIRED = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""
NOT_YET_VALID = 9
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID."""
LARGEST_RECEIVED = 1_000_000
"""Bytes of a packet from the broker, at most, unless a connection is made with another limit."""
_MAX_RECEIVED = 10_000
"""Received messages that wait to be taken out, at most; the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; not configurable, tests use shorter ones."""

    connect: float = 5.0
    """For TCP, and again for TLS."""
    connack: float = 5.0
    """For the broker's answer to CONNECT."""
    connack_v5: float = 5.0
    """The same for MQTT 5: amqtt, which does not know it, waits for more of a CONNECT that has a will."""
    acknowledge: float = 20.0
    """For the acknowledgement of a whole batch; then the connection is dropped."""
    keepalive: int = 30
    """Keep Alive: a half-open connection is noticed after twice this."""


class VersionError(BrokerError):
    """The broker does not seem to speak this version of MQTT."""


class _WillError(BrokerError):
    """The broker does not take such a last will. `will` is one that it may take."""

    def __init__(self, why: str, will: Message) -> None:
        super().__init__(why)
        self.will = will


def connect(
    to: BrokerAddress,
    client_id: str,
    timeouts: Timeouts,
    will: Message | None = None,
    wake: socket.socket | None = None,
    largest: int = LARGEST_RECEIVED,
) -> Link:
    """Connect to the first broker of `to` and its others that accepts it. Raises BrokerError.

    Each is tried with MQTT 5, and once with 3.1.1 if it does not seem to know it. A last will that the broker does not
    take is sent without retain, or with QoS 0. The version that worked is not kept for the next time: the broker may
    only have been slow, and 3.1.1 cannot say that a message is refused.
    """
    failures: list[BrokerError] = []
    for address in to.in_turn():
        try:
            return _connect_to_one(address, client_id, timeouts, will, wake, largest)
        except BrokerError as error:
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    raise BrokerError("; ".join(map(str, failures)))


def _connect_to_one(
    to: BrokerAddress,
    client_id: str,
    timeouts: Timeouts,
    will: Message | None,
    wake: socket.socket | None,
    largest: int,
) -> Link:
    try:
        return _connect(to, client_id, V5, timeouts, will, wake, largest)
    except VersionError as error:
        link = _connect(to, client_id, V311, timeouts, will, wake, largest)
        link.why_not_5 = str(error)
        return link


def _connect(
    to: BrokerAddress,
    client_id: str,
    version: MQTTProtocolVersion,
    timeouts: Timeouts,
    will: Message | None,
    wake: socket.socket | None,
    largest: int,
) -> Link:
    while True:
        try:
            return Link(to, client_id, version, timeouts, will, wake, largest)
        except _WillError as error:
            will = error.will  # each time less is asked for, so this ends


class _Client(paho.Client):
    """paho's client. It reads no packet longer than a limit, and closes a socket whose TLS handshake fails."""

    largest = LARGEST_RECEIVED
    """Bytes."""
    too_large = 0
    """Bytes of the packet at which it stopped; 0: there was none."""

    def _sock_recv(self, bufsize: int) -> bytes:
        """Read at most `bufsize` bytes. paho asks for all that the fixed header has announced at once."""
        if bufsize > self.largest:
            self.too_large = bufsize
            raise OSError("the packet is too large")
        return super()._sock_recv(bufsize)

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Make TLS of a TCP connection. paho leaves the socket open if the handshake fails."""
        assert self._ssl_context is not None
        tls = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            tls.do_handshake()
        except OSError:
            tls.close()
            raise
        return tls


class Link:
    """One connection to a broker, from CONNECT to its end."""

    def __init__(
        self,
        to: BrokerAddress,
        client_id: str,
        version: MQTTProtocolVersion,
        timeouts: Timeouts,
        will: Message | None = None,
        wake: socket.socket | None = None,
        largest: int = LARGEST_RECEIVED,
    ) -> None:
        """Connect. `wake` is a socket that ends a `pump` early when it becomes readable. `largest`: bytes of a packet
        from the broker, at most; a larger one ends the connection.

        Raises BrokerError; VersionError if the broker may speak another version of MQTT.
        """
        self.acknowledged: deque[tuple[int, int]] = deque()
        """(message id, reason code) of each message that the broker has answered."""
        self.received: deque[ReceivedMessage] = deque(maxlen=_MAX_RECEIVED)
        """Each message received."""
        self.granted: deque[bool] = deque()
        """Whether all topics were granted, for each `subscribe`."""
        self.denied: list[str] = []
        """Topics that were subscribed to and not granted."""
        self.lost = ""
        """Why the connection ended."""
        self.lost_code = 0
        """The reason code of the broker's DISCONNECT; 0: there was none."""
        self.window = _WINDOW
        """Unacknowledged messages at one time, at most: _WINDOW, or the broker's Receive Maximum if that is less."""
        self.version = version
        self.why_not_5 = ""
        """Why MQTT 3.1.1 is spoken; empty with MQTT 5."""
        self.retains = True
        """Whether the broker keeps retained messages."""
        self.max_qos = 2
        """The highest QoS of the broker."""
        self.confirms = True
        """Whether the broker answers an UNSUBSCRIBE for a topic that nobody subscribed to, as it must."""
        self.to = to
        """The broker of this connection, and the others to try after it."""
        self._wake_read = wake
        self._packet_limit = 2**28
        self._connack: deque[tuple[ReasonCode, Properties | None]] = deque()
        self._will = will
        self._asked: dict[int, Sequence[str]] = {}  # id of a SUBSCRIBE -> its topics
        self._unconfirmed: dict[int, int] = {}  # id of an UNSUBSCRIBE -> id of the message before it
        self._client = self._build(client_id, will)
        self._client.largest = largest
        try:
            self._connect(timeouts)
        except BrokerError:
            self.drop("")
            raise

    @property
    def up(self) -> bool:
        return self._client.socket() is not None

    def pump(self, timeout: float) -> None:
        """Read and write packets; wait up to `timeout` seconds until there is something to read or write."""
        sock: Any = self._client.socket()
        if sock is None:
            return
        inside_tls = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0  # decrypted, and not seen by select
        watched = [sock] if self._wake_read is None else [sock, self._wake_read]
        writing = [sock] if self._client.want_write() else []
        patience = min(timeout, self._client.keepalive / 2)  # a broker may set a Keep Alive of one second
        readable, writable, _ = select.select(watched, writing, [], 0.0 if inside_tls else patience)
        if self._wake_read is not None and self._wake_read in readable:
            drain(self._wake_read)
        if sock in readable or inside_tls:
            self._client.loop_read()
            if self._client._in_messages:  # paho keeps them until they are released, however many there are
                self.drop("the broker sent a message with QoS 2, which nobody subscribed to")
        if writable:
            self._client.loop_write()
        self._client.loop_misc()

    def fits(self, message: Message) -> bool:
        """Whether the broker's Maximum Packet Size allows a message of this length."""
        properties = _properties(message, PacketTypes.PUBLISH) if self.version is V5 else None
        return _packet_length(message, properties) <= self._packet_limit

    def publish(self, message: Message) -> int | None:
        """Send a message and return its id; None if it does not fit. Retain and QoS are lowered to what the broker can.

        A message with QoS 0 is not acknowledged in MQTT. So it is followed by an UNSUBSCRIBE for a topic that nobody
        subscribed to: the broker reads packets in their order, and its answer shows that it has read the message.
        """
        if not self.fits(message):
            return None
        properties = _properties(message, PacketTypes.PUBLISH) if self.version is V5 else None
        qos, retain = min(message.qos, self.max_qos), message.retain and self.retains
        mid = self._client.publish(message.topic, message.payload, qos, retain, properties).mid
        if qos == 0 and self.confirms:
            _, confirmation = self._client.unsubscribe(f"{message.topic}/sent")
            if confirmation is not None:
                self._unconfirmed[confirmation] = mid
            with suppress(ValueError):
                self.acknowledged.remove((mid, 0))  # it was only written
        return mid

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe; the answer comes into `granted`, messages into `received`."""
        _, mid = self._client.subscribe([(topic, min(1, self.max_qos)) for topic in topics])
        if mid is not None:
            self._asked[mid] = topics

    def listen(self, topics: Sequence[str], patience: float) -> bool:
        """Subscribe and wait up to `patience` seconds for the answer; whether all topics were granted."""
        self.subscribe(topics)
        deadline = time.monotonic() + patience
        while not self.granted and self.up and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
        return bool(self.granted) and self.granted.popleft()

    def close(self) -> None:
        """Disconnect properly: the broker does not publish the last will."""
        self._client.disconnect()
        self.pump(0.0)
        self.drop("closed")

    def drop(self, why: str) -> None:
        """Close the socket without DISCONNECT: the broker publishes the last will."""
        self.lost = self.lost or why
        sock: Any = self._client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        while self.up and self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass  # paho closes its socket when it reads the end

    def _build(self, client_id: str, will: Message | None) -> _Client:
        client = _Client(CallbackAPIVersion.VERSION2, client_id, protocol=self.version, reconnect_on_failure=False)
        if self.to.username:
            client.username_pw_set(self.to.username, self.to.password)
        if self.to.tls:
            client.tls_set_context(self.to.tls)
        if will:
            properties = _properties(will, PacketTypes.WILLMESSAGE) if self.version is V5 else None
            client.will_set(will.topic, will.payload, will.qos, will.retain, properties)
        client.on_connect = lambda _c, _u, _flags, code, properties: self._connack.append((code, properties))
        client.on_publish = self._on_publish
        client.on_unsubscribe = self._on_unsubscribe
        client.on_message = lambda _c, _u, message: self.received.append(_received(message))
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        return client

    def _on_publish(self, _c: object, _u: object, mid: int, code: ReasonCode, _p: object) -> None:
        if mid not in self._unconfirmed.values():
            self.acknowledged.append((mid, code.value))

    def _on_unsubscribe(self, _c: object, _u: object, mid: int, _codes: object, _p: object) -> None:
        if mid in self._unconfirmed:
            self.acknowledged.append((self._unconfirmed.pop(mid), 0))

    def _on_subscribe(self, _c: object, _u: object, mid: int, codes: Sequence[ReasonCode], _p: object) -> None:
        denied = [topic for topic, code in zip(self._asked.pop(mid, ()), codes, strict=False) if code.is_failure]
        self.denied += denied
        self.granted.append(not denied)

    def _on_disconnect(self, _c: object, _u: object, flags: paho.DisconnectFlags, code: ReasonCode, _p: object) -> None:
        if self._client.too_large:
            why = f"the broker sent a packet of {self._client.too_large} bytes"
        elif code.value == _NO_REASON and not flags.is_disconnect_packet_from_server:
            why = "the broker or the network ended it without a reason"
        else:
            why = str(code)
            self.lost_code = code.value
        self.lost = self.lost or why

    def _connect(self, timeouts: Timeouts) -> None:
        self._client.connect_timeout = timeouts.connect
        properties = None
        if self.version is V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.MaximumPacketSize = self._client.largest
        try:
            self._client.connect(self.to.host, self.to.port, timeouts.keepalive, properties=properties)
        except OSError as error:
            raise BrokerError(f"broker {self.to} cannot be reached: {_why(error)}") from None
        patience = timeouts.connack_v5 if self.version is V5 else timeouts.connack
        deadline = time.monotonic() + patience
        while not self._connack and self.up and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
        if not self._connack:
            why = f"does not answer within {patience:.0f} s" if self.up else "closed the connection"
            raise VersionError(f"broker {self.to} {why}")
        self._apply_connack(*self._connack.popleft())

    def _apply_connack(self, code: ReasonCode, properties: Properties | None) -> None:
        """Apply the limits in the broker's CONNACK; paho ignores them."""
        if code.is_failure:
            why = f"broker {self.to} refused the connection: {code}"
            if code.value == _NO_RETAINED_WILL and self._will and self._will.retain:
                raise _WillError(why, replace(self._will, retain=False))
            if code.value == _NO_WILL_OF_THIS_QOS and self._will and self._will.qos:
                raise _WillError(why, replace(self._will, qos=0))
            raise (VersionError if code.value in _NOT_THIS_VERSION else BrokerError)(why)
        self.window = min(_WINDOW, getattr(properties, "ReceiveMaximum", _WINDOW))
        self._packet_limit = getattr(properties, "MaximumPacketSize", self._packet_limit)
        self.retains = bool(getattr(properties, "RetainAvailable", 1))
        self.max_qos = getattr(properties, "MaximumQoS", 2)


def _why(error: OSError) -> str:
    """Why no connection could be made, with the remedy for a certificate of another time."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code == EXPIRED:
        other = "" if clock.is_synced() else ", or this machine's clock is wrong"
        return f"its certificate has expired and must be renewed{other}"
    if code == NOT_YET_VALID:
        return "its certificate is not yet valid: is this machine's clock right?"
    return error.strerror or str(error)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a subscription to `topic_filter` receives `topic`."""
    return paho.topic_matches_sub(topic_filter, topic)


def drain(wake: socket.socket) -> None:
    """Read everything from the wake socket."""
    with suppress(BlockingIOError):
        wake.recv(4096)


def _properties(message: Message, kind: int) -> Properties | None:
    """The MQTT 5 properties of a message."""
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
        # a topic that is not UTF-8 is none of those subscribed to
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

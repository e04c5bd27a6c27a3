"""A broker that behaves as a script says, over a raw socket, in MQTT 5 and 3.1.1.

A script is a list of `Behaviour`, one for each connection that comes in; the last one serves all that follow.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.support.brokers.mosquitto import PATIENCE

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PING, PINGRESP, DISCONNECT = (
    1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14,
)  # fmt: skip
LATEST_ONLY = ("/availability", "/info", "/health", "/problem", "/state", "/config")
"""Endings of topics that are sent on every connection; a script's answers to PUBLISH do not apply to them."""

OK, CUT, IGNORE, TWICE = 0x00, -1, -2, -3
"""Answers to a PUBLISH: a reason code, the connection is cut, none, two."""


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """A control packet."""
    length = bytearray()
    left = len(body)
    while True:
        left, low = divmod(left, 128)
        length.append(low | (0x80 if left else 0))
        if not left:
            return bytes([kind << 4 | flags]) + bytes(length) + body


def connack(code: int = 0, properties: bytes = b"") -> bytes:
    """Of MQTT 5; its properties are fewer than 128 bytes."""
    return packet(CONNACK, bytes([0, code, len(properties)]) + properties)


def disconnect(code: int) -> bytes:
    return packet(DISCONNECT, bytes([code, 0]))


def publish(topic: str, payload: bytes, retain: bool = False, properties: bytes = b"") -> bytes:
    """Of MQTT 5, QoS 0."""
    name = topic.encode()
    head = struct.pack(">H", len(name)) + name + bytes([len(properties)]) + properties
    return packet(PUBLISH, head + payload, retain)


def publish_qos_2(topic: str, mid: int, payload: bytes) -> bytes:
    """Of MQTT 5."""
    name = topic.encode()
    return packet(PUBLISH, struct.pack(">H", len(name)) + name + struct.pack(">H", mid) + b"\0" + payload, 4)


def announced(length: int) -> bytes:
    """The beginning of a PUBLISH that announces so many bytes (2 MB to 256 MB), and brings none of them."""
    return bytes([PUBLISH << 4, *(length >> 7 * i & 0x7F | (0x80 if i < 3 else 0) for i in range(4))])


def receive_maximum(count: int) -> bytes:
    return b"\x21" + count.to_bytes(2, "big")


def maximum_packet_size(size: int) -> bytes:
    return b"\x27" + size.to_bytes(4, "big")


def server_keep_alive(seconds: int) -> bytes:
    return b"\x13" + seconds.to_bytes(2, "big")


MAXIMUM_QOS_0 = b"\x24\x00"
NO_RETAIN = b"\x25\x00"


@dataclass(frozen=True)
class Behaviour:
    """The broker's behaviour on one connection."""

    connack: bytes | None = connack()
    """Bytes of the answer to an MQTT 5 CONNECT; None: no answer."""
    connack_311: bytes | None = packet(CONNACK, b"\0\0")
    """The same for MQTT 3.1.1."""
    cut: bool = False
    """Disconnects right after the answer."""
    reset: bool = False
    """Disconnects with a reset, as a crashed machine does."""
    answers: Sequence[int] = ()
    """Answers to the first PUBLISHes (without last values): a reason code, CUT, IGNORE or TWICE. Then OK."""
    junk: bytes = b""
    """Sent after the first PUBLISH, before its answer."""
    hold: int = 1
    """Number of PUBLISHes that are collected before any is answered."""
    granted: int | None = 1
    """The answer to SUBSCRIBE; None: no answer."""
    say: Sequence[bytes] = ()
    """Packets sent after the answer to SUBSCRIBE."""
    crumbs: bool = False
    """Everything is sent one byte at a time."""
    slow: bool = False
    """Reads one byte a second."""
    patience: float | None = None
    """Disconnects after this many seconds without a packet."""
    cuts_at: str = ""
    """Disconnects without a word at a message on a topic that ends so."""
    unsubscribes: bool = True
    """Answers an UNSUBSCRIBE, as it must."""
    late: float = 0.0
    """Seconds before the answer to CONNECT."""
    enough: int | None = None
    """Disconnects after this many accepted PUBLISHes."""


@dataclass(frozen=True)
class Heard:
    """One PUBLISH that is not a last value."""

    connection: int
    topic: str
    payload: bytes
    answer: int


@dataclass
class Connection:
    """The record of one connection."""

    version: int = 0
    will: bytes = b""
    pings: int = 0
    latest: dict[str, bytes] = field(default_factory=dict)
    """Topic -> payload of last values."""
    retained: int = 0
    """Number of messages with the retain flag."""


class HostileBroker:
    """Serves connections one after the other, each with the next behaviour of the script."""

    def __init__(self, *script: Behaviour) -> None:
        self.heard: list[Heard] = []
        self.connections: list[Connection] = []
        self.connected = threading.Event()
        """Set when a last value has arrived: a courier is connected."""
        self.most_in_flight = 0
        self._script = script
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def wait_for(self, enough: Callable[[list[Heard]], object], timeout: float = PATIENCE) -> None:
        """Returns when `enough(heard)` is true; fails after the time is over."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.heard), timeout), f"heard only {self.heard[-20:]}"

    def accepted(self, topic: str) -> list[bytes]:
        """Payloads that were answered with success, in order."""
        with self._changed:
            return [heard.payload for heard in self.heard if heard.topic == topic and 0 <= heard.answer < 0x80]

    def latest(self, ending: str) -> list[bytes]:
        """The last payload of each connection on the topic with this ending."""
        with self._changed:
            return [
                said
                for connection in self.connections
                for topic, said in connection.latest.items()
                if topic.endswith(ending)
            ]

    def close(self) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                peer, _ = self._listener.accept()
                behaviour = self._script[min(len(self.connections), len(self._script) - 1)]
                with self._changed:
                    self.connections.append(Connection())
                with peer, suppress(ConnectionError, TimeoutError):
                    self._treat(peer, behaviour)
                    if behaviour.reset:
                        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _treat(self, peer: socket.socket, behaviour: Behaviour) -> None:
        connection, answers, junk = self.connections[-1], list(behaviour.answers), behaviour.junk
        flying: list[tuple[bytes, int]] = []
        accepted = 0

        def send(data: bytes) -> None:
            for piece in [data[i : i + 1] for i in range(len(data))] if behaviour.crumbs else [data]:
                peer.sendall(piece)

        peer.settimeout(behaviour.patience)
        if behaviour.slow:
            hung_up = select.poll()
            hung_up.register(peer, select.POLLRDHUP)
            while not self._closing.is_set() and not hung_up.poll(1000) and peer.recv(1):
                pass
            return
        for kind, flags, body in _packets(peer):
            five = connection.version == 5
            if kind == CONNECT:
                connection.version, connection.will = body[6], body
                answer = behaviour.connack if connection.version == 5 else behaviour.connack_311
                self._closing.wait(behaviour.late)
                if answer is not None:
                    send(answer)
                    if behaviour.cut:
                        return
            elif kind == SUBSCRIBE and behaviour.granted is not None:
                topics = _topics(body, five)
                send(packet(SUBACK, body[:2] + b"\0" * five + bytes([behaviour.granted]) * topics))
                for said in behaviour.say:
                    send(said)
            elif kind == UNSUBSCRIBE and behaviour.unsubscribes:
                send(packet(UNSUBACK, body[:2] + (b"\0\x11" if five else b"")))
            elif kind == PING:
                connection.pings += 1
                send(packet(PINGRESP, b""))
            elif kind == DISCONNECT:
                return
            elif kind == PUBLISH:
                topic, mid, payload = _publish(body, five, qos=flags >> 1 & 3)
                connection.retained += flags & 1
                if behaviour.cuts_at and topic.endswith(behaviour.cuts_at):
                    return
                if topic.endswith(LATEST_ONLY) or "/response/" in topic:
                    with self._changed:
                        connection.latest[topic] = payload
                        self._changed.notify_all()
                    if topic.endswith("/info"):
                        self.connected.set()
                    if mid:
                        send(packet(PUBACK, mid))
                    continue
                send(junk)
                junk = b""
                answer_code = answers.pop(0) if answers else OK
                self._note(
                    Heard(len(self.connections) - 1, topic, payload, OK if answer_code == TWICE else answer_code)
                )
                if answer_code == CUT:
                    return
                flying.append((mid, answer_code))
                self.most_in_flight = max(self.most_in_flight, len(flying))
                if len(flying) >= behaviour.hold:
                    for mid, code in flying:
                        if code != IGNORE:
                            puback = packet(PUBACK, mid + (bytes([max(code, 0), 0]) if five else b""))
                            send(puback * (2 if code == TWICE else 1))
                        accepted += code in (OK, TWICE)
                    flying.clear()
                    if behaviour.enough is not None and accepted >= behaviour.enough:
                        return

    def _note(self, heard: Heard) -> None:
        with self._changed:
            self.heard.append(heard)
            self._changed.notify_all()


def _packets(peer: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """(type, flags, body) of each control packet until the client disconnects."""
    with peer.makefile("rb") as stream:
        while first := stream.read(1):
            length = shift = 0
            while True:
                (byte,) = stream.read(1) or b"\0"
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            yield first[0] >> 4, first[0] & 15, stream.read(length)


def _publish(body: bytes, five: bool, qos: int) -> tuple[str, bytes, bytes]:
    """Topic, message id (none with QoS 0), payload of a PUBLISH with fewer than 128 bytes of properties."""
    end = 2 + int.from_bytes(body[:2], "big")
    mid = body[end : end + 2] if qos else b""
    rest = body[end + len(mid) :]
    return body[2:end].decode(), mid, rest[1 + rest[0] :] if five else rest


def _topics(body: bytes, five: bool) -> int:
    """Number of topics in a SUBSCRIBE."""
    at, count = 3 if five else 2, 0
    while at < len(body):
        at += 3 + int.from_bytes(body[at : at + 2], "big")
        count += 1
    return count

"""A broker that misbehaves to order, over a raw socket.

A script is a list of `Manners`, one for each connection that comes in; the last one serves all that follow.
Only MQTT 5 is spoken, and of that only what the daemon needs.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.broker import PATIENCE

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PING, PINGRESP, DISCONNECT = (
    1,
    2,
    3,
    4,
    8,
    9,
    12,
    13,
    14,
)


def packet(kind: int, body: bytes) -> bytes:
    """A control packet with a body of less than 128 bytes."""
    return bytes([kind << 4, len(body)]) + body


def connack(code: int = 0, properties: bytes = b"") -> bytes:
    return packet(CONNACK, bytes([0, code, len(properties)]) + properties)


def receive_maximum(count: int) -> bytes:
    return b"\x21" + count.to_bytes(2, "big")


def maximum_packet_size(size: int) -> bytes:
    return b"\x27" + size.to_bytes(4, "big")


OK, CUT, IGNORE = 0x00, -1, -2
"""What may happen to a PUBLISH: a reason code, the connection is cut, or no answer ever."""


@dataclass(frozen=True)
class Manners:
    """How one connection is treated."""

    connack: bytes | None = connack()
    """Sent as it is; None: never an answer to CONNECT."""
    cut: bool = False
    """Hang up right after the answer."""
    answers: Sequence[int] = ()
    """For the first PUBLISHes, latest-only ones apart: a reason code, CUT or IGNORE. After them: OK."""
    junk: bytes = b""
    """Sent after the first PUBLISH, before its answer."""
    hold: int = 1
    """So many PUBLISHes are collected before any is answered."""


@dataclass(frozen=True)
class Heard:
    """One PUBLISH, other than availability and info."""

    connection: int
    topic: str
    payload: bytes
    answer: int


class HostileBroker:
    """Serves connections one after the other, each with its manners."""

    def __init__(self, *script: Manners) -> None:
        self.heard: list[Heard] = []
        self.connected = threading.Event()
        """Something has been said that is latest-only: a courier is at work."""
        self.most_in_flight = 0
        self._script = script
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def wait_for(self, enough: Callable[[list[Heard]], object]) -> None:
        """Returns when `enough(heard)` is true; fails when it does not become so."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.heard), PATIENCE), f"heard only {self.heard}"

    def accepted(self, topic: str) -> list[bytes]:
        """Payloads that were answered with a success, in the order they came."""
        with self._changed:
            return [heard.payload for heard in self.heard if heard.topic == topic and 0 <= heard.answer < 0x80]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        connection = 0
        with suppress(OSError):  # the listener was closed
            while True:
                peer, _ = self._listener.accept()
                manners = self._script[min(connection, len(self._script) - 1)]
                with peer, suppress(ConnectionError):
                    self._treat(connection, peer, manners)
                connection += 1

    def _treat(self, connection: int, peer: socket.socket, manners: Manners) -> None:
        answers = list(manners.answers)
        junk = manners.junk
        flying: list[tuple[bytes, int]] = []
        for kind, body in _packets(peer):
            if kind == CONNECT and manners.connack is not None:
                peer.sendall(manners.connack)
                if manners.cut:
                    return
            elif kind == SUBSCRIBE:
                peer.sendall(packet(SUBACK, body[:2] + b"\0\1"))
            elif kind == PING:
                peer.sendall(packet(PINGRESP, b""))
            elif kind == DISCONNECT:
                return
            elif kind == PUBLISH:
                topic, mid, payload = _publish(body)
                if topic.endswith(("/availability", "/info")):
                    if topic.endswith("/info"):
                        self.connected.set()
                    peer.sendall(packet(PUBACK, mid))
                    continue
                peer.sendall(junk)
                junk = b""
                answer = answers.pop(0) if answers else OK
                self._note(Heard(connection, topic, payload, answer))
                if answer == CUT:
                    return
                flying.append((mid, answer))
                self.most_in_flight = max(self.most_in_flight, len(flying))
                if len(flying) >= manners.hold:
                    for mid, answer in flying:
                        if answer != IGNORE:
                            peer.sendall(packet(PUBACK, mid + bytes([answer, 0])))
                    flying.clear()

    def _note(self, heard: Heard) -> None:
        with self._changed:
            self.heard.append(heard)
            self._changed.notify_all()


def _packets(peer: socket.socket) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each control packet until the other side hangs up."""
    with peer.makefile("rb") as stream:
        while first := stream.read(1):
            length = shift = 0
            while True:
                (byte,) = stream.read(1) or b"\0"
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            yield first[0] >> 4, stream.read(length)


def _publish(body: bytes) -> tuple[str, bytes, bytes]:
    """Topic, message id, payload of a QoS 1 PUBLISH with fewer than 128 bytes of properties."""
    end = 2 + int.from_bytes(body[:2], "big")
    return body[2:end].decode(), body[end : end + 2], body[end + 3 + body[end + 2] :]

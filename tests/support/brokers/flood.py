"""A client that publishes as fast as the broker takes it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.brokers.hostile import CONNECT, PUBLISH, packet


@contextmanager
def flooding(port: int, topic: str, payload: bytes = b"x") -> Iterator[list[int]]:
    """Floods a topic with QoS 0 until the end; yields the number of messages so far, as a list of one."""
    name, count, stop = topic.encode(), [0], threading.Event()
    batch = packet(PUBLISH, struct.pack(">H", len(name)) + name + payload) * 100

    def run(sock: socket.socket) -> None:
        with suppress(OSError):
            while not stop.is_set():
                sock.sendall(batch)
                count[0] += 100

    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(packet(CONNECT, b"\0\4MQTT\4\2\0\0\0\5flood"))
        assert sock.recv(4)[:1] == b"\x20"
        thread = threading.Thread(target=run, args=(sock,), daemon=True)
        thread.start()
        try:
            yield count
        finally:
            stop.set()
            sock.shutdown(socket.SHUT_RDWR)
            thread.join()

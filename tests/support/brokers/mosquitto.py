"""A real mosquitto on a free loopback port, and a subscriber that records all messages."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_daemon.domain import Message

PATIENCE = 20.0
"""Longest wait in seconds for anything that should happen."""

# user: when root starts it, it would become somebody who may not read the test's folder
_CONFIG = """
listener {port} 127.0.0.1
user root
persistence true
persistence_location {folder}/
allow_anonymous {anonymous}
persistent_client_expiration 1h
max_queued_messages 0
{extra}
"""


def free_port() -> int:
    """A free loopback port that is not given to another connection while a broker is stopped."""
    while True:
        port = random.randrange(20_000, 32_000)  # below those that the system gives to connections
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


class Mosquitto:
    """A mosquitto child process. It can be stopped and started again with the same port and data."""

    def __init__(self, folder: Path, extra: str = "", port: int | None = None) -> None:
        """`extra`: more lines of mosquitto.conf. With a `password_file` among them, a login is needed. `port`: a free
        one if it is not given."""
        anonymous = "false" if "password_file" in extra else "true"
        self.port = port or free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(_CONFIG.format(port=self.port, folder=folder, extra=extra, anonymous=anonymous))
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.log: list[str] = []

    @property
    def pids(self) -> list[int]:
        """Of its process, if it runs."""
        return [self._process.pid] if self._process else []

    def start(self) -> None:
        """Returns when it accepts connections."""
        command = ["mosquitto", "-v", "-c", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if " running" in line:
                break
        else:
            raise RuntimeError("mosquitto did not start:\n" + "".join(self.log))
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM: it saves retained messages and sessions first. SIGKILL: it does not."""
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(PATIENCE)
        if self._reader is not None:
            self._reader.join(PATIENCE)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.stop(how)
        self.start()

    def _read(self, stream: IO[str]) -> None:
        self.log.extend(stream)


class Recorder:
    """Records all messages in order; reconnects when the broker is back; its session is persistent."""

    def __init__(self, port: int, topic: str = "#", client_id: str = "recorder", persist: bool = True) -> None:
        """Returns when it is subscribed."""
        self.heard: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._closing = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=not persist)
        self._topic = topic
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._subscribed.wait(PATIENCE)

    def wait_for(self, enough: Callable[[list[tuple[str, bytes]]], object], timeout: float = PATIENCE) -> None:
        """Returns when `enough(heard)` is true; fails after `timeout` seconds and shows what was received."""
        with self._changed:
            done = self._changed.wait_for(lambda: enough(self.heard), timeout)
            assert done, f"heard only {self.heard}"

    def payloads(self, ending: str) -> list[Any]:
        """Payloads on topics with this ending: JSON decoded, plain text unchanged."""
        with self._changed:
            found = [payload.decode() for topic, payload in self.heard if topic.endswith(ending)]
        return [json.loads(text) if text.startswith("{") else text for text in found]

    def count(self, ending: str) -> int:
        """Number of messages on topics with this ending."""
        with self._changed:
            return sum(topic.endswith(ending) for topic, _ in self.heard)

    def say(self, message: Message) -> None:
        """Publishes a message."""
        self._client.publish(message.topic, message.payload, message.qos, message.retain)

    def close(self) -> None:
        self._closing.set()
        self._thread.join(PATIENCE)
        self._client.disconnect()
        self._client.loop_misc()
        # no circle: the client closes its sockets only when it goes, and must go before them
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None

    def _on_connect(self, client: paho.Client, _userdata: object, flags: paho.ConnectFlags, *_: object) -> None:
        if not flags.session_present:  # asking again would bring the retained messages again
            client.subscribe(self._topic, 1)

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.heard.append((message.topic, bytes(message.payload)))
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._client.loop(0.1) != paho.MQTT_ERR_SUCCESS:
                self._closing.wait(0.02)
                try:
                    self._client.reconnect()
                except OSError:
                    continue


def retained(port: int, ending: str) -> Any:
    """The retained payload of the one topic with this ending; None if there is none."""
    with_all = Recorder(port, client_id="", persist=False)
    try:
        # what the broker retains arrives before this does
        with_all.say(Message("end-of-retained", b""))
        with_all.wait_for(lambda heard: any(topic == "end-of-retained" for topic, _ in heard))
        found = with_all.payloads(ending)
        return found[0] if found else None
    finally:
        with_all.close()


def until(true: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Polls a condition for which there is no event to wait for."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.005)


@contextmanager
def started(folder: Path, extra: str = "", port: int | None = None) -> Iterator[Mosquitto]:
    """A running mosquitto, which is stopped at the end."""
    mosquitto = Mosquitto(folder, extra, port)
    mosquitto.start()
    try:
        yield mosquitto
    finally:
        mosquitto.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running mosquitto."""
    with started(tmp_path / "mosquitto") as mosquitto:
        yield mosquitto


@pytest.fixture
def recorder(broker: Mosquitto) -> Iterator[Recorder]:
    """Records everything on `broker`."""
    with closing(Recorder(broker.port)) as subscriber:
        yield subscriber

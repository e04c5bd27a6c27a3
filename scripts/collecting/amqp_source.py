"""Messages from a RabbitMQ cluster, by AMQP: one quorum queue for all collectors, which outlives a lost node."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from edge_daemon.errors import ConfigError
from edge_daemon.mqtt.address import BrokerAddress
from scripts.collecting.collector import Tell, Trouble
from scripts.collecting.rows import Received

QUEUE = "edge_daemon"
"""Durable, replicated to all nodes (three of them, if there are more)."""
EXCHANGE = "amq.topic"
"""Where RabbitMQ's MQTT plugin publishes."""
MOST = 1000
"""Messages in a batch, at most."""
AWAY = 1.0
"""Seconds between tries, when no node could be reached."""
HEARTBEAT = 60
"""Seconds."""


class AmqpSource:
    """One consumer of the queue. It makes the queue, if it is missing, at the first connection."""

    def __init__(
        self, urls: Sequence[str], login: BrokerAddress, topics: Sequence[str], tell: Tell, queue: str = QUEUE
    ) -> None:
        """`urls`: amqp://HOST:PORT/VHOST of each node, or amqps:// for TLS. Raises ConfigError."""
        self._queue = queue
        self._nodes = [_parameters(url, login) for url in urls]
        self._keys = [topic.replace("/", ".").replace("+", "*") for topic in topics]
        self._trouble = Trouble(f"broker {', '.join(urls)}", tell)
        self._waiting: list[tuple[int, Received]] = []
        self._returned = 0
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None

    def receive(self, seconds: float) -> Sequence[Received]:
        try:
            if self._connection is None:
                self._connect()
            if self._connection is not None:
                self._connection.process_data_events(0 if self._waiting else seconds)
        except (AMQPError, OSError) as error:
            self._lost(error)
        self._returned = len(self._waiting)
        return [message for _, message in self._waiting]

    def acknowledge(self) -> None:
        if not self._returned or self._channel is None:
            return
        try:
            self._channel.basic_ack(self._waiting[self._returned - 1][0], multiple=True)
        except (AMQPError, OSError) as error:
            self._lost(error)
            return
        del self._waiting[: self._returned]

    def _connect(self) -> None:
        self._waiting.clear()  # was not acknowledged: it comes again
        self._connection = pika.BlockingConnection(self._nodes)
        self._nodes.append(self._nodes.pop(0))  # the next time another one first
        self._channel = self._connection.channel()
        self._channel.queue_declare(self._queue, durable=True, arguments={"x-queue-type": "quorum"})
        for key in self._keys:
            self._channel.queue_bind(self._queue, EXCHANGE, key)
        self._channel.basic_qos(prefetch_count=MOST)
        self._channel.basic_consume(self._queue, self._on_message)
        self._trouble.end()

    def _on_message(
        self, _channel: BlockingChannel, method: Basic.Deliver, _properties: BasicProperties, body: bytes
    ) -> None:
        self._waiting.append((method.delivery_tag, Received(method.routing_key.replace(".", "/"), body)))

    def _lost(self, error: Exception) -> None:
        self._trouble.begin(f"{error or type(error).__name__}; trying again")
        if self._connection is None:
            time.sleep(AWAY)
        self._connection = self._channel = None
        self._waiting.clear()


def _parameters(url: str, login: BrokerAddress) -> pika.ConnectionParameters:
    """How to reach one node. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("amqp", "amqps") or not host or "@" in parts.netloc:
        raise ConfigError("--broker: write amqp://HOST:PORT or amqps://HOST:PORT; the login comes from --config")
    tls = parts.scheme == "amqps"
    context = (login.tls or ssl.create_default_context()) if tls else None
    return pika.ConnectionParameters(
        host=host,
        port=port or (5671 if tls else 5672),
        virtual_host=unquote(parts.path[1:]) or "/",
        credentials=pika.PlainCredentials(login.username or "guest", login.password or "guest"),
        ssl_options=pika.SSLOptions(context, host) if context else None,
        heartbeat=HEARTBEAT,
        socket_timeout=5,
        blocked_connection_timeout=30,
    )

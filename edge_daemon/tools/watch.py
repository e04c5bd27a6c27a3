"""Receives readings as any MQTT subscriber would: `edge-daemon watch`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain
from typing import Any

from edge_daemon.errors import BrokerError
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import Link, Timeouts, connect

log = logging.getLogger(__name__)

Payload = dict[str, Any] | str
Received = Iterator[tuple[str, Payload]]
"""Messages as (topic, payload)."""

_RETRY = 1.0
"""Seconds between tries to reconnect."""


def watch(
    broker: BrokerAddress,
    stopped: Callable[[], bool] = lambda: False,
    topics: Sequence[str] = messages.SUBSCRIPTIONS,
) -> Iterator[tuple[str, Payload]]:
    """All messages on these topics of a broker as (topic, payload), retained ones first, until stopped.

    It is subscribed when it returns. The payload is a JSON object or text (see messages.decode). `stopped` is called
    several times a second. It reconnects when the connection breaks. Raises BrokerError if the first connection fails.
    """
    return chain.from_iterable(rounds(broker, stopped, topics))


def rounds(
    broker: BrokerAddress,
    stopped: Callable[[], bool] = lambda: False,
    topics: Sequence[str] = messages.SUBSCRIPTIONS,
) -> Iterator[Received]:
    """The same, several times a second: what has come since the round before, perhaps nothing."""
    return _receive(_subscribe(broker, topics), broker, stopped, topics)


def _receive(
    link: Link, broker: BrokerAddress, stopped: Callable[[], bool], topics: Sequence[str]
) -> Iterator[Received]:
    try:
        while not stopped():
            yield _take(link)
            link.pump(0.2)
            if not link.up and not link.received:
                log.warning("broker %s is lost: %s; reconnecting", broker, link.lost)
                link = yield from _reconnect(link, broker, stopped, topics)
    finally:
        link.close()


def _take(link: Link) -> Received:
    """What a connection has received and nobody has taken yet."""
    while link.received:
        received = link.received.popleft()
        yield received.topic, _decode(received.topic, received.payload)


def _subscribe(broker: BrokerAddress, topics: Sequence[str]) -> Link:
    times = Timeouts()
    link = connect(broker, "", times)
    if not link.listen(topics, times.connack):
        link.close()
        raise BrokerError(f"broker {broker} does not allow subscribing to {', '.join(link.denied or topics)}")
    return link


def _reconnect(
    lost: Link, broker: BrokerAddress, stopped: Callable[[], bool], topics: Sequence[str]
) -> Generator[Received, None, Link]:
    """Rounds without messages until there is a new connection, which is returned; the lost one if stopped before."""
    while not stopped():
        yield iter(())
        try:
            return _subscribe(broker, topics)
        except BrokerError:
            time.sleep(_RETRY)
    return lost


def _decode(topic: str, payload: bytes) -> Payload:
    try:
        return messages.decode(topic, payload)
    except ValueError:  # not from a daemon: shown as it is
        return payload.decode(errors="replace")


def describe(topic: str, payload: Payload) -> str:
    """A message as one line of text."""
    _, device, *rest = topic.split("/")
    if isinstance(payload, str):
        return f"{device} {' '.join(rest)}: {payload or 'cleared'}"
    if rest == ["event"]:
        return _describe_event(device, payload)
    field = payload.get("field", rest[-1])
    value = f"{payload.get('text', '-')} {payload.get('unit', '')}".rstrip()
    late = ", late" if payload.get("replayed") else ""
    status = f"({payload.get('status')}, {payload.get('confidence', 0.0):.2f}{late})"
    return f"{payload.get('captured_at')} {device} {field}: {value} {status}"


def _describe_event(device: str, payload: dict[str, Any]) -> str:
    common = {"field", "event_type", "at", "time_quality", "id", "seq"}
    detail = [f"{key}={value}" for key, value in payload.items() if key not in common]
    words = [payload.get("at"), device, f"{payload.get('field', '-')}:", payload.get("event_type"), *detail]
    return " ".join(map(str, words))

"""The brokers that a fleet can start for itself: with persistence, on free loopback ports, in one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.brokers.bridge import Bridge
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.rabbitmq import RabbitMQ

KINDS = ("mosquitto", "bridge", "rabbitmq")


class Broker(Protocol):
    """One process that can be stopped and started again."""

    port: int
    url: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Site:
    """Where devices speak, where the subscriber listens, and what restarts in between."""

    near: str
    """URL."""
    far: str
    """URL."""
    brokers: Sequence[Broker] = ()
    """Empty where it is not ours to restart."""


@contextmanager
def start(kind: str, folder: Path) -> Iterator[Site]:
    """One of KINDS, until the end of the block."""
    if kind == "bridge":
        bridge = Bridge(folder)
        site = Site(bridge.near.url, bridge.far.url, [bridge.far, bridge.near])
    else:
        broker: Broker = RabbitMQ(folder) if kind == "rabbitmq" else Mosquitto(folder)
        site = Site(broker.url, broker.url, [broker])
    with ExitStack() as stack:
        for part in site.brokers:
            part.start()
            stack.callback(part.stop)
        yield site

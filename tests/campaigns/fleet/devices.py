"""Light devices, many in one process: real outbox, courier and connection; invented readings."""

from __future__ import annotations

import heapq
import json
import logging
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import msgspec

from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Message, Outcome, Reading
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.sink import MqttOptions, MqttSink
from edge_daemon.system.backoff import Backoff
from tests.support.records import numbered_reading

LEDGER = ".ledger"
TICK = 0.05
"""Seconds between looks whether all are connected, or all has been delivered."""
LONGEST_WAIT = 5.0
"""Longest wait in seconds before reconnecting: a run of minutes cannot wait as long as a device."""


class Ledger(msgspec.Struct, frozen=True):
    """The readings of one device, by their numbers."""

    device: str
    stored: dict[int, float]
    """Number of each reading that was put on disk -> monotonic seconds when that was."""
    acknowledged: list[int]
    """By the broker."""
    waiting: list[int]
    """Not yet: they are in the outbox still."""
    connects: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The parameters of one process."""

    devices: Sequence[str]
    mqtt: MqttOptions
    folder: Path
    every: float
    """Seconds from one reading of a device to its next."""
    seconds: float
    """For so long readings are put."""
    drain: float
    """Seconds after that; what has not been delivered by then stays in the outboxes."""


class NotingSink(MqttSink):
    """Also remembers, of each reading, that the broker has acknowledged it."""

    def __init__(self, options: MqttOptions, device: str) -> None:
        super().__init__(options, f"edge_daemon-{device}", partial(messages.availability, device))
        self.acknowledged: list[int] = []

    def deliver(self, batch: Sequence[Message]) -> list[Outcome]:
        outcomes = super().deliver(batch)
        for message, outcome in zip(batch, outcomes, strict=True):
            if outcome is Outcome.DELIVERED and ("/reading/" in message.topic or message.topic.endswith("/history")):
                self.acknowledged.append(json.loads(message.payload)["value"])
        return outcomes


class Device:
    """One device."""

    def __init__(self, name: str, plan: Plan) -> None:
        self.name = name
        self.stored: dict[int, float] = {}
        self.outbox = Outbox(plan.folder / name, name)
        self.sink = NotingSink(plan.mqtt, name)
        encode = partial(messages.encode_record, name, plan.mqtt.detail)
        self.courier = Courier(self.outbox, self.sink, LastValueCache(), encode, Backoff(longest=LONGEST_WAIT))
        self.courier.start()

    def put(self, number: int) -> None:
        self.courier.check()
        self.outbox.put(numbered_reading(number))
        if not self.outbox.trouble:  # in memory it is not stored, and not promised
            self.stored[number] = time.monotonic()

    def ledger(self) -> Ledger:
        entries = self.outbox.readings(0, limit=1 + len(self.stored))
        waiting = [int(entry.record.value or 0) for entry in entries if isinstance(entry.record, Reading)]
        return Ledger(self.name, self.stored, self.sink.acknowledged, waiting, self.courier.connects)


def run(plan: Plan, all_there: Barrier, stop: Event | None = None) -> None:
    """Once all processes are there: put a reading of each device now and again, deliver them, and write the ledgers to
    a file in the folder. `stop`: no more readings are put from then on, but those that are due."""
    logging.disable()
    devices = [Device(name, plan) for name in plan.devices]
    while not all(device.courier.connects for device in devices):
        time.sleep(TICK)
    all_there.wait()
    until = time.monotonic() + plan.seconds
    due = [(time.monotonic() + random.uniform(0, plan.every), i, 1) for i in range(len(devices))]
    heapq.heapify(due)
    while due[0][0] < until and not (stop and stop.is_set()):
        at, i, number = due[0]
        time.sleep(max(0.0, at - time.monotonic()))
        devices[i].put(number)
        heapq.heapreplace(due, (at + plan.every, i, number + 1))
    drained = min(until, time.monotonic()) + plan.drain
    while any(device.outbox.waiting for device in devices) and time.monotonic() < drained:
        time.sleep(TICK)
    with ThreadPoolExecutor(len(devices)) as pool:  # each takes seconds where the broker is away
        list(pool.map(lambda device: device.courier.stop(), devices))
    ledgers = [device.ledger() for device in devices]
    (plan.folder / f"{plan.devices[0]}{LEDGER}").write_bytes(msgspec.json.encode(ledgers))

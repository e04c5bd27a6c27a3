"""The process that the crash campaign kills: the real outbox, courier and connection, with verifiable readings."""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from pathlib import Path

from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.sink import MqttOptions, MqttSink
from edge_daemon.system.backoff import Backoff
from tests.support.records import numbered_reading

DEVICE = "crash"
DRAINED = 30.0
"""Seconds in which everything must be delivered at the end."""


def live(folder: Path, url: str, ledger: Path, first: int, drain: bool) -> None:
    """Put readings numbered from `first` and deliver them, until killed; `drain`: put none, deliver all, end.

    Each number goes to the ledger once its put has returned and it is on disk.
    """
    logging.disable()
    outbox = Outbox(folder, DEVICE)
    availability = partial(messages.availability, DEVICE)
    encode = partial(messages.encode_record, DEVICE, "candidates")
    sink = MqttSink(MqttOptions(url), f"edge_daemon-{DEVICE}", availability)
    courier = Courier(outbox, sink, LastValueCache(), encode, Backoff(first=0.02, longest=0.1))
    courier.start()
    book = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    number = first
    deadline = time.monotonic() + DRAINED
    while outbox.waiting and time.monotonic() < deadline if drain else True:
        courier.check()
        if drain:
            time.sleep(0.01)
            continue
        outbox.put(numbered_reading(number))
        if not outbox.trouble:  # in memory it is not stored, and not promised
            os.write(book, f"{number}\n".encode())
        number += 1
        time.sleep(0.002)
    if not courier.stop():
        raise SystemExit("the courier did not stop")
    outbox.close()

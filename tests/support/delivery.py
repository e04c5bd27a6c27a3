"""The delivering part of the daemon without the rest: outbox, courier, last values, connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Entry, Message
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.connection import Timeouts
from edge_daemon.mqtt.home_assistant import BIRTH
from edge_daemon.mqtt.sink import MqttOptions, MqttSink
from edge_daemon.system.backoff import Backoff
from tests.support.brokers.mosquitto import Recorder
from tests.support.records import info


class Delivery:
    """Wires outbox, courier and sink as app.build does, for the device `dock3`."""

    def __init__(
        self,
        outbox: Outbox,
        url: str | tuple[str, ...],
        times: Timeouts | None = None,
        stop_at: int = 0,
        detail: messages.Detail = "candidates",
        backoff: Backoff | None = None,
    ) -> None:
        """`stop_at`: the courier stops without a flush when it sends the record with this seq."""
        self.outbox = outbox
        self.last_values = LastValueCache()
        self.sink = MqttSink(
            MqttOptions(url), "edge_daemon-dock3", partial(messages.availability, "dock3"), [BIRTH], times
        )
        self.stop_at = stop_at
        self.detail = detail
        backoff = backoff or Backoff(first=0.02, longest=0.1)
        self.courier = Courier(outbox, self.sink, self.last_values, self.encode, backoff)
        self.last_values.set(info())
        self.courier.start()

    def encode(self, entry: Entry, replayed: bool, fits: Callable[[Message], bool]) -> Message:
        if entry.seq == self.stop_at:
            self.courier._stopping.set()
        return messages.encode_record("dock3", self.detail, entry, replayed, fits)


@contextmanager
def delivering(
    outbox: Outbox,
    url: str | tuple[str, ...],
    times: Timeouts | None = None,
    detail: messages.Detail = "candidates",
    backoff: Backoff | None = None,
) -> Iterator[Delivery]:
    """A running courier; at the end it must still be alive and must stop in time."""
    delivery = Delivery(outbox, url, times, detail=detail, backoff=backoff)
    try:
        yield delivery
        delivery.courier.check()
    finally:
        assert delivery.courier.stop()


def wait_until_connected(recorder: Recorder) -> None:
    """Returns when the courier is connected: what is put from now on is not late."""
    recorder.wait_for(lambda _: recorder.count("/info"))

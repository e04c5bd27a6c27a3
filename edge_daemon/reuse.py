"""What a reload leaves running, where nothing of it has changed: the camera, and the way to the broker.

So a field that was added makes no subscriber see us offline, and no camera is opened twice.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from edge_daemon.config.schema import Config
from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.mqtt import address, home_assistant
from edge_daemon.mqtt import messages as wire
from edge_daemon.mqtt.sink import MqttSink
from edge_daemon.second_opinion import messages
from edge_daemon.sources.kinds import ONCE
from edge_daemon.sources.reconnecting import Camera
from edge_daemon.system.backoff import Backoff
from edge_daemon.system.folders import state_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """All between the path and the broker."""

    settings: tuple[object, ...]
    outbox: Outbox
    last_values: LastValueCache
    courier: Courier


class Kept:
    """The camera and the delivery, from one build to the next."""

    def __init__(self) -> None:
        self._camera: Camera | None = None
        self._delivery: Delivery | None = None

    def camera(self, config: Config) -> Camera:
        """The camera that is wanted: the one there is, if it is that."""
        wanted = (config.camera.kind, config.camera.options)
        if self._camera is None or self._camera.settings != wanted:
            self._close_camera()
            self._camera = Camera(*wanted)
        return self._camera

    def delivery(self, config: Config) -> Delivery:
        """A running courier and what belongs to it: those there are, if nothing that concerns them has changed.

        Raises ConfigError or OutboxError.
        """
        wanted = (
            config.device,
            config.mqtt,
            config.outbox,
            bool(config.opinion.per_day),
            address.file_stamps(config.mqtt),
        )
        there = self._delivery
        # memory instead of a disk: a new one may find the disk well
        if there is None or there.settings != wanted or (there.outbox.volatile and not there.outbox.waiting):
            self._close_delivery()
            self._delivery = _deliver(config, wanted)
        assert self._delivery is not None
        return self._delivery

    def needs_new_process(self, config: Config) -> bool:
        """Whether another camera is wanted than the one there is, and a process can have only one of its kind."""
        if self._camera is None:
            return False
        kind = self._camera.settings[0]
        return kind in ONCE and self._camera.settings != (config.camera.kind, config.camera.options)

    def close(self) -> None:
        """Deliver what can be delivered, say offline, release everything."""
        try:
            self._close_delivery()
        finally:
            self._close_camera()

    def _close_camera(self) -> None:
        if self._camera is not None:
            self._camera.close()
        self._camera = None

    def _close_delivery(self) -> None:
        there, self._delivery = self._delivery, None
        if there is None:
            return
        if not there.courier.stop():
            log.warning("the broker did not take leave in time; what is in the outbox is delivered at the next start")
        there.outbox.close()


def _deliver(config: Config, settings: tuple[object, ...]) -> Delivery:
    topics = [*wire.request_topics(config.device), home_assistant.BIRTH]
    if config.opinion.per_day:
        topics.append(messages.answer_topic(config.device))
    availability = partial(wire.availability, config.device)
    sink = MqttSink(config.mqtt, f"edge_daemon-{config.device}", availability, topics)
    outbox, last_values = Outbox(state_folder(), config.device, config.outbox), LastValueCache()
    encode = partial(wire.encode_record, config.device, config.mqtt.detail)
    courier = Courier(outbox, sink, last_values, encode, Backoff(longest=config.mqtt.longest_wait))
    return Delivery(settings, outbox, last_values, courier)

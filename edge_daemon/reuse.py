"""Resources reused across a reload when their settings are unchanged: the camera, and the delivery to the broker.

So a reload that adds a field does not make the device offline for subscribers, and does not open the camera again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from edge_daemon.commands.rebuild_limit import RebuildLimit
from edge_daemon.config.schema import Config
from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import ReceivedMessage
from edge_daemon.mqtt import address, home_assistant
from edge_daemon.mqtt import messages as mqtt_messages
from edge_daemon.mqtt.sink import MqttSink
from edge_daemon.second_opinion import messages as opinion_messages
from edge_daemon.sources.kinds import OPENED_ONCE
from edge_daemon.sources.reconnecting import ReconnectingCamera
from edge_daemon.system.backoff import Backoff
from edge_daemon.system.folders import state_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything between the path and the broker."""

    settings: tuple[object, ...]
    outbox: Outbox
    last_values: LastValueCache
    courier: Courier


class ReusedResources:
    """Holds the camera and the delivery between one build of the daemon and the next."""

    def __init__(self, on_message: Callable[[ReceivedMessage], None]) -> None:
        """`on_message` is called by the courier's thread with each message for the daemon."""
        self.rebuilds = RebuildLimit()
        """When commands had the daemon built again."""
        self._on_message = on_message
        self._camera: ReconnectingCamera | None = None
        self._delivery: Delivery | None = None

    def camera(self, config: Config) -> ReconnectingCamera:
        """The camera of this configuration: the present one if its settings are the same, else a new one."""
        settings = (config.camera.kind, config.camera.options)
        if self._camera is None or self._camera.settings != settings:
            self._close_camera()
            self._camera = ReconnectingCamera(*settings)
        return self._camera

    def delivery(self, config: Config) -> Delivery:
        """The delivery of this configuration: the present one if its settings are the same, else a new one.

        An outbox that works in memory only, and is empty, is replaced: the disk may be usable again.
        Raises ConfigError or OutboxError.
        """
        opinions = config.opinion.leave_device
        settings = (config.device, config.mqtt, config.outbox, opinions, address.file_stamps(config.mqtt))
        present = self._delivery
        if present and present.settings == settings and (present.outbox.waiting or not present.outbox.volatile):
            return present
        self._close_delivery()
        self._delivery = self._open_delivery(config, settings)
        return self._delivery

    def needs_new_process(self, config: Config) -> bool:
        """Whether the configuration wants another camera, of a kind that a process can open only once."""
        if self._camera is None:
            return False
        kind = self._camera.settings[0]
        return kind in OPENED_ONCE and self._camera.settings != (config.camera.kind, config.camera.options)

    def close(self) -> None:
        """Deliver what can be delivered, publish `offline`, release everything."""
        try:
            self._close_delivery()
        finally:
            self._close_camera()

    def _close_camera(self) -> None:
        if self._camera is not None:
            self._camera.close()
        self._camera = None

    def _close_delivery(self) -> None:
        present, self._delivery = self._delivery, None
        if present is None:
            return
        if not present.courier.stop():
            log.warning("could not disconnect from the broker in time; the outbox is delivered at the next start")
        present.outbox.close()

    def _open_delivery(self, config: Config, settings: tuple[object, ...]) -> Delivery:
        topics = mqtt_messages.request_topics(config.device)
        if config.mqtt.home_assistant != "off":
            topics.append(home_assistant.BIRTH)
        if config.opinion.leave_device:
            topics.append(opinion_messages.answer_topic(config.device))
        availability = partial(mqtt_messages.availability, config.device)
        sink = MqttSink(config.mqtt, f"edge_daemon-{config.device}", availability, topics)
        outbox, last_values = Outbox(state_folder(), config.device, config.outbox), LastValueCache()
        encode = partial(mqtt_messages.encode_record, config.device, config.mqtt.detail)
        backoff = Backoff(longest=config.mqtt.longest_wait)
        courier = Courier(outbox, sink, last_values, encode, backoff, self._on_message)
        return Delivery(settings, outbox, last_values, courier)

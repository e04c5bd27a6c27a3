"""Sends messages to an MQTT broker and returns the outcome of each: delivered, refused for good, or to be kept."""

from __future__ import annotations

import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal

from edge_daemon.domain import Message, Outcome, ReceivedMessage
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt import address
from edge_daemon.mqtt.connection import V311, Link, Timeouts, connect, drain
from edge_daemon.system.units import Duration

log = logging.getLogger(__name__)

_REFUSED = {0x87, 0x90, 0x99}
"""Reason codes of a PUBACK that stay the same at the next try: not authorised, topic name invalid, payload format
invalid. After others (0x80 unspecified, 0x83 implementation specific, 0x97 quota exceeded, ...) the message is sent
again."""
_TOO_LARGE = 0x95
"""MQTT's reason code for a packet that is too large."""


Availability = Callable[[bool, int], Message]
"""(online, session) -> message: messages.availability with its device filled in."""

_LARGEST = 64 * 1024
"""Bytes: the broker is asked not to send larger packets. A command has at most 4 KB."""


@dataclass(frozen=True, slots=True)
class MqttOptions(address.BrokerOptions):
    """The [mqtt] table of the configuration."""

    detail: Literal["value", "candidates", "digits"] = "candidates"
    """How much a reading contains: only the value, also the candidates, or every digit as well."""
    bare_value: bool = False
    """Also publish the number alone on reading/<field>/value."""
    snapshots: bool = False
    """Pictures of single fields may leave the device, each on request."""
    home_assistant: Literal["device", "off"] = "device"
    """Home Assistant shows the device by itself (2024.12 or newer), or nothing is sent to it."""
    longest_wait: Annotated[float, Duration("1s", "1h")] = 300.0
    """The longest time in seconds between two attempts to reach a broker."""


class MqttSink:
    """Delivers messages to one broker, and publishes whether the daemon is online.

    All methods but `wake` are called from one thread.
    """

    def __init__(
        self,
        options: MqttOptions,
        client_id: str,
        availability: Availability,
        topics: Sequence[str] = (),
        timeouts: Timeouts | None = None,
    ) -> None:
        """`topics` are those to subscribe to, besides the own availability. Raises ConfigError."""
        self.to = address.resolve(options)
        self.refused: dict[str, int] = {}
        """Topic -> the last reason code with which the broker refused a message there for good."""
        self.received: deque[ReceivedMessage] = deque()
        """Messages that arrived on `topics`; the caller takes them out."""
        self._client_id = client_id
        self._availability = availability
        self._topics = topics
        self._session = 0
        self._timeouts = timeouts or Timeouts()
        self._link: Link | None = None
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)

    @property
    def up(self) -> bool:
        return self._link is not None and self._link.up

    @property
    def lost(self) -> str:
        """Why the last connection ended."""
        return self._link.lost if self._link else ""

    @property
    def retains(self) -> bool:
        """Whether the broker keeps retained messages; True while there is no connection."""
        return self._link is None or self._link.retains

    @property
    def version(self) -> str:
        """The version of MQTT on this connection."""
        return "MQTT 3.1.1" if self._link is not None and self._link.version is V311 else "MQTT 5"

    def open(self) -> None:
        """Connect and publish `online`. Raises BrokerError; nothing is open then."""
        if self._link is not None:
            self._link.drop("connecting again")
        self._link = None
        self._session = max(self._session + 1, int(time.time() * 1000))
        will = self._availability(False, self._session)
        self._link = connect(self.to, self._client_id, self._timeouts, will, self._wake_read, _LARGEST)
        if not self._link.acknowledges:
            self._link.close()
            raise BrokerError(
                f"broker {self.to} acknowledges no messages (its Maximum QoS is 0): readings could be lost"
            )
        # before `online`: a client may send a request as soon as it sees that
        self._link.subscribe([will.topic, *self._topics])
        if not self.publish_online() and not self.up:
            raise BrokerError(f"broker {self.to} dropped the connection: {self.lost}")

    def publish_online(self) -> bool:
        """Publish `online`; whether the broker has acknowledged it."""
        return self.deliver([self._availability(True, self._session)]) == [Outcome.DELIVERED]

    def fits(self, message: Message) -> bool:
        """Whether the broker takes a message of this length."""
        return self._link is None or self._link.fits(message)

    def deliver(self, batch: Sequence[Message]) -> list[Outcome]:
        """Send a batch and wait for the outcome of each message. It has at most one message for each topic.

        So a message is never sent before the outcome of the previous one on its topic is known: a refusal cannot change
        their order. When the connection breaks, every unacknowledged message is KEEP; that raises nothing.
        """
        outcomes = self._deliver(batch, self._timeouts.acknowledge)
        self._take_received()
        return outcomes

    def wait(self, timeout: float) -> None:
        """Serve the connection until `wake` is called, something arrives, or `timeout` seconds are over."""
        if self._link is not None and self._link.up:
            self._link.pump(timeout)
            self._take_received()
        elif select.select([self._wake_read], [], [], timeout)[0]:
            drain(self._wake_read)

    def wake(self) -> None:
        """End a `wait`. The only method for other threads."""
        with suppress(OSError):  # full: it is awake already; closed: nothing waits any more
            self._wake_write.send(b"!")

    def close(self, timeout: float) -> None:
        """Publish `offline`, wait up to `timeout` seconds for the acknowledgement, and disconnect for good."""
        if self._link is not None and self._link.up:
            self._deliver([self._availability(False, self._session)], timeout)
            self._link.close()
        self._wake_read.close()
        self._wake_write.close()

    def _deliver(self, batch: Sequence[Message], timeout: float) -> list[Outcome]:
        outcomes = [Outcome.KEEP] * len(batch)
        link = self._link
        if link is None:
            return outcomes
        deadline = time.monotonic() + timeout
        unsent = deque(enumerate(batch))
        in_flight: dict[int, int] = {}  # message id -> place in the batch
        while link.up and (unsent or in_flight):
            while unsent and len(in_flight) < link.window and link.up:
                place, message = unsent.popleft()
                mid = link.publish(message)
                if mid is None:
                    outcomes[place] = self._refuse(message, _TOO_LARGE)
                else:
                    in_flight[mid] = place
            if in_flight and (left := deadline - time.monotonic()) > 0:
                link.pump(left)
            elif in_flight:
                link.drop(f"no acknowledgement within {timeout:.0f} s")
            while link.acknowledged:
                mid, code = link.acknowledged.popleft()
                if mid in in_flight:
                    place = in_flight.pop(mid)
                    outcomes[place] = self._outcome_of(batch[place], code)
        return outcomes

    def _outcome_of(self, message: Message, code: int) -> Outcome:
        if code < 0x80:
            self.refused.pop(message.topic, None)
            return Outcome.DELIVERED
        return self._refuse(message, code) if code in _REFUSED else Outcome.KEEP

    def _refuse(self, message: Message, code: int) -> Outcome:
        if self.refused.get(message.topic) != code:
            log.warning("broker %s refuses messages on %s: reason code 0x%02x", self.to, message.topic, code)
        self.refused[message.topic] = code
        return Outcome.REFUSED

    def _take_received(self) -> None:
        """Take what has arrived. A last will that arrives late, after `online`, is answered with another `online`."""
        offline = self._availability(False, self._session)
        while self._link is not None and self._link.received:
            received = self._link.received.popleft()
            if received.topic == offline.topic:
                if received.payload == offline.payload and not received.retain:  # retained: older
                    self._deliver([self._availability(True, self._session)], self._timeouts.acknowledge)
            else:
                self.received.append(received)

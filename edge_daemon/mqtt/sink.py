"""Messages -> an MQTT broker, and what became of each: acknowledged, refused for good, or still ours."""

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
"""Reason codes of a PUBACK that trying again will not change: not authorised, topic name invalid, payload
format invalid. Others (0x80 unspecified, 0x83 implementation specific, 0x97 quota exceeded, ...) are tried
again."""


Availability = Callable[[bool, int], Message]
"""(online, session) -> message; wire.availability with its device filled in."""

_LARGEST = 64 * 1024
"""Bytes: we ask the broker not to send us more at once. A command has at most 4 KB."""


@dataclass(frozen=True, slots=True)
class MqttOptions(address.BrokerOptions):
    """The [mqtt] table of the configuration."""

    detail: Literal["value", "candidates", "digits"] = "candidates"
    """How much a reading tells: only the value, also the runners-up, or every digit."""
    bare_value: bool = False
    """Also say the number alone on reading/<field>/value."""
    snapshots: bool = False
    """Pictures of single fields may leave the device, each when it is asked for."""
    home_assistant: Literal["device", "off"] = "device"
    """Home Assistant shows the device by itself (2024.12 or newer), or nothing is sent to it."""
    longest_wait: Annotated[float, Duration("1s", "1h")] = 300.0
    """The longest time in seconds between two attempts to reach a broker."""


class MqttSink:
    """Delivers messages to one broker and says there whether the daemon is online.

    All but `wake` is called from one thread.
    """

    def __init__(
        self,
        options: MqttOptions,
        client_id: str,
        availability: Availability,
        topics: Sequence[str] = (),
        times: Timeouts | None = None,
    ) -> None:
        """`topics` are those that we want to hear beside our own availability. Raises ConfigError."""
        self.to = address.resolve(options)
        self.refused: dict[str, int] = {}
        """Topic -> the last reason code with which the broker refused a message there for good."""
        self.received: deque[ReceivedMessage] = deque()
        """What arrived on `topics`; for the caller to take."""
        self._client_id = client_id
        self._availability = availability
        self._topics = topics
        self._session = 0
        self._times = times or Timeouts()
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
        """Whether the broker keeps retained messages; True while there is none."""
        return self._link is None or self._link.retains

    @property
    def version(self) -> str:
        """What is spoken with the broker."""
        return "MQTT 3.1.1" if self._link is not None and self._link.version is V311 else "MQTT 5"

    def open(self) -> None:
        """Connect and say `online`. Raises BrokerError; nothing is open then."""
        if self._link is not None:
            self._link.drop("connecting anew")
        self._link = None
        self._session = max(self._session + 1, int(time.time() * 1000))
        will = self._availability(False, self._session)
        self._link = connect(self.to, self._client_id, self._times, will, self._wake_read, _LARGEST)
        if not self._link.acknowledges:
            self._link.close()
            raise BrokerError(f"broker {self.to} acknowledges nothing (its Maximum QoS is 0): readings could be lost")
        # first, so that who sees us online and asks at once is received
        self._link.subscribe([will.topic, *self._topics])
        if not self.say_online() and not self.up:
            raise BrokerError(f"broker {self.to} dropped the connection: {self.lost}")

    def say_online(self) -> bool:
        """Say that we are there; whether that has arrived."""
        return self.deliver([self._availability(True, self._session)]) == [Outcome.DELIVERED]

    def fits(self, message: Message) -> bool:
        """Whether the broker takes messages so long."""
        return self._link is None or self._link.fits(message)

    def deliver(self, batch: Sequence[Message]) -> list[Outcome]:
        """Send a batch, at most one message per topic in it, and wait for what becomes of each.

        So a message is never on its way before the last one of its topic has its outcome: a refusal cannot
        reorder them. When the connection breaks, everything unacknowledged is KEEP; never raises for that.
        """
        outcomes = self._deliver(batch, self._times.acknowledge)
        self._contradict()
        return outcomes

    def wait(self, timeout: float) -> None:
        """Keep the connection going until rung for, something arrives, or `timeout` seconds are over."""
        if self._link is not None and self._link.up:
            self._link.pump(timeout)
            self._contradict()
        elif select.select([self._wake_read], [], [], timeout)[0]:
            drain(self._wake_read)

    def wake(self) -> None:
        """End a `wait`. The one method for other threads."""
        with suppress(OSError):  # full: it has been rung often enough; closed: nobody waits any more
            self._wake_write.send(b"!")

    def close(self, timeout: float) -> None:
        """Say `offline`, wait for the acknowledgement up to `timeout` seconds, disconnect. For good."""
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
        waiting = deque(enumerate(batch))
        flying: dict[int, int] = {}  # message id -> place in the batch
        while link.up and (waiting or flying):
            while waiting and len(flying) < link.window and link.up:
                place, message = waiting.popleft()
                mid = link.publish(message)
                if mid is None:
                    outcomes[place] = self._refuse(message, 0x95)  # packet too large
                else:
                    flying[mid] = place
            if flying and (left := deadline - time.monotonic()) > 0:
                link.pump(left)
            elif flying:
                link.drop(f"no acknowledgement within {timeout:.0f} s")
            while link.acknowledged:
                mid, code = link.acknowledged.popleft()
                if mid in flying:
                    place = flying.pop(mid)
                    outcomes[place] = self._judge(batch[place], code)
        return outcomes

    def _judge(self, message: Message, code: int) -> Outcome:
        if code < 0x80:
            self.refused.pop(message.topic, None)
            return Outcome.DELIVERED
        return self._refuse(message, code) if code in _REFUSED else Outcome.KEEP

    def _refuse(self, message: Message, code: int) -> Outcome:
        if self.refused.get(message.topic) != code:
            log.warning("broker %s takes no more of %s: reason code 0x%02x", self.to, message.topic, code)
        self.refused[message.topic] = code
        return Outcome.REFUSED

    def _contradict(self) -> None:
        """A last will may arrive late, after our `online`: say it again."""
        offline = self._availability(False, self._session)
        while self._link is not None and self._link.received:
            received = self._link.received.popleft()
            if received.topic == offline.topic:
                if received.payload == offline.payload and not received.retain:  # what was retained lay there before
                    self._deliver([self._availability(True, self._session)], self._times.acknowledge)
            else:
                self.received.append(received)

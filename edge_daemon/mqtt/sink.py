"""Sends messages to an MQTT broker and returns the outcome of each: delivered, refused for good, or to be kept."""

from __future__ import annotations

import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal

from edge_daemon.domain import Message, Outcome, ReceivedMessage
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt import address
from edge_daemon.mqtt.connection import V311, Link, Timeouts, connect, drain
from edge_daemon.mqtt.cut_causes import CutCauses
from edge_daemon.mqtt.floods import FloodGuard
from edge_daemon.system.units import Duration

log = logging.getLogger(__name__)

_REFUSED = {0x87, 0x90, 0x99}
"""Reason codes of a PUBACK that stay the same at the next try: not authorised, topic name invalid, payload format
invalid. After others (0x80 unspecified, 0x83 implementation specific, 0x97 quota exceeded, ...) the message is sent
again."""
_TOO_LARGE = 0x95
"""MQTT's reason code for a packet that is too large."""
_NOT_FOR_A_MESSAGE = {0x89, 0x8B, 0x8D, 0x8E, 0x93, 0x98, 0x9C, 0x9D, 0xA0}
"""Reason codes of a DISCONNECT that no message is the cause of: busy, shutting down, keep alive, session taken over,
receive maximum, administrative action, another server (2), connected for too long."""
_TAKEN_OVER = 0x8E
"""MQTT's reason code for a session that another client with the same id has taken over."""
_MAX_SESSIONS = 1000
"""Numbers of own connections that are remembered, at most."""
_RIVAL_KNOWN = 300.0
"""Seconds for which a second client with the same id is reported after its last sign."""


Availability = Callable[[bool, int], Message]
"""(online, session) -> message: messages.availability with its device filled in."""

_LARGEST = 64 * 1024
"""Bytes of a packet from the broker, at most; a command has at most 4 KB. A larger one ends the connection."""
_MAX_RECEIVED = 256
"""Received messages that wait to be taken out, at most; the oldest are dropped."""


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
        """The broker of the newest connection, or the one to be tried first."""
        self.refused: dict[str, int] = {}
        """Topic -> the last reason code with which the broker refused a message there for good."""
        self.received: deque[ReceivedMessage] = deque(maxlen=_MAX_RECEIVED)
        """Messages that arrived on `topics`; the caller takes them out."""
        self._client_id = client_id
        self._availability = availability
        self._topics = topics
        self._session = 0
        self._sessions: deque[int] = deque(maxlen=_MAX_SESSIONS)
        self._first_session = 0
        self._timeouts = timeouts or Timeouts()
        self._causes = CutCauses()
        self._floods = FloodGuard([availability(True, 0).topic, *topics])
        self._answered: set[str] = set()  # topics of messages that were answered on this connection
        self._flooded = False  # this connection was ended because of a flood
        self._confirms = True  # that QoS 0 messages are confirmed is tried
        self._confirmed = False  # this broker has confirmed one
        self._late_will = False
        self._rival_until = 0.0
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
    def version(self) -> str:
        """The version of MQTT on this connection."""
        return "MQTT 3.1.1" if self._link is not None and self._link.version is V311 else "MQTT 5"

    @property
    def why_not_5(self) -> str:
        """Why MQTT 3.1.1 is spoken; empty with MQTT 5."""
        return self._link.why_not_5 if self._link else ""

    def problems(self) -> dict[str, str]:
        """Code -> text for a person, of what the broker does not do. From any thread."""
        found, broker, link = {}, f"broker {self.to}", self._link
        if time.monotonic() < self._rival_until:
            found["client_id_in_use"] = (
                f"another program with the name of this device is connected to {broker}; each ends the other's "
                "connection: give one of them another [device] id, and end a daemon that runs twice"
            )
        refused = dict(self.refused)
        too_large = [topic for topic, code in refused.items() if code == _TOO_LARGE]
        if too_large:
            found["too_large"] = f"{broker} takes no messages as long as {_some(too_large)}: not sent"
        if others := refused.keys() - set(too_large):
            found["broker_refuses"] = f"{broker} refuses messages on {_some(others)}"
        if left_out := self._causes.left_out:
            found["broker_cuts"] = (
                f"{broker} ends the connection at messages on {_some(left_out)}: they wait, and are tried again later"
            )
        if flooded := self._floods.left:
            found["flood"] = (
                f"too many messages arrive from {broker} on {_some(flooded)}: the topic is left for some minutes"
            )
        return found | (_lacks(link, broker) if link is not None else {})

    def open(self) -> None:
        """Connect and publish `online`. Raises BrokerError; nothing is open then."""
        if self._link is not None:
            self._link.drop("connecting again")
        self._link = None
        self._session = max(self._session + 1, int(time.time() * 1000))
        self._first_session = self._first_session or self._session
        self._sessions.append(self._session)
        self._answered, self._flooded = set(), False
        will = self._availability(False, self._session)
        self._link = connect(self.to, self._client_id, self._timeouts, will, self._wake_read, _LARGEST)
        self.to = self._link.to
        self._link.confirms = self._confirms
        # before `online`: a client may send a request as soon as it sees that
        self._link.subscribe([topic for topic in (will.topic, *self._topics) if not self._floods.is_left(topic)])
        if not self.publish_online() and not self.up:
            raise BrokerError(f"broker {self.to} dropped the connection: {self.lost}")

    def turn_to_next(self) -> bool:
        """Make the next broker of the cluster the first one to be tried; False: there is only one."""
        if self.to.others:
            self.to = self.to.in_turn()[1]
        return bool(self.to.others)

    def publish_online(self) -> bool:
        """Publish `online`; whether the broker has acknowledged it."""
        return self.deliver([self._availability(True, self._session)]) == [Outcome.DELIVERED]

    def fits(self, message: Message) -> bool:
        """Whether the broker takes a message of this length, as far as it is known."""
        limit = self._causes.size_limit
        return self._link is None or (self._link.fits(message) and (not limit or len(message.payload) <= limit))

    def deliver(self, batch: Sequence[Message]) -> list[Outcome]:
        """Send a batch and wait for the outcome of each message. It has at most one message for each topic.

        So a message is never sent before the outcome of the previous one on its topic is known: a refusal cannot change
        their order. When the connection breaks, every unacknowledged message is KEEP; that raises nothing. What may be
        the reason for which the broker ends the connections is sent last, each message alone.
        """
        outcomes = [Outcome.LEFT_OUT] * len(batch)
        places = [place for place, message in enumerate(batch) if not self._causes.leaves_out(message.topic)]
        alone = [place for place in places if self._causes.is_suspect(batch[place].topic)]
        together = [place for place in places if place not in alone]
        alone.sort(key=lambda place: len(batch[place].payload))
        for group in (together, *([place] for place in alone)):
            found = self._deliver([batch[place] for place in group], self._timeouts.acknowledge)
            for place, outcome in zip(group, found, strict=True):
                outcomes[place] = outcome
        self._answer_late_will()
        return outcomes

    def wait(self, timeout: float) -> None:
        """Serve the connection until `wake` is called, something arrives, or `timeout` seconds are over."""
        if self._link is not None and self._link.up:
            self._link.pump(timeout)
            self._take_received(self._link)
            self._answer_late_will()
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
                mid = link.publish(message) if self.fits(message) else None
                if mid is None:
                    outcomes[place] = self._refuse(message, _TOO_LARGE)
                else:
                    in_flight[mid] = place
            if in_flight and (left := deadline - time.monotonic()) > 0:
                link.pump(left)
            elif in_flight:
                # with QoS 0 only in flight: a broker that has never confirmed one does not know how
                waits = any(min(batch[place].qos, link.max_qos) for place in in_flight.values())
                self._confirms = self._confirms and (waits or self._confirmed)
                link.drop(f"no acknowledgement within {timeout:.0f} s")
            while link.acknowledged:
                mid, code = link.acknowledged.popleft()
                if mid in in_flight:
                    place = in_flight.pop(mid)
                    outcomes[place] = self._outcome_of(batch[place], code)
                    self._confirmed |= min(batch[place].qos, link.max_qos) == 0
            self._take_received(link)
        if in_flight and not link.up:
            self._note_cut(link, [batch[place] for place in in_flight.values()])
        return outcomes

    def _note_cut(self, link: Link, in_flight: Sequence[Message]) -> None:
        """The connection has ended with messages on their way: one of them may be the reason."""
        if link.lost_code in _NOT_FOR_A_MESSAGE or self._flooded:
            return
        own = self._availability(False, self._session).topic
        sent = {message.topic: len(message.payload) for message in in_flight if message.topic != own}
        if link.lost_code == _TOO_LARGE and sent:
            self._causes.too_large(max(sent.values()))
        elif sent:
            self._causes.cut(sent, answered_others=bool(self._answered - {own, *sent}))

    def _outcome_of(self, message: Message, code: int) -> Outcome:
        self._answered.add(message.topic)
        self._causes.answered(message.topic, 0 if code == _TOO_LARGE else len(message.payload))
        if code == _TOO_LARGE:
            self._causes.too_large(len(message.payload))
        if code < 0x80:
            self.refused.pop(message.topic, None)
            return Outcome.DELIVERED
        return self._refuse(message, code) if code in _REFUSED else Outcome.KEEP

    def _refuse(self, message: Message, code: int) -> Outcome:
        if self.refused.get(message.topic) != code:
            log.warning("broker %s refuses messages on %s: reason code 0x%02x", self.to, message.topic, code)
        self.refused[message.topic] = code
        return Outcome.REFUSED

    def _take_received(self, link: Link) -> None:
        """Take what has arrived, leave subscriptions that are flooded, and take them up again later."""
        own = self._availability(False, self._session)
        while link.received:
            received = link.received.popleft()
            if (flooded := self._floods.arrived(received.topic)) is not None:
                # not only unsubscribed: acknowledgements wait behind all that the broker and the system hold ready
                self._flooded = True
                link.drop(f"too many messages arrive on {flooded or 'topics that nobody subscribed to'}")
            if self._floods.is_left(received.topic):
                continue
            if received.topic != own.topic:
                self.received.append(received)
                continue
            # one that is retained is older
            self._late_will |= received.payload == own.payload and not received.retain
            if self._is_of_a_rival(received):
                self._rival_until = time.monotonic() + _RIVAL_KNOWN
        if link.lost_code == _TAKEN_OVER:
            self._rival_until = time.monotonic() + _RIVAL_KNOWN
        if link.up and (due := self._floods.take_due()):
            link.subscribe(due)

    def _is_of_a_rival(self, received: ReceivedMessage) -> bool:
        """Whether another program of this name said it: it has a session number that is newer than this process, and
        not one of this process."""
        number = dict(received.user).get("session", "")
        return number.isdecimal() and int(number) > self._first_session and int(number) not in self._sessions

    def _answer_late_will(self) -> None:
        """An `offline` that arrives late, after `online`, is answered with another `online`."""
        if self._late_will:
            self._late_will = False
            self._deliver([self._availability(True, self._session)], self._timeouts.acknowledge)


def _lacks(link: Link, broker: str) -> dict[str, str]:
    """Code -> text, of what this connection's broker cannot do at all, or does not allow."""
    found = {}
    if not link.retains:
        found["no_retain"] = f"{broker} does not retain messages: new subscribers wait for the next reading"
    if link.max_qos == 0:
        found["no_qos"] = (
            f"{broker} knows only QoS 0: a message that it refuses is not noticed, and may not reach every subscriber"
        )
    if link.why_not_5 and "does not answer" in link.why_not_5:
        found["mqtt_3"] = f"{link.why_not_5} with MQTT 5; MQTT 3.1.1 is used, which cannot say that it is refused"
    if link.denied:
        found["not_subscribed"] = f"{broker} does not allow this device to receive {_some(link.denied)}"
    return found


def _some(topics: Iterable[str]) -> str:
    """The first three topics, for a message."""
    return ", ".join(sorted(topic or "other topics" for topic in topics)[:3])

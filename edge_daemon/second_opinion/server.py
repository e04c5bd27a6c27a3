"""Answers second opinions: the engine of `edge-daemon opinion serve`, for a machine larger than a device.

Any number of them may run: they share one subscription, and the broker hands each question to one of them. Nothing is
kept: a question in the hands of one that dies expires, and the device goes on without.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from edge_daemon.domain import Candidate, Grey, ReceivedMessage
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import V5, Link, Timeouts, connect
from edge_daemon.second_opinion import messages
from edge_daemon.system.backoff import Backoff

log = logging.getLogger(__name__)

TICK = 0.2
"""Seconds after which it is asked whether to stop."""
LARGEST = 64 * 1024
"""Bytes: the broker is asked not to send us more at once."""


class PictureReader(Protocol):
    """Whoever can read a cut-out."""

    name: str

    def read(self, pixels: Grey) -> Sequence[Candidate]: ...


def serve(broker: BrokerAddress, reader: PictureReader, stopped: Callable[[], bool]) -> None:
    """Answer until stopped; a broker that cannot be reached, or goes away, is tried again at growing distances."""
    backoff = Backoff(longest=60.0)
    while not stopped():
        began, why = time.monotonic(), ""
        try:
            with _subscribed(broker) as link:
                _answer_all(link, reader, stopped)
                why = f"broker {broker} is gone: {link.lost}"
        except BrokerError as error:
            why = str(error)
        if not stopped():
            pause = backoff.after(time.monotonic() - began)
            log.warning("%s; trying again in %.0f s", why, pause)
            _sleep(pause, stopped)


@contextmanager
def _subscribed(broker: BrokerAddress) -> Iterator[Link]:
    """One link, subscribed. Raises BrokerError."""
    times = Timeouts()
    link = connect(broker, "", times, largest=LARGEST)
    try:
        shared = link.version is V5
        topic = f"$share/{messages.GROUP}/{messages.QUESTIONS}" if shared else messages.QUESTIONS
        if not link.listen([topic], times.connack):
            raise BrokerError(f"broker {broker} does not let us subscribe to {topic}")
        log.info("ready; questions come from broker %s", broker)
        if not shared:
            log.warning("it speaks MQTT 3.1.1, which has no shared subscriptions: one server is enough")
        yield link
    finally:
        link.close()


def _answer_all(link: Link, reader: PictureReader, stopped: Callable[[], bool]) -> None:
    """Until the connection ends, or it is time to stop; what has been waiting here for too long is left out."""
    while link.up and not stopped():
        link.pump(TICK)
        arrived = time.monotonic()
        while link.received and link.up and not stopped():
            received = link.received.popleft()
            if time.monotonic() < arrived + messages.EXPIRY:
                _answer(link, received, reader)


def _answer(link: Link, received: ReceivedMessage, reader: PictureReader) -> None:
    began = time.monotonic()
    try:
        device, question, pixels = messages.parse_question(received)
    except ValueError as error:
        log.warning("not answered: %s", error)
        return
    candidates = messages.rounded_candidates(tuple(reader.read(pixels)))
    link.publish(messages.answer_message(device, messages.Answer(question.id, candidates, reader.name)))
    link.pump(0.0)
    said = ", ".join(f"{text} ({100 * chance:.0f} %)" for text, chance in candidates) or "no number"
    log.info("%s: %s; in %.0f ms", device, said, 1000 * (time.monotonic() - began))


def _sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not stopped() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, TICK))

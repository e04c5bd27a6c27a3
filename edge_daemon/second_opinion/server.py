"""Answers questions for second opinions: the engine of `edge-daemon opinion serve`, for a larger machine than a Pi.

Several may run: they share one subscription, and the broker sends each question to one of them. Nothing is stored: a
question to a server that ends meanwhile expires, and the device continues without an answer.
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
from edge_daemon.mqtt.payloads import Answer
from edge_daemon.second_opinion import messages
from edge_daemon.system.backoff import Backoff

log = logging.getLogger(__name__)

TICK = 0.2
"""Seconds between two checks whether to stop."""
LARGEST = 64 * 1024
"""Bytes: the broker is asked not to send larger packets (MQTT 5)."""
LONGEST_WAIT = 60.0
"""Seconds between two attempts to connect, at most."""


class PictureReader(Protocol):
    """Reads the number in a cut-out."""

    name: str

    def read(self, pixels: Grey) -> Sequence[Candidate]:
        """Texts with their confidence, best first, of a picture (h, w); empty: no number."""


def serve(broker: BrokerAddress, reader: PictureReader, stopped: Callable[[], bool]) -> None:
    """Answer questions until stopped. Connects again, with a growing pause, when the connection is lost."""
    backoff = Backoff(longest=LONGEST_WAIT)
    while not stopped():
        began = time.monotonic()
        try:
            with _subscribed(broker) as link:
                _answer_all(link, reader, stopped)
                why = f"the connection to broker {broker} was lost: {link.lost}"
        except BrokerError as error:
            why = str(error)
        if not stopped():
            pause = backoff.after(time.monotonic() - began)
            log.warning("%s; trying again in %.0f s", why, pause)
            _sleep(pause, stopped)


@contextmanager
def _subscribed(broker: BrokerAddress) -> Iterator[Link]:
    """A connection that is subscribed to the questions. Raises BrokerError."""
    timeouts = Timeouts()
    link = connect(broker, "", timeouts, largest=LARGEST)
    try:
        shared = link.version is V5
        topic = f"$share/{messages.GROUP}/{messages.QUESTIONS}" if shared else messages.QUESTIONS
        if not link.listen([topic], timeouts.connack):
            raise BrokerError(f"broker {broker} refused the subscription to {topic}: check its access rules")
        log.info("ready; questions come from broker %s", broker)
        if not shared:
            log.warning("broker %s speaks MQTT 3.1.1, which has no shared subscriptions: run one server only", broker)
        yield link
    finally:
        link.close()


def _answer_all(link: Link, reader: PictureReader, stopped: Callable[[], bool]) -> None:
    """Answer until the connection ends or it is time to stop. Questions that have waited too long are dropped."""
    while link.up and not stopped():
        link.pump(TICK)
        arrived = time.monotonic()
        while link.received and link.up and not stopped():
            received = link.received.popleft()
            if time.monotonic() < arrived + messages.EXPIRY:
                _answer(link, received, reader)


def _answer(link: Link, received: ReceivedMessage, reader: PictureReader) -> None:
    """Answer one question. Whatever goes wrong with it, only this question is not answered."""
    began = time.monotonic()
    try:
        device, question, pixels = messages.parse_question(received)
        candidates = messages.rounded_candidates(tuple(reader.read(pixels)))
        answer = messages.answer_message(device, Answer(question.id, candidates, reader.name))
    except ValueError as error:
        log.warning("a question was not answered: %s", error)
        return
    except Exception:
        log.exception("a question on %s was not answered", received.topic[:100])
        return
    link.publish(answer)
    link.pump(0.0)
    texts = ", ".join(f"{text} ({100 * confidence:.0f} %)" for text, confidence in candidates) or "no number"
    log.info("%s: %s; in %.0f ms", device, texts, 1000 * (time.monotonic() - began))


def _sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not stopped() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, TICK))

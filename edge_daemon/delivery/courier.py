"""The courier: the thread that sends due records of the outbox, and last-value messages, to the broker.

Records leave the outbox through queues (queues.py). A batch has at most one message for each topic, so a message is
never sent before the outcome of the previous one on its topic is known.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from edge_daemon.delivery.last_value import LastValueCache, LastValueSender
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.delivery.queues import Queue, ReplayQueue, open_queues
from edge_daemon.domain import Entry, Message, Outcome, ReceivedMessage
from edge_daemon.errors import BrokerError, CourierError
from edge_daemon.mqtt import home_assistant
from edge_daemon.mqtt.sink import MqttSink
from edge_daemon.system.backoff import Backoff
from edge_daemon.system.journal import event

log = logging.getLogger(__name__)

Encode = Callable[[Entry, bool, Callable[[Message], bool]], Message]
"""(entry, replayed, fits) -> message: messages.encode_record with its first two arguments filled in."""

_HEARTBEAT = 60.0
"""Seconds without a heartbeat after which the thread counts as hung. Its longest wait is 20 s, for acknowledgements."""
_CONNECTING = 300.0
"""The same while it connects: a name lookup can block for minutes and cannot be interrupted."""
_IDLE = 5.0
"""Seconds of one wait, at most, so that there is a heartbeat."""
_SHORT_SESSION = 10.0
"""Seconds. Two devices with the same client id end each other's sessions within this time."""
_MANY_SHORT_SESSIONS = 3
"""Short sessions in a row that are a problem."""
_LONGEST_RETRY = 60.0
"""Seconds between two tries of messages that the broker does not take at present."""
_RESEND_DELAY = (1.0, 10.0)
"""Seconds, from and to, between the start of Home Assistant and sending everything again: random, so that many devices
do not send at once."""


class Courier:
    """Delivers until it is stopped. Every fault of the broker is waited out."""

    def __init__(
        self,
        outbox: Outbox,
        sink: MqttSink,
        last_values: LastValueCache,
        encode: Encode,
        backoff: Backoff | None = None,
        on_message: Callable[[ReceivedMessage], None] = lambda message: None,
    ) -> None:
        """`on_message` is called by the courier's thread with each message for the daemon."""
        self._outbox = outbox
        self._sink = sink
        self._encode = encode
        self._backoff = backoff or Backoff()
        self._stopping = threading.Event()
        self._alive_until = 0.0
        self._leave_at = 0.0
        self._failure: BaseException | None = None
        self._trouble = ""
        self._short_sessions = 0
        self._opened = 0.0
        self.connects = 0
        """Connections that a broker has accepted."""
        # a daemon thread: if it hangs, the process can still end
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._sender = LastValueSender(last_values)
        self._resend_at = math.inf
        self._replay: deque[Entry] = deque()
        self._on_message = on_message
        outbox.on_put = last_values.on_set = sink.wake

    def start(self) -> None:
        """Start the thread, if it does not run yet."""
        if self._thread.ident is None:
            self._beat(_CONNECTING)
            self._thread.start()

    def replay(self, entries: Sequence[Entry]) -> None:
        """Send these entries again as history, when no other history waits. Replaces an earlier replay. From any
        thread."""
        self._replay = deque(entries)
        self._sink.wake()

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker now. From any thread."""
        return self._sink.up

    def check(self) -> None:
        """Raises CourierError if the thread has ended or hangs: the process must restart."""
        if self._failure is not None:
            raise CourierError(f"the delivery thread has ended: {self._failure}") from self._failure
        if time.monotonic() > self._alive_until:
            raise CourierError("the delivery thread hangs")

    def problems(self) -> dict[str, str]:
        """Code -> text for a person, of what is wrong with the broker. From any thread."""
        found = self._sink.problems()
        stable = self._sink.up and time.monotonic() - self._opened > _SHORT_SESSION
        if self._short_sessions >= _MANY_SHORT_SESSIONS and not stable and not found:
            found["client_id_in_use"] = (
                f"broker {self._sink.to} ends each session soon ({self._sink.lost}): "
                "does another device have the same name?"
            )
        return found

    def stop(self, timeout: float = 8.0) -> bool:
        """Deliver what can be delivered, publish `offline`, end. False if `timeout` seconds were not enough."""
        if self._thread.ident is None:
            self._sink.close(0.0)
            return True
        self._leave_at = time.monotonic() + timeout / 2
        self._stopping.set()
        self._sink.wake()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._connect_and_deliver()
            self._sink.close(2.0)
        except BaseException as error:  # the path gets it from check()
            self._failure = error

    def _connect_and_deliver(self) -> None:
        self._beat(_CONNECTING)
        self._opened = time.monotonic()
        try:
            self._sink.open()
        except BrokerError as error:
            self._sink.turn_to_next()  # this one may accept connections, and nothing more
            self._back_off(str(error), stood=0.0)
            return
        log.info("connected to broker %s (%s)", self._sink.to, self._sink.version, extra=event("broker", STATUS="up"))
        if self._sink.why_not_5:
            log.warning("MQTT 3.1.1 is used, because with MQTT 5: %s", self._sink.why_not_5)
        self._trouble = ""
        self.connects += 1
        self._deliver()
        if not self._stopping.is_set():
            stood = time.monotonic() - self._opened
            self._short_sessions = self._short_sessions + 1 if stood < _SHORT_SESSION else 0
            why = f"the connection to broker {self._sink.to} was lost: {self._sink.lost}"
            if self._sink.turn_to_next() and not self._short_sessions:
                log.warning("%s; trying %s now", why, self._sink.to, extra=event("broker", STATUS="down"))
            else:
                self._back_off(why, stood)

    def _deliver(self) -> None:
        """Deliver until the connection breaks or it is time to stop."""
        queues = open_queues(self._outbox)
        self._sender.reset()
        retry = self._retry()
        while self._sink.up and not self._must_leave():
            self._beat(_HEARTBEAT)
            outcomes = self._send_batch(queues)
            self._receive()
            if Outcome.KEEP in outcomes:
                if self._stopping.is_set():
                    self._sink.wait(0.1)  # the last tries before the end
                elif self._sink.up:
                    self._pause(retry.after())
                continue
            retry = self._retry()
            if not outcomes and self._stopping.is_set():
                return
            if not outcomes:
                self._sink.wait(min(_IDLE, max(0.0, self._resend_at - time.monotonic())))

    def _send_batch(self, queues: Sequence[Queue]) -> list[Outcome]:
        """Send what is due, readings first, and note the outcome of each message that was sent."""
        self._resend_if_due()
        due = self._due(queues)
        records = [self._encode(entry, queue.replayed, self._sink.fits) for queue, entry in due]
        values = self._sender.due(besides={message.topic for message in records})
        if not values and not records:
            self._sink.deliver(self._sender.take_optional())
            return []
        outcomes = self._sink.deliver(records + values)
        for message, outcome in zip(values, outcomes[len(records) :], strict=True):
            self._sender.settle(message, outcome)
        for (queue, entry), message, outcome in zip(due, records, outcomes, strict=False):
            self._settle(queue, entry, outcome)
            if outcome is Outcome.DELIVERED and message.retain:
                self._sender.set_retained(message)
        return [outcome for outcome in outcomes if outcome is not Outcome.LEFT_OUT]

    def _resend_if_due(self) -> None:
        if time.monotonic() >= self._resend_at:
            self._resend_at = math.inf
            self._sink.publish_online()
            self._sender.resend_all()

    def _due(self, queues: Sequence[Queue]) -> list[tuple[Queue | ReplayQueue, Entry]]:
        """The entries that may be sent now; a replay only if there is no other history."""
        due: list[tuple[Queue | ReplayQueue, Entry]] = []
        due += [(queue, entry) for queue in queues for entry in queue.first_of_each()]
        replay = self._replay
        if replay and not any(queue.replayed for queue, _ in due):
            due.append((ReplayQueue(replay), replay[0]))
        return due

    def _receive(self) -> None:
        """Process the messages that have arrived."""
        while self._sink.received:
            received = self._sink.received.popleft()
            if home_assistant.is_birth(received.topic, received.payload):
                self._resend_at = time.monotonic() + random.uniform(*_RESEND_DELAY)
            else:
                self._on_message(received)

    def _settle(self, queue: Queue | ReplayQueue, entry: Entry, outcome: Outcome) -> None:
        if outcome in (Outcome.KEEP, Outcome.LEFT_OUT):
            return
        queue.remove(entry)
        if isinstance(queue, ReplayQueue):
            return
        if outcome is Outcome.DELIVERED:
            self._outbox.done([entry])
        else:
            self._outbox.reject([entry])

    def _back_off(self, why: str, stood: float) -> None:
        """Wait before the next try. The same trouble is logged once, not at every try."""
        pause = self._backoff.after(stood)
        if why != self._trouble:
            log.warning("%s; trying again in %.0f s", why, pause, extra=event("broker", STATUS="down"))
        self._trouble = why
        self._pause(pause)

    def _retry(self) -> Backoff:
        """For messages that the broker does not take at present."""
        return Backoff(self._backoff.first, min(self._backoff.longest, _LONGEST_RETRY))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            self._beat(_HEARTBEAT)
            self._sink.wait(min(left, _IDLE))

    def _must_leave(self) -> bool:
        return self._stopping.is_set() and time.monotonic() > self._leave_at

    def _beat(self, good_for: float) -> None:
        """The heartbeat: the thread is alive, and will beat again within `good_for` seconds."""
        self._alive_until = time.monotonic() + good_for

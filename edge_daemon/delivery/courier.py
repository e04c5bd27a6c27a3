"""The one thread of ours: carries what is due from the outbox, and the newest of the last_values, to the sink.

What leaves the outbox goes by lanes (lanes.py): readings of now, which go to the retained topics and never wait for
the others; events; the backlog. A batch takes at most one message of each topic, so nothing of a topic is on its way
before the last one of that topic is settled.
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

_BEAT = 60.0
"""Seconds of silence after which the courier is given up. Its longest wait, for acknowledgements, is 20 s."""
_CONNECTING = 300.0
"""The same while it connects: looking up a name can block for minutes and cannot be interrupted."""
_IDLE = 5.0
_SHORT = 10.0
"""Seconds: so short is a session whose client id somebody else uses too; each throws the other out."""
_MANY_SHORT = 3
_BIRTH = (1.0, 10.0)
"""Seconds, from and to, after Home Assistant's start until all is said again: at random, so that a fleet does not
answer as one."""


class Courier:
    """Delivers until told to stop; whatever is wrong with the broker is waited out."""

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
        self._beaten_until = 0.0
        self._leave_at = 0.0
        self._failure: BaseException | None = None
        self._trouble = ""
        self._short_sessions = 0
        self._opened = 0.0
        self.connects = 0
        """How often a broker has accepted us."""
        # a daemon thread: if it hangs, the process can still end
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._sender = LastValueSender(last_values)
        self._again_at = math.inf
        self._asked: deque[Entry] = deque()
        self._on_message = on_message
        outbox.on_put = last_values.on_set = sink.wake

    def start(self) -> None:
        """Once started it goes on."""
        if self._thread.ident is None:
            self._beat(_CONNECTING)
            self._thread.start()

    def replay(self, entries: Sequence[Entry]) -> None:
        """Say these once more, as history, when nothing else of it waits; in place of what was asked for before. From
        any thread."""
        self._asked = deque(entries)
        self._sink.wake()

    @property
    def connected(self) -> bool:
        """Whether there is a broker right now. From any thread."""
        return self._sink.up

    def check(self) -> None:
        """Raises CourierError if the thread has died or stopped beating: the process must restart."""
        if self._failure is not None:
            raise CourierError(f"delivery has died: {self._failure}") from self._failure
        if time.monotonic() > self._beaten_until:
            raise CourierError("delivery has stopped beating")

    def problems(self) -> dict[str, str]:
        """Code -> text for a person, of what is wrong with the broker. From any thread."""
        found: dict[str, str] = {}
        if self._short_sessions >= _MANY_SHORT and not (self._sink.up and time.monotonic() - self._opened > _SHORT):
            found["client_id_in_use"] = (
                f"broker {self._sink.to} keeps ending our sessions: is another device called the same?"
            )
        if refused := sorted(self._sink.refused):
            found["broker_refuses"] = f"broker {self._sink.to} will not take {', '.join(refused[:3])}"
        if not self._sink.retains:
            found["no_retain"] = f"broker {self._sink.to} keeps no retained messages: subscribers wait for the next"
        return found

    def stop(self, timeout: float = 8.0) -> bool:
        """Deliver what can be delivered, say `offline`, end. False if `timeout` seconds were not enough."""
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
                self._connect_and_carry()
            self._sink.close(2.0)
        except BaseException as error:  # carried to the path, whose check() raises it
            self._failure = error

    def _connect_and_carry(self) -> None:
        self._beat(_CONNECTING)
        self._opened = time.monotonic()
        try:
            self._sink.open()
        except BrokerError as error:
            self._back_off(str(error), stood=0.0)
            return
        told = (self._sink.to, self._sink.version)
        log.info("connected to broker %s (%s)", *told, extra=event("broker", STATUS="up"))
        self._trouble = ""
        self.connects += 1
        self._carry()
        if not self._stopping.is_set():
            why, stood = f"broker {self._sink.to} is gone: {self._sink.lost}", time.monotonic() - self._opened
            self._short_sessions = self._short_sessions + 1 if stood < _SHORT else 0
            self._back_off(why, stood)

    def _carry(self) -> None:
        """Deliver until the connection breaks or it is time to stop."""
        connection = open_queues(self._outbox)
        self._sender.reset()
        retry = self._retry()
        while self._sink.up and not self._must_leave():
            self._beat(_BEAT)
            outcomes = self._round(connection)
            self._listen()
            if Outcome.KEEP in outcomes:
                if self._stopping.is_set():
                    self._sink.wait(0.1)  # the last tries before we leave
                elif self._sink.up:
                    self._pause(retry.after())
                continue
            retry = self._retry()
            if not outcomes and self._stopping.is_set():
                return
            if not outcomes:
                self._sink.wait(min(_IDLE, max(0.0, self._again_at - time.monotonic())))

    def _round(self, connection: Sequence[Queue]) -> list[Outcome]:
        """Send what is due, and take note of what becomes of it."""
        if time.monotonic() >= self._again_at:
            self._again_at = math.inf
            self._sink.say_online()
            self._sender.resend_all()
        due: list[tuple[Queue | ReplayQueue, Entry]] = [
            (lane, entry) for lane in connection for entry in lane.first_of_each()
        ]
        asked = self._asked
        if asked and not any(lane.replayed for lane, _ in due):
            due.append((ReplayQueue(asked), asked[0]))
        records = [self._encode(entry, lane.replayed, self._sink.fits) for lane, entry in due]
        notices = self._sender.due(besides={message.topic for message in records})
        if not notices and not records:
            self._sink.deliver(self._sender.take_optional())
        outcomes = self._sink.deliver(notices + records) if notices or records else []
        for message, outcome in zip(notices, outcomes, strict=False):
            self._sender.settle(message, outcome)
        for (lane, entry), message, outcome in zip(due, records, outcomes[len(notices) :], strict=True):
            self._settle(lane, entry, outcome)
            if outcome is Outcome.DELIVERED and message.retain:
                self._sender.set_retained(message)
        return outcomes

    def _listen(self) -> None:
        """Take what has arrived."""
        while self._sink.received:
            received = self._sink.received.popleft()
            if home_assistant.is_birth(received.topic, received.payload):
                self._again_at = time.monotonic() + random.uniform(*_BIRTH)
            else:
                self._on_message(received)

    def _settle(self, lane: Queue | ReplayQueue, entry: Entry, outcome: Outcome) -> None:
        if outcome is Outcome.KEEP:
            return
        lane.settle(entry)
        if isinstance(lane, ReplayQueue):
            return
        if outcome is Outcome.DELIVERED:
            self._outbox.done([entry])
        else:
            self._outbox.reject([entry])

    def _back_off(self, why: str, stood: float) -> None:
        """Wait before the next try; a trouble is told once, not at every try."""
        pause = self._backoff.after(stood)
        if why != self._trouble:
            log.warning("%s; trying again in %.0f s", why, pause, extra=event("broker", STATUS="down"))
        self._trouble = why
        self._pause(pause)

    def _retry(self) -> Backoff:
        """For messages that the broker would not take just now."""
        return Backoff(self._backoff.first, min(self._backoff.longest, 60.0))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            self._beat(_BEAT)
            self._sink.wait(min(left, _IDLE))

    def _must_leave(self) -> bool:
        return self._stopping.is_set() and time.monotonic() > self._leave_at

    def _beat(self, good_for: float) -> None:
        self._beaten_until = time.monotonic() + good_for

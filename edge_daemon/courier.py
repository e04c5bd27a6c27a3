"""The one thread of ours: carries what is due from the outbox, and the newest of the board, to the sink.

Three lanes leave the outbox. Live: at each connect the newest waiting reading of every field, then whatever
is put from then on; these go to the retained topics and never wait for the others. Events, in the order they
happened. Backlog: all older readings, as history. A batch takes at most one message of each topic, so nothing
of a topic is on its way before the last one of that topic is settled.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_daemon.domain import Entry, Message, Outcome
from edge_daemon.errors import BrokerError, CourierError
from edge_daemon.outbox import Outbox
from edge_daemon.sinks.mqtt import MqttSink

log = logging.getLogger(__name__)

Encode = Callable[[Entry, bool], Message]
"""(entry, replayed) -> message; wire.encode with its first two arguments filled in."""

_BEAT = 60.0
"""Seconds of silence after which the courier is given up. Its longest wait, for acknowledgements, is 20 s."""
_CONNECTING = 300.0
"""The same while it connects: looking up a name can block for minutes and cannot be interrupted."""
_IDLE = 5.0
_PAGE = 64
_SHORT = 10.0
"""Seconds: so short is a session whose client id somebody else uses too; each throws the other out."""
_MANY_SHORT = 3


class Board:
    """Messages of which only the newest per topic counts; sent on every connect and when they change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, Message] = {}
        self.on_post: Callable[[], None] = lambda: None
        """Called after each post, by the thread that posts."""

    def post(self, message: Message) -> None:
        """From any thread."""
        with self._lock:
            self._newest[message.topic] = message
        self.on_post()

    def newest(self) -> list[Message]:
        """The newest message of each topic."""
        with self._lock:
            return list(self._newest.values())


@dataclass
class Backoff:
    """How long to wait before the next try: doubling, with jitter, so that a fleet does not return as one."""

    first: float = 1.0
    longest: float = 300.0
    stable: float = 30.0
    """Seconds a connection must have stood for the waiting to start small again."""
    _next: float = 0.0

    def after(self, stood: float = 0.0) -> float:
        """Seconds to wait after a connection that stood for `stood` seconds."""
        ceiling = self.first if stood >= self.stable or not self._next else self._next
        self._next = min(2 * ceiling, self.longest)
        return ceiling * random.uniform(0.5, 1.0)


class _Lane:
    """Waiting entries in order, fetched a page at a time."""

    def __init__(
        self,
        fetch: Callable[[int], list[Entry]],
        key: Callable[[Entry], str],
        replayed: bool = False,
        head: Sequence[Entry] = (),
        after: int = 0,
    ) -> None:
        """`key` says which entries must stay in order among themselves."""
        self.replayed = replayed
        self._fetch = fetch
        self._key = key
        self._entries = list(head)
        self._after = after

    def first_of_each(self) -> list[Entry]:
        """What may go now."""
        if len(self._entries) < _PAGE // 2:
            page = self._fetch(self._after)
            self._after = page[-1].seq if page else self._after
            self._entries += page
        return list({self._key(entry): entry for entry in reversed(self._entries)}.values())

    def settle(self, entry: Entry) -> None:
        self._entries.remove(entry)


class Courier:
    """Delivers until told to stop; whatever is wrong with the broker is waited out."""

    def __init__(
        self, outbox: Outbox, sink: MqttSink, board: Board, encode: Encode, backoff: Backoff | None = None
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._board = board
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
        outbox.on_put = board.on_post = sink.ring

    def start(self) -> None:
        self._beat(_CONNECTING)
        self._thread.start()

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
        self._leave_at = time.monotonic() + timeout / 2
        self._stopping.set()
        self._sink.ring()
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
        log.info("connected to broker %s (%s)", self._sink.to, self._sink.version)
        self._trouble = ""
        self.connects += 1
        self._carry()
        if not self._stopping.is_set():
            why, stood = f"broker {self._sink.to} is gone: {self._sink.lost}", time.monotonic() - self._opened
            self._short_sessions = self._short_sessions + 1 if stood < _SHORT else 0
            self._back_off(why, stood)

    def _carry(self) -> None:
        """Deliver until the connection breaks or it is time to stop."""
        lanes = self._lanes()
        posted: dict[str, Message] = {}
        retry = self._retry()
        while self._sink.up and not self._must_leave():
            self._beat(_BEAT)
            notices = [message for message in self._board.newest() if posted.get(message.topic) is not message]
            due = [(lane, entry) for lane in lanes for entry in lane.first_of_each()]
            if notices or due:
                batch = notices + [self._encode(entry, lane.replayed) for lane, entry in due]
                outcomes = self._sink.deliver(batch)
                for message, outcome in zip(notices, outcomes, strict=False):
                    if outcome is not Outcome.KEEP:
                        posted[message.topic] = message
                for (lane, entry), outcome in zip(due, outcomes[len(notices) :], strict=True):
                    self._settle(lane, entry, outcome)
                if Outcome.KEEP not in outcomes:
                    retry = self._retry()
                elif self._sink.up:
                    self._pause(retry.after())
            elif self._stopping.is_set():
                return
            else:
                self._sink.wait(_IDLE)

    def _lanes(self) -> list[_Lane]:
        outbox, now = self._outbox, self._outbox.last
        newest = outbox.newest(until=now)
        told = {entry.seq for entry in newest}

        def backlog(after: int) -> list[Entry]:
            return [entry for entry in outbox.readings(after, until=now) if entry.seq not in told]

        return [
            _Lane(outbox.readings, key=_field, head=newest, after=now),
            _Lane(outbox.events, key=lambda _: "event"),
            _Lane(backlog, key=lambda _: "history", replayed=True),
        ]

    def _settle(self, lane: _Lane, entry: Entry, outcome: Outcome) -> None:
        if outcome is Outcome.KEEP:
            return
        lane.settle(entry)
        if outcome is Outcome.DELIVERED:
            self._outbox.done([entry])
        else:
            self._outbox.reject([entry])

    def _back_off(self, why: str, stood: float) -> None:
        """Wait before the next try; a trouble is told once, not at every try."""
        pause = self._backoff.after(stood)
        if why != self._trouble:
            log.warning("%s; trying again in %.0f s", why, pause)
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


def _field(entry: Entry) -> str:
    return entry.record.field or ""

"""The collector's loop: what the source gives is stored, and acknowledged when it is on disk, not before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_daemon.errors import EdgeDaemonError
from edge_daemon.system.backoff import Backoff
from scripts.collecting.rows import DeadLetter, Received

PATIENCE = 0.2
"""Seconds to wait for messages at one time."""
LONGEST_WAIT = 30.0
"""Seconds between two tries to store, at most."""
TELL_EVERY = 10.0
"""Seconds between two lines with counts, at least."""

Tell = Callable[[str], None]
"""Shows one line to a person."""


class Trouble:
    """Something that does not work for a while: told when it begins and when it ends, and not at each try between."""

    def __init__(self, what: str, tell: Tell) -> None:
        self._what = what
        self._tell = tell
        self.lasts = False

    def begin(self, why: str) -> None:
        if not self.lasts:
            self._tell(f"{self._what}: {why}")
        self.lasts = True

    def end(self) -> None:
        if self.lasts:
            self._tell(f"{self._what} is back")
        self.lasts = False


class DatabaseError(EdgeDaemonError):
    """The database cannot be used."""


class DatabaseAwayError(DatabaseError):
    """The database cannot be used now. It may be usable later."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch."""

    new: int
    """Readings that were not there before."""
    dead: Sequence[DeadLetter] = ()


class Database(Protocol):
    """Where readings go."""

    def store(self, batch: Sequence[Received]) -> Stored:
        """Stores messages on the disk, each once. Raises DatabaseError; then the batch can be stored again."""


class Source(Protocol):
    """Where messages come from."""

    def receive(self, seconds: float) -> Sequence[Received]:
        """All messages that are not acknowledged yet. Waits up to `seconds` if there is none. Raises nothing for a
        broker that is away."""

    def acknowledge(self) -> None:
        """Acknowledges what `receive` returned last: the broker forgets it."""


class Collector:
    """Moves messages from a source into a database."""

    def __init__(self, source: Source, database: Database, tell: Tell) -> None:
        self._source = source
        self._database = database
        self._tell = tell
        self._backoff = Backoff(longest=LONGEST_WAIT)
        self._try_at = self._tell_at = 0.0
        self._trouble = Trouble("the database", tell)
        self._received = self._new = self._dead = 0

    def step(self) -> int:
        """Receive and store once; returns how many messages are waiting or were stored.

        While the database is away the source is served all the same, so that the broker does not end the session. The
        broker sends no more than it may have unacknowledged, and keeps the rest.
        """
        batch = self._source.receive(PATIENCE)
        if not batch:
            return 0
        if (left := self._try_at - time.monotonic()) > 0:
            time.sleep(min(left, PATIENCE))
            return len(batch)
        try:
            stored = self._database.store(batch)
        except DatabaseError as error:
            self._wait(str(error))
            return len(batch)
        self._source.acknowledge()
        self._note(len(batch), stored)
        return len(batch)

    def _wait(self, trouble: str) -> None:
        self._try_at = time.monotonic() + self._backoff.after()
        self._trouble.begin(f"{trouble}; waiting, nothing is lost: the broker keeps what comes")

    def _note(self, received: int, stored: Stored) -> None:
        if self._trouble.lasts:
            self._trouble.end()
            self._backoff = Backoff(longest=LONGEST_WAIT)
        for letter in stored.dead[:1]:
            self._tell(f"dead letter on {letter.topic[:80]}: {letter.reason}")
        self._received += received
        self._new += stored.new
        self._dead += len(stored.dead)
        if time.monotonic() >= self._tell_at:
            self._tell(f"{self._received} received, {self._new} new readings, {self._dead} dead letters")
            self._tell_at = time.monotonic() + TELL_EVERY

"""The three lanes on which records leave the outbox, and what is due on each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Entry

_PAGE = 64


class Queue:
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
        """It need not go again."""
        self._entries.remove(entry)


class ReplayQueue:
    """Delivered entries that somebody wants once more: a lane that the outbox knows nothing of."""

    replayed = True

    def __init__(self, entries: deque[Entry]) -> None:
        self._entries = entries

    def settle(self, entry: Entry) -> None:
        """The first has been said."""
        self._entries.popleft()


def open_queues(outbox: Outbox) -> list[Queue]:
    """For one connection. Live: the newest waiting reading of each field, then whatever is put from now on. Events,
    in the order they happened. Backlog: all older readings, as history."""
    now = outbox.last
    newest = outbox.newest(until=now)
    told = {entry.seq for entry in newest}

    def backlog(after: int) -> list[Entry]:
        return [entry for entry in outbox.readings(after, until=now) if entry.seq not in told]

    return [
        Queue(outbox.readings, key=_field, head=newest, after=now),
        Queue(outbox.events, key=lambda _: "event"),
        Queue(backlog, key=lambda _: "history", replayed=True),
    ]


def _field(entry: Entry) -> str:
    return entry.record.field or ""

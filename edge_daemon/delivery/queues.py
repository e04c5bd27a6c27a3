"""The queues through which records leave the outbox: new readings, events, and the backlog.

New readings go to the retained topics and never wait for the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Entry

_PAGE = 64
"""Entries below half of which a queue fetches more: the outbox's default limit."""


class Queue:
    """Waiting entries in order, fetched from the outbox a page at a time."""

    def __init__(
        self,
        fetch: Callable[[int], list[Entry]],
        key: Callable[[Entry], str],
        replayed: bool = False,
        head: Sequence[Entry] = (),
        after: int = 0,
    ) -> None:
        """`fetch` returns entries after a number. Entries with the same `key` must be sent in order. `replayed`: they
        are sent as history. `head`: entries that come first. `after`: the number after which fetching starts."""
        self.replayed = replayed
        self._fetch = fetch
        self._key = key
        self._entries = list(head)
        self._after = after

    def first_of_each(self) -> list[Entry]:
        """The first entry of each key: these may be sent now."""
        if len(self._entries) < _PAGE // 2:
            page = self._fetch(self._after)
            self._after = page[-1].seq if page else self._after
            self._entries += page
        return list({self._key(entry): entry for entry in reversed(self._entries)}.values())

    def remove(self, entry: Entry) -> None:
        """It has been sent, or refused for good."""
        self._entries.remove(entry)


class ReplayQueue:
    """Delivered entries that are sent again; they are not in the outbox any more."""

    replayed = True

    def __init__(self, entries: deque[Entry]) -> None:
        self._entries = entries

    def remove(self, entry: Entry) -> None:
        """The first one has been sent, or refused for good."""
        self._entries.popleft()


def open_queues(outbox: Outbox) -> list[Queue]:
    """The queues of one connection.

    Live: the newest waiting reading of each field, then all that are put from now on. Events: in the order in which
    they happened. Backlog: all older readings, as history.
    """
    now = outbox.last
    newest = outbox.newest(until=now)
    live = {entry.seq for entry in newest}

    def backlog(after: int) -> list[Entry]:
        return [entry for entry in outbox.readings(after, until=now) if entry.seq not in live]

    return [
        Queue(outbox.readings, key=_field, head=newest, after=now),
        Queue(outbox.events, key=lambda _: "event"),
        Queue(backlog, key=lambda _: "history", replayed=True),
    ]


def _field(entry: Entry) -> str:
    return entry.record.field or ""

"""Compares what a fleet's subscriber received with what the devices stored."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.campaigns.crash.verdict import judge
from tests.campaigns.fleet.devices import Ledger
from tests.campaigns.fleet.listener import Heard


@dataclass
class Verdict:
    """Counts of readings, over all devices."""

    devices: int = 0
    connects: int = 0
    stored: int = 0
    delivered: int = 0
    """Different ones that the subscriber received."""
    late: int = 0
    """Of these, on `history`."""
    lost: int = 0
    """Stored, no longer in the outbox, and never acknowledged by the broker: an error of the daemon."""
    waiting: int = 0
    """Still in the outboxes at the end."""
    lost_by_broker: int = 0
    """Acknowledged by the broker, but never received."""
    duplicate: int = 0
    out_of_order: int = 0
    """Older than what came before it on its topic."""
    wrong: int = 0
    """Payloads that are not what was put."""
    latency_ms: dict[str, float] = field(default_factory=dict)
    """From the outbox to the subscriber, of readings on their own topic (not late)."""
    late_latency_ms: dict[str, float] = field(default_factory=dict)
    """The same, of readings that waited for the broker and came on `history`."""

    @property
    def good(self) -> bool:
        """Nothing that was stored is missing, but for what a broker lost after it had acknowledged it."""
        return self.stored > 0 and not (self.lost or self.waiting or self.out_of_order or self.wrong)


def verdict(ledgers: Sequence[Ledger], heard: Iterable[Heard]) -> Verdict:
    """Of all devices together."""
    of: dict[str, list[Heard]] = defaultdict(list)
    for message in heard:
        of[message.topic.split("/")[1]].append(message)
    found = Verdict(devices=len(ledgers), connects=sum(ledger.connects for ledger in ledgers))
    took: dict[bool, list[float]] = {False: [], True: []}
    for ledger in ledgers:
        _add(found, ledger, of[ledger.device], took)
    found.late = len(took[True])
    found.latency_ms, found.late_latency_ms = _percentiles(took[False]), _percentiles(took[True])
    return found


def _add(found: Verdict, ledger: Ledger, heard: Sequence[Heard], took: dict[bool, list[float]]) -> None:
    judged = judge(ledger.stored, ((message.topic, message.payload) for message in heard), ledger.device)
    found.stored += judged.stored
    found.delivered += judged.delivered
    found.duplicate += judged.duplicates
    found.out_of_order += judged.reordered
    found.wrong += judged.wrong
    numbers: set[int] = set()
    for message in heard:
        number = json.loads(message.payload)["value"]
        if number not in numbers and number in ledger.stored:
            took[message.topic.endswith("/history")].append(1000 * (message.at - ledger.stored[number]))
        numbers.add(number)
    missing = ledger.stored.keys() - numbers
    lost_by_broker = missing & set(ledger.acknowledged)
    waiting = (missing - lost_by_broker) & set(ledger.waiting)
    found.lost_by_broker += len(lost_by_broker)
    found.waiting += len(waiting)
    found.lost += len(missing - lost_by_broker - waiting)


def _percentiles(took: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    if not took:
        return {}
    names = {"median": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(took, share)), 1) for name, share in names.items()}


def as_lines(found: Verdict, broker: str) -> Sequence[str]:
    """The verdict as lines of text."""

    def row(took: dict[str, float]) -> str:
        return ", ".join(f"{name} {value:g} ms" for name, value in took.items()) or "none"

    return [
        f"{found.devices} devices on {broker}, {found.connects} connections",
        f"  stored           {found.stored}",
        f"  delivered        {found.delivered}, {found.late} of them late on history",
        f"  lost             {found.lost}",
        f"  still waiting    {found.waiting}",
        f"  lost by broker   {found.lost_by_broker}  (it had acknowledged them)",
        f"  duplicate        {found.duplicate}  (allowed)",
        f"  out of order     {found.out_of_order}",
        f"  wrong            {found.wrong}",
        f"  latency          {row(found.latency_ms)}",
        f"  latency of late  {row(found.late_latency_ms)}",
        "all good" if found.good else "NOT good",
    ]

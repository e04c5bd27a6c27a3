"""Compares received with stored readings: lost, duplicated, out of order, wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from edge_daemon.domain import Entry
from edge_daemon.mqtt import messages
from tests.campaigns.crash.worker import DEVICE
from tests.support.records import numbered_reading


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts; all but the first three must be 0 on a disk that takes what it is given."""

    stored: int
    delivered: int
    """Different readings received."""
    duplicates: int
    """The same id again: allowed, since delivery is at least once."""
    lost: int
    reordered: int
    """Older than what came before it on its topic, of the same epoch, and not a repetition."""
    wrong: int
    """Payloads that differ from what was stored."""

    @property
    def good(self) -> bool:
        return not (self.lost or self.reordered or self.wrong)

    @property
    def good_on_a_full_disk(self) -> bool:
        """There a delivery cannot be remembered: after a kill an older reading may be sent as the newest."""
        return not (self.lost or self.wrong)


def judge(stored: Iterable[int], heard: Iterable[tuple[str, bytes]], device: str = DEVICE) -> Verdict:
    """`stored` are numbers of a device's readings, `heard` is what a subscriber to all it says received, in order."""
    stored = set(stored)
    seen: set[str] = set()
    newest: dict[tuple[str, str], int] = {}
    numbers: set[int] = set()
    duplicates = reordered = wrong = 0
    for topic, payload in heard:
        if "/reading/" not in topic and not topic.endswith("/history"):
            continue
        said = json.loads(payload)
        wrong += not _as_put(device, topic, said)
        numbers.add(said["value"])
        if said["id"] in seen:
            duplicates += 1
            continue
        seen.add(said["id"])
        lane = topic, said["id"].rsplit("/", 1)[0]
        reordered += said["seq"] < newest.get(lane, 0)
        newest[lane] = max(said["seq"], newest.get(lane, 0))
    return Verdict(len(stored), len(numbers), duplicates, len(stored - numbers), reordered, wrong)


def _as_put(device: str, topic: str, said: dict[str, object]) -> bool:
    """Whether a payload is what mqtt/messages.py makes of the reading with its number."""
    try:
        record = numbered_reading(int(str(said["value"])))
        entry = Entry(int(str(said["seq"])), str(said["id"]), said["time_quality"] == "synced", record)
        message = messages.encode_record(device, "candidates", entry, said["replayed"] is True)
    except (KeyError, ValueError):
        return False
    return message.topic == topic and json.loads(message.payload) == said

"""The fleet in short, and that its verdict can be a bad one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from edge_daemon.domain import Entry
from edge_daemon.mqtt import messages
from tests.campaigns.fleet.devices import Ledger
from tests.campaigns.fleet.listener import Heard
from tests.campaigns.fleet.verdict import Verdict, verdict
from tests.support.records import numbered_reading

ROOT = Path(__file__).parents[3]


def heard(number: int, seq: int, at: float, replayed: bool = False) -> Heard:
    message = messages.encode_record(
        "a", "candidates", Entry(seq, f"a/00000001/{seq}", True, numbered_reading(number)), replayed
    )
    return Heard(message.topic, message.payload, at)


def counts(found: Verdict) -> tuple[int, ...]:
    return found.delivered, found.lost, found.waiting, found.lost_by_broker, found.duplicate, found.out_of_order


@pytest.mark.parametrize(
    ("received", "acknowledged", "waiting", "expected", "good"),
    [
        ([heard(3, 1, 9), heard(6, 2, 9)], [3, 6], [], (2, 0, 0, 0, 0, 0), True),
        ([heard(3, 1, 9)], [3], [], (1, 1, 0, 0, 0, 0), False),
        ([heard(3, 1, 9)], [3], [6], (1, 0, 1, 0, 0, 0), False),
        ([heard(3, 1, 9)], [3, 6], [], (1, 0, 0, 1, 0, 0), True),
        ([heard(3, 1, 9), heard(6, 2, 9)], [3], [6], (2, 0, 0, 0, 0, 0), True),
        ([heard(3, 1, 9), heard(3, 1, 9), heard(6, 2, 9)], [3, 6], [], (2, 0, 0, 0, 1, 0), True),
        ([heard(6, 2, 9), heard(3, 1, 9)], [3, 6], [], (2, 0, 0, 0, 0, 1), False),
    ],
    ids=["good", "lost", "waiting", "lost by the broker", "acknowledgement lost", "twice", "out of order"],
)
def test_verdict(
    received: list[Heard], acknowledged: list[int], waiting: list[int], expected: tuple[int, ...], good: bool
) -> None:
    """What is missing is our fault unless the broker had acknowledged it; order counts, repetition does not."""
    found = verdict([Ledger("a", {3: 1.0, 6: 2.0}, acknowledged, waiting, 1)], received)
    assert (counts(found), found.good) == (expected, good)


def test_latency() -> None:
    """From the put to the subscriber; what came late is told apart."""
    ledger = Ledger("a", {3: 1.0, 6: 2.0, 9: 3.0}, [], [], 1)
    found = verdict([ledger], [heard(9, 3, 3.5), heard(3, 1, 5.0, replayed=True), heard(6, 2, 6.0, replayed=True)])
    assert (found.latency_ms["max"], found.late_latency_ms["median"], found.late) == (500.0, 4000.0, 2)


def test_nothing_stored_is_not_good() -> None:
    """A run in which nothing happened shows nothing."""
    assert not verdict([Ledger("a", {}, [], [], 0)], []).good


@pytest.mark.slow
def test_short_run() -> None:
    """Ten devices, a mosquitto that restarts: all that was stored arrives, and all have connected twice."""
    terms = {"devices": 10, "minutes": 0.1, "every": 0.3, "down": 1}
    command = [str(ROOT / "scripts/campaign"), "fleet", "--json", *(f"--{k}={v}" for k, v in terms.items())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["delivered"] == found["stored"] > 50
    assert (found["devices"], found["connects"], found["lost"], found["late"] > 0) == (10, 20, 0, True)

"""The crash campaign in short, and that its verdict can be a bad one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edge_daemon.domain import Entry
from edge_daemon.mqtt import messages
from tests.campaigns.crash.verdict import Verdict, judge
from tests.campaigns.crash.worker import DEVICE
from tests.support.records import numbered_reading

ROOT = Path(__file__).parents[3]


def heard(number: int, seq: int, replayed: bool = False, **changes: object) -> tuple[str, bytes]:
    record = replace(numbered_reading(number), **changes)  # type: ignore[arg-type]
    message = messages.encode_record(
        DEVICE, "candidates", Entry(seq, f"{DEVICE}/00000001/{seq}", True, record), replayed
    )
    return message.topic, message.payload


@pytest.mark.parametrize(
    ("stored", "received", "verdict"),
    [
        ([1, 4], [heard(1, 1), heard(4, 2)], Verdict(2, 2, 0, 0, 0, 0)),
        ([1, 4], [heard(1, 1)], Verdict(2, 1, 0, 1, 0, 0)),
        ([1], [heard(1, 1), heard(1, 1), heard(4, 2)], Verdict(1, 2, 1, 0, 0, 0)),
        ([1, 4], [heard(4, 2), heard(1, 1)], Verdict(2, 2, 0, 0, 1, 0)),
        ([1, 4], [heard(1, 1), heard(4, 2), heard(1, 1)], Verdict(2, 2, 1, 0, 0, 0)),
        ([1, 4], [heard(4, 2), heard(1, 1, replayed=True)], Verdict(2, 2, 0, 0, 0, 0)),
        ([1], [heard(1, 1, unit="kg")], Verdict(1, 1, 0, 0, 0, 1)),
        ([1], [heard(1, 1, field="f2")], Verdict(1, 1, 0, 0, 0, 1)),
    ],
    ids=["good", "lost", "twice", "reordered", "repeated", "late is another topic", "wrong", "wrong field"],
)
def test_verdict(stored: list[int], received: list[tuple[str, bytes]], verdict: Verdict) -> None:
    """What is lost, twice, out of order or wrong is counted as such; all but repetition is bad."""
    assert judge(stored, received) == verdict
    assert judge(stored, received).good is (verdict.lost + verdict.reordered + verdict.wrong == 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_short_campaign() -> None:
    """Kills, broker restarts, full and read-only disks, damaged files: nothing stored is lost, every start works."""
    command = [str(ROOT / "scripts/campaign"), "crash", "--kills", "60", "--damage", "60", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["good"] is True
    assert report["kills"]["stored"] > 60
    assert report["disks"]["stored"] > 0
    assert report["damage"]["salvaged"] > 0

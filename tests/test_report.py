"""What the daemon says of itself: health by the minute, problem when it changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from edge_daemon.board import Board
from edge_daemon.courier import Courier
from edge_daemon.domain import Status
from edge_daemon.outbox import Options, Outbox
from edge_daemon.report import EVERY, Report
from tests import contract
from tests.records import event, reading


class Delivery:
    """A courier's word on itself, to order."""

    connects = 2

    def __init__(self) -> None:
        self.wrong: dict[str, str] = {}

    def problems(self) -> dict[str, str]:
        return dict(self.wrong)


class Bench:
    """A report with a clock that the test turns."""

    def __init__(self, folder: Path, bare_value: bool = False) -> None:
        self.time = 1000.0
        self.outbox, self.board, self.delivery = Outbox(folder, "dock3", Options(max_size="1MB")), Board(), Delivery()
        courier = cast(Courier, self.delivery)
        self.report = Report("dock3", self.board, self.outbox, courier, bare_value, now=lambda: self.time)

    def newest(self, ending: str) -> Any:
        """The newest payload on the topic with this ending; None: nothing was said there."""
        found = [message.payload for message in self.board.newest() if message.topic.endswith(ending)]
        return (json.loads(found[0]) if found[0] else "") if found else None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state")
    yield made
    made.outbox.close()


def test_health_comes_by_the_minute(bench: Bench) -> None:
    """At the start, then each minute, whatever happens in between; and it keeps its schema."""
    bench.report.tick()
    first = bench.newest("/health")
    assert first["frames"] == 0
    bench.report.frame(0.02)
    bench.time += EVERY - 1
    bench.report.tick()
    assert bench.newest("/health") == first
    bench.time += 1
    bench.report.tick()
    assert bench.newest("/health")["frames"] == 1
    assert contract.check_all((m.topic, m.payload) for m in bench.board.newest()) == {"health", "problem"}


def test_health_counts(bench: Bench) -> None:
    """Frames and their latencies, readings by status, the queue, the age of the last good reading."""
    for took in (0.01, 0.02, 0.03):
        bench.report.frame(took)
    for record in (
        reading(), reading(status=Status.NO_DIGITS), reading(status=Status.NO_DIGITS), reading(gone=True), event(),
    ):  # fmt: skip
        bench.outbox.put(record)
        bench.report.said(record)
    bench.time += 12
    facts = bench.report.health()
    assert facts["frame_ms"]["median"] == 20.0
    assert (facts["accepted"], facts["rejected"]) == (1, {"no_digits": 2})
    assert facts["queue"]["waiting"] == 5
    assert facts["last_good_age_s"] == facts["uptime_s"] == 12
    assert facts["connects"] == 2
    assert facts["rss_bytes"] > 10**6
    assert facts["fds"] > 2


def test_problem_is_posted_when_it_changes(bench: Bench) -> None:
    """OFF at the start; ON with code and text while something is wrong; OFF again. Nothing new is not said again."""
    bench.report.tick()
    assert bench.newest("/problem") == {"state": "OFF", "codes": [], "text": ""}
    bench.delivery.wrong = {"client_id_in_use": "two of us"}
    bench.report.tick()
    assert bench.newest("/problem") == {"state": "ON", "codes": ["client_id_in_use"], "text": "two of us"}
    posted = bench.board.newest()
    bench.report.tick()
    assert [id(message) for message in bench.board.newest()] == [id(message) for message in posted]
    bench.delivery.wrong = {}
    bench.report.tick()
    assert bench.newest("/problem")["state"] == "OFF"


def test_what_was_dropped_is_a_problem(bench: Bench) -> None:
    """When readings had to make room in the outbox, how many is told."""
    many = reading(candidates=tuple((f"{n:0900d}", 0.1) for n in range(3)))
    while not bench.outbox.dropped:
        bench.outbox.put(many)
    bench.report.tick()
    assert bench.newest("/problem")["codes"] == ["outbox_dropped"]
    assert str(bench.outbox.dropped) in bench.newest("/problem")["text"]


def test_damage_to_the_outbox_is_a_problem(bench: Bench) -> None:
    """Salvaged and lost records are told."""
    bench.outbox.salvaged, bench.outbox.lost = 5, 1
    assert "5 records were salvaged, 1 lost" in bench.report.problems()["outbox_damaged"]


def test_bare_value(tmp_path: Path) -> None:
    """On wish the number alone has a topic of its own, which is cleared with the reading; by default it has none."""
    for wanted in (True, False):
        bench = Bench(tmp_path / str(wanted), wanted)
        bench.report.said(reading(4711, field="auto-1"))
        assert bench.newest("/reading/auto-1/value") == (4711 if wanted else None)
        bench.report.said(reading(4711, field="auto-1", gone=True))
        assert bench.newest("/reading/auto-1/value") == ("" if wanted else None)
        bench.report.said(replace(reading(field="serial"), text="007", value=None))
        assert bench.newest("/reading/serial/value") is None
        bench.outbox.close()

"""The daemon's own state: health every minute, problem when it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import UNSET

from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox, OutboxOptions
from edge_daemon.domain import Status
from edge_daemon.mqtt.payloads import FrameTime
from edge_daemon.sources.reconnecting import ReconnectingCamera
from edge_daemon.system import machine
from edge_daemon.telemetry import exporters
from edge_daemon.telemetry.exporters import HealthFiles
from edge_daemon.telemetry.report import EVERY, HealthReport
from tests.support import schema_check
from tests.support.records import event, reading


class Delivery:
    """A courier whose problems the test sets."""

    connects = 2

    def __init__(self) -> None:
        self.wrong: dict[str, str] = {}

    def problems(self) -> dict[str, str]:
        return dict(self.wrong)


class Bench:
    """A HealthReport with a clock that the test sets."""

    def __init__(self, folder: Path, bare_value: bool = False) -> None:
        self.time = 1000.0
        self.outbox, self.last_values, self.delivery = (
            Outbox(folder, "dock3", OutboxOptions(max_size=1_000_000)),
            LastValueCache(),
            Delivery(),
        )
        courier = cast(Courier, self.delivery)
        self.camera = ReconnectingCamera("simulated", None, now=lambda: self.time)
        self.prometheus = folder / "edge.prom"
        files = HealthFiles("dock3", exporters.HealthOptions(prometheus_file=str(self.prometheus)), folder / "runtime")
        self.report = HealthReport(
            "dock3", self.last_values, self.outbox, courier, self.camera, files, bare_value, now=lambda: self.time
        )

    def newest(self, ending: str) -> Any:
        """The newest payload on the topic with this ending; None: there was none."""
        found = [message.payload for message in self.last_values.values() if message.topic.endswith(ending)]
        return (json.loads(found[0]) if found[0] else "") if found else None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state")
    yield made
    made.outbox.close()


def test_health_comes_by_the_minute(bench: Bench) -> None:
    """At the start, then each minute; and it keeps its schema."""
    bench.report.on_tick()
    first = bench.newest("/health")
    assert first["frames"] == 0
    bench.report.frame(0.02)
    bench.time += EVERY - 1
    bench.report.on_tick()
    assert bench.newest("/health") == first
    bench.time += 1
    bench.report.on_tick()
    assert bench.newest("/health")["frames"] == 1
    assert schema_check.check_all((m.topic, m.payload) for m in bench.last_values.values()) == {"health", "problem"}


def test_health_counts(bench: Bench) -> None:
    """Frames and their latencies, readings by status, the queue, the age of the last good reading."""
    for took in (0.01, 0.02, 0.03):
        bench.report.frame(took)
    for record in (
        reading(), reading(status=Status.NO_DIGITS), reading(status=Status.NO_DIGITS), reading(gone=True), event(),
    ):  # fmt: skip
        bench.outbox.put(record)
        bench.report.on_record(0, record)
    bench.time += 12
    facts = bench.report.health()
    assert facts.frame_ms == FrameTime(20.0, 29.0)
    assert (facts.accepted, facts.rejected) == (1, {"no_digits": 2})
    assert facts.queue.waiting == 5
    assert facts.last_good_age_s == facts.uptime_s == 12
    assert facts.connects == 2
    assert facts.rss_bytes
    assert facts.rss_bytes > 10**6
    assert facts.fds
    assert facts.fds > 2


def test_problem_is_posted_when_it_changes(bench: Bench) -> None:
    """OFF at the start; ON with code and text while something is wrong; then OFF. Only changes are published."""
    bench.report.on_tick()
    assert bench.newest("/problem") == {"state": "OFF", "codes": [], "text": ""}
    bench.delivery.wrong = {"client_id_in_use": "two of us"}
    bench.report.on_tick()
    assert bench.newest("/problem") == {"state": "ON", "codes": ["client_id_in_use"], "text": "two of us"}
    posted = bench.last_values.values()
    bench.report.on_tick()
    assert [id(message) for message in bench.last_values.values()] == [id(message) for message in posted]
    bench.delivery.wrong = {}
    bench.report.on_tick()
    assert bench.newest("/problem")["state"] == "OFF"


def test_dropped_readings_are_a_problem(bench: Bench) -> None:
    """The number of readings that the outbox has dropped is reported."""
    many = reading(candidates=tuple((f"{n:0900d}", 0.1) for n in range(3)))
    while not bench.outbox.dropped:
        bench.outbox.put(many)
    bench.report.on_tick()
    assert bench.newest("/problem")["codes"] == ["outbox_dropped"]
    assert str(bench.outbox.dropped) in bench.newest("/problem")["text"]


def test_damage_to_the_outbox_is_a_problem(bench: Bench) -> None:
    """The numbers of salvaged and lost records are reported."""
    bench.outbox.salvaged, bench.outbox.lost = 5, 1
    assert "5 records were salvaged, 1 lost" in bench.report.problems()["outbox_damaged"]


def test_bare_value(tmp_path: Path) -> None:
    """If configured, the number alone has its own topic, which is cleared with the reading."""
    for wanted in (True, False):
        bench = Bench(tmp_path / str(wanted), wanted)
        bench.report.on_record(0, reading(4711, field="auto-1"))
        assert bench.newest("/reading/auto-1/value") == (4711 if wanted else None)
        bench.report.on_record(0, reading(4711, field="auto-1", gone=True))
        assert bench.newest("/reading/auto-1/value") == ("" if wanted else None)
        bench.report.on_record(0, replace(reading(field="serial"), text="007", value=None))
        assert bench.newest("/reading/serial/value") is None
        bench.outbox.close()


def test_health_is_there_for_programs_on_this_machine(bench: Bench) -> None:
    """The same figures are in the runtime folder and, in its own format, in Prometheus' file."""
    bench.report.frame(0.02)
    bench.report.on_record(0, reading(status=Status.TOO_DARK))
    bench.delivery.wrong = {"broker_refuses": "will not take it"}
    bench.report.on_tick()
    told = exporters.read(bench.prometheus.parent / "runtime")
    assert told is not None
    assert (told["frames"], told["problems"]) == (1, {"broker_refuses": "will not take it"})
    lines = bench.prometheus.read_text().splitlines()
    assert 'edge_daemon_frames{device="dock3"} 1' in lines
    assert "# TYPE edge_daemon_frames counter" in lines
    assert 'edge_daemon_rejected{device="dock3",kind="too_dark"} 1' in lines
    assert 'edge_daemon_problem{device="dock3",kind="broker_refuses"} 1' in lines
    sample = re.compile(r'edge_daemon_[a-z0-9_]+{device="dock3"(,kind="[a-z0-9_]+")?} -?[0-9.e+-]+')
    assert [line for line in lines if not line.startswith("# ") and not sample.fullmatch(line)] == []


def test_large_counters_are_not_rounded() -> None:
    """Large counters are not rounded, nor are fractions."""
    told = exporters.as_prometheus(
        "dock3", {"frames": 123456789, "written_bytes": 8_765_432_109, "frame_age_s": 0.25}, {}
    )
    assert 'edge_daemon_frames{device="dock3"} 123456789\n' in told
    assert 'edge_daemon_written_bytes{device="dock3"} 8765432109\n' in told
    assert 'edge_daemon_frame_age_s{device="dock3"} 0.25\n' in told


def test_health_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that cannot be used is logged once, not each minute."""
    (tmp_path / "file").touch()
    files = HealthFiles("dock3", exporters.HealthOptions(prometheus_file=str(tmp_path / "file" / "x.prom")), None)
    for _ in range(3):
        files.write({"frames": 1}, {})
    assert len([record for record in caplog.records if "x.prom" in record.message]) == 1


def pi(root: Path, word: str, alarm: str, heat: str) -> None:
    """The files in which a Raspberry Pi's kernel reports temperature and voltage."""
    for name, text in {
        "class/thermal/thermal_zone0/temp": heat,
        "class/hwmon/hwmon0/name": "cpu_thermal\n",
        "class/hwmon/hwmon1/name": "rpi_volt\n",
        "class/hwmon/hwmon1/in0_lcrit_alarm": alarm,
        "devices/platform/soc/soc:firmware/get_throttled": word,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_weak_supply_and_heat_are_problems(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under-voltage and 81 degrees are problems with their remedy, for as long as they last."""
    monkeypatch.setattr(machine, "SYS", tmp_path / "sys")
    pi(tmp_path / "sys", "50005\n", "1\n", "81234\n")
    bench.report.on_tick()
    bench.report.on_tick()
    assert bench.newest("/health")["throttled"] == "0x50005"
    assert set(bench.newest("/problem")["codes"]) == {"under_voltage", "too_hot"}
    assert machine.decode_throttled("0x50005") == ["under-voltage", "throttled"]
    pi(tmp_path / "sys", "50000\n", "0\n", "41000\n")
    bench.time += EVERY
    bench.report.on_tick()
    bench.report.on_tick()
    assert bench.newest("/problem")["codes"] == ["camera_timeout"]  # a minute went by


def test_bytes_written_a_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate is known half an hour after the start: 1 MB in an hour is 24 MB a day."""
    before = machine.bytes_written() or 0
    monkeypatch.setattr(machine, "bytes_written", lambda: before)
    bench.report._written = before
    assert bench.report.health().written_bytes_per_day is UNSET
    monkeypatch.setattr(machine, "bytes_written", lambda: before + 10**6)
    bench.time += 3600
    assert bench.report.health().written_bytes_per_day == 24 * 10**6


def test_a_camera_that_is_silent_is_a_problem(bench: Bench) -> None:
    """Half a minute without a frame, also if the camera reports no error."""
    bench.time += 31
    bench.report.on_tick()
    assert bench.newest("/problem")["codes"] == ["camera_timeout"]

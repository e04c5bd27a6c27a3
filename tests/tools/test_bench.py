"""`edge-daemon bench`: every stage, on every kind of frame, beside its floor. What it measures is nobody's promise."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from edge_daemon.inference.runtime import RUNTIMES
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.tools import bench
from edge_daemon.tools.stopwatch import Stopwatch


@pytest.fixture(scope="module")
def measured() -> bench.Result:
    return bench.measure(range(2))


def test_all_stages_are_measured_on_all_frames(measured: bench.Result) -> None:
    """Three sizes, with ten digits and with none; each stage is there, and what has work to do took time."""
    assert [(v.size, v.digits) for v in measured.views] == [(size, n) for size in bench.SIZES for n in (10, 0)]
    for view in measured.views:
        assert list(view.stages) == ["capture", "cut", "segment", "sieve", "classify", "read", "whole"]
        took = {name for name, cost in view.stages.items() if cost.ms > 0}
        assert took >= {"capture", "cut", "segment", "whole"}
        assert view.digits == 0 or took == set(view.stages)
    assert measured.rounds == 2
    assert measured.model.startswith("digits@")
    assert any(measured.interpreter.startswith(package) for package in RUNTIMES)
    assert measured.processor


def test_a_floor_is_its_pixels_and_its_digits(measured: bench.Result) -> None:
    """Touching every pixel once, and one invocation a digit; multiples are of that floor."""
    assert measured.invoke_ms > 0
    for view in measured.views:
        assert view.touch_ms > 0
        assert view.floor_ms == pytest.approx(view.touch_ms + view.digits * measured.invoke_ms)
        for cost in view.stages.values():
            assert cost.multiple * view.floor_ms == pytest.approx(cost.ms)
        assert list(view.still) == list(bench.STILL) == [0, 1, 4]
        assert all(cost.ms > 0 and cost.multiple > 0 for cost in view.still.values())


def test_a_stage_is_not_charged_for_the_one_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """outer 1 s, inner 2 s, outer 4 s: 5 s and 2 s; called again, the same on top."""
    ticks: Iterator[float] = iter([0, 1, 3, 7, 10, 11, 13, 17])
    monkeypatch.setattr("edge_daemon.tools.stopwatch.process_time", lambda: next(ticks))
    watch = Stopwatch()
    assert watch.time("outer", lambda: watch.time("inner", max, 1, 2)) == 2
    assert watch.lap == {"outer": 5, "inner": 2}
    watch.time("outer", lambda: watch.time("inner", max, 1, 2))
    assert watch.lap == {"outer": 10, "inner": 4}


def test_a_round_that_spends_the_budget_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is given fewer rounds, at least one."""
    monkeypatch.setattr(bench, "BUDGET", 0.0)
    monkeypatch.setattr(bench, "SIZES", ((320, 240),))
    assert bench.measure(range(1000)).rounds == 1


@pytest.mark.parametrize("size", bench.SIZES)
def test_the_page_holds_what_is_said_of_it(size: tuple[int, int]) -> None:
    """Ten digits are written in every frame, and none on the other page; frames are as large as said."""
    for digits in bench.PAGES:
        camera = SimulatedCamera(replace(bench.PAGE, size=size, numbers=bench.PAGES[digits]))
        for seq in (0, bench.ROUNDS):
            assert sum(len(truth.text) for truth in camera.truth_at(seq)) == digits
        for frame in islice(bench.frames(size, digits), 2):
            assert frame.pixels.shape == size[::-1]


def test_the_network_of_one_op_answers() -> None:
    """It gives the brightest pixel of each picture: it was invoked, and on that picture."""
    pictures = np.random.default_rng(0).integers(0, 200, (3, *bench.FLOOR_PICTURE)).astype(np.uint8)
    said = bench.floor_network().logits(pictures)[:, 0]
    assert said == pytest.approx(pictures.max(axis=(1, 2, 3)) / 255)


def test_the_table_shows_every_figure(measured: bench.Result) -> None:
    """A column for each view, rows for floor and stages, what it ran on; no line wider than a terminal of 120."""
    lines = bench.as_table(measured).splitlines()
    assert [line.split()[0] for line in lines[2:13]] == ["floor", *["still"] * 3, *bench.STAGES]
    assert all(len(line.split()) == 2 + 2 * len(measured.views) for line in lines[3:6])
    assert all(len(line.split()) == 1 + 2 * len(measured.views) for line in lines[6:13])
    assert all(len(line) <= 120 for line in lines[:-1])
    assert measured.processor in lines[-1]
    assert measured.interpreter in lines[-1]


@pytest.mark.slow
def test_bench_json_is_one_line() -> None:
    """The command, whole: one line of JSON on stdout, no progress on stderr where nobody watches, exit code 0."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_daemon", "bench", "--json"], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    assert "measuring" not in done.stderr
    (line,) = done.stdout.splitlines()
    said: dict[str, Any] = json.loads(line)
    assert list(said) == ["processor", "interpreter", "model", "rounds", "invoke_ms", "views"]
    for view in said["views"]:
        assert list(view) == ["size", "digits", "touch_ms", "floor_ms", "still", "stages"]
        costs = (*view["stages"].values(), *view["still"].values())
        assert all(list(cost) == ["ms", "multiple"] for cost in costs)

"""Recorded days through `edge-daemon replay`: what is published, and when."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner

from edge_daemon.cli.main import cli
from edge_daemon.sources.simulated.scene import Scene
from tests.support.pictures.recordings import (
    CLEAR,
    COMING,
    HOUR,
    LAMP,
    LATE,
    NIGHT,
    OVER,
    Recorded,
    configuration,
    record,
    told,
)
from tests.support.pictures.scenarios import SIZE, write

MONOTONE = {"format": "####", "monotone": True, "accept_after": "20s"}
END = (None, CLEAR)

RECORDED = [
    Recorded("rewritten",
             [(0, "2847", CLEAR), (5, "", CLEAR), (6, "2856", CLEAR), (11, *END)],
             [(0, "ok 2847"), (6, "ok 2856")]),
    Recorded("night and morning", [
        (0, "2847", CLEAR), (5, "2847", NIGHT), (10, None, NIGHT),
        (9 * HOUR, "2847", NIGHT), (9 * HOUR + 5, "2847", CLEAR), (9 * HOUR + 10, *END)],
        [(0, "ok 2847"), (5, "too_dark 2847"), (9 * HOUR + 5, "ok 2847")]),
    Recorded("changed while nobody looked", [
        (0, "2847", CLEAR), (5, None, CLEAR), (12 * HOUR, "2856", CLEAR), (12 * HOUR + 6, *END)],
        [(0, "ok 2847"), (12 * HOUR, "ok 2856")]),
    Recorded("changed by night", [
        (0, "2847", CLEAR), (5, "2847", NIGHT), (8, "2856", NIGHT), (9 * HOUR, "2856", CLEAR), (9 * HOUR + 6, *END)],
        [(0, "ok 2847"), (5, "too_dark 2847"), (9 * HOUR, "ok 2856")], every={8: 600}),
    Recorded("a hand writes digit by digit", [
        (0, "", CLEAR), (4, "2", COMING), (5.5, "28", COMING), (7, "284", COMING), (8.5, "2847", COMING),
        (10, "2847", CLEAR), (15, *END)],
        [(0, "no_digits -"), (4, "obstructed -"), (10, "ok 2847")]),
    Recorded("digit by digit with a format, and no hand is seen", [
        (0, "2", CLEAR), (3, "28", CLEAR), (6, "2847", CLEAR), (11, *END)],
        [(0, "wrong_format -"), (6, "ok 2847")], {"format": "####"}),
    Recorded("a hand rests on the last digits for half an hour", [
        (0, "2847", CLEAR), (5, "2847", COMING), (10, "2847", COMING), (HOUR / 2, "2847", CLEAR),
        (HOUR / 2 + 5, *END)],
        [(0, "ok 2847"), (5, "obstructed 2847"), (HOUR / 2, "ok 2847")], every={10: 20}),
    Recorded("and a new number stands under it", [
        (0, "2847", CLEAR), (5, "2847", COMING), (8, "2856", COMING), (HOUR / 4, "2856", CLEAR),
        (HOUR / 4 + 5, *END)],
        [(0, "ok 2847"), (5, "obstructed 2847"), (HOUR / 4, "ok 2856")], every={8: 20}),
    Recorded("a hand rests on the whole field", [
        (0, "2847", CLEAR), (5, "2847", OVER), (10, "2847", OVER), (HOUR / 4, "2847", CLEAR), (HOUR / 4 + 5, *END)],
        [(0, "ok 2847"), (5, "obstructed 2847"), (HOUR / 4, "ok 2847")], every={10: 20}),
    Recorded("a lamp is mirrored for a quarter of an hour", [
        (0, "2847", CLEAR), (5, "2847", LAMP), (10, "2847", LAMP), (HOUR / 4, "2847", CLEAR), (HOUR / 4 + 5, *END)],
        [(0, "ok 2847"), (5, "glare 2847"), (HOUR / 4, "ok 2847")], every={10: 20}),
    Recorded("the meter is swapped", [
        (0, "9217", CLEAR), (5, "", CLEAR), (8, "0034", CLEAR), (34, *END)],
        [(0, "ok 9217"), (5, "no_digits 9217"), (8, "not_monotone 9217"), (8, "reading_rejected 0034"),
         (28, "ok 0034"), (28, "reading_corrected 0034")], MONOTONE),
    Recorded("a rate loosens over night", [
        (0, "2847", CLEAR), (5, "2856", CLEAR), (10, None, CLEAR), (HOUR, "2856", CLEAR), (HOUR + 5, *END)],
        [(0, "ok 2847"), (5, "rate_too_high 2847"), (5, "reading_rejected 2856"), (HOUR, "ok 2856")],
        {"format": "####", "max_rate": "20/h", "accept_after": "1d"}),
    Recorded("all round again", [
        (0, "9984", CLEAR), (5, "0003", CLEAR), (10, *END)],
        [(0, "ok 9984"), (5, "ok 0003")], {"format": "####", "monotone": True, "wrap": True}),
]  # fmt: skip
QUICK = {"rewritten", "changed while nobody looked"}


def replay(*arguments: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(cli, ["replay", "--json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(s, id=s.name, marks=[] if s.name in QUICK else [pytest.mark.slow]) for s in RECORDED],
)
def test_what_is_published_of_a_recording(scenario: Recorded, tmp_path: Path) -> None:
    """Exactly the rows of the table, each soon after its cause, on the clock of the recording."""
    folder, config = tmp_path / "day", tmp_path / "edge.toml"
    folder.mkdir()
    record(scenario, folder)
    config.write_text(configuration(scenario))
    said = told(replay(str(folder), "--config", str(config)))
    assert [what for _, what in said] == [what for _, what in scenario.said]
    for (at, what), (cause, _) in zip(said, scenario.said, strict=True):
        assert cause <= at <= cause + 1 + LATE, what


def test_a_film_of_a_day(tmp_path: Path) -> None:
    """The simulated camera as a motion JPEG video: both numbers, at the times of the video."""
    path, scene = tmp_path / "day.avi", Scene(5, "whiteboard", SIZE)
    film = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), 10.0, SIZE)
    for seq in range(80):
        if seq in (0, 40):
            write(scene, "2856" if seq else "2847")
        film.write(cv2.cvtColor(scene.shot(seq), cv2.COLOR_GRAY2BGR))
    film.release()
    config = tmp_path / "edge.toml"
    config.write_text(configuration(Recorded("", [], [])))
    said = replay(str(path), "--config", str(config))
    assert [line["text"] for line in said if "status" in line] == ["2847", "2856"]


@pytest.mark.slow
@pytest.mark.skipif("EDGE_DAEMON_DATA" not in os.environ, reason="EDGE_DAEMON_DATA names no folder with dev/video")
def test_a_film_of_real_paper() -> None:
    """From each video exactly the numbers of its truth, and never another one."""
    folder = Path(os.environ["EDGE_DAEMON_DATA"]) / "dev" / "video"
    truth = json.loads((folder / "truth.json").read_text())
    for name, there in truth.items():
        said = replay(str(folder / name))
        assert sorted({line["text"] for line in said if line.get("status") == "ok"}) == sorted(there["numbers"])

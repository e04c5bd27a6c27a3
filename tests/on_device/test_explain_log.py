"""The last readings are kept with their pictures, and explained as text and as one picture."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_daemon.cli.main import cli
from edge_daemon.domain import Digit, Event, Frame, Patch, Reading, Status
from edge_daemon.errors import ExplainError
from edge_daemon.on_device.explain_log import MAX_READINGS, ReadingLog
from edge_daemon.tools.explain import WHY, as_text, draw, find
from tests.support.pictures.paper import page

PIXELS = page([("42", 100, 100)])
DIGITS = (
    Digit((("4", 0.97), ("9", 0.02), ("1", 0.01)), (100, 100, 30, 40)),
    Digit((("2", 0.9), ("7", 0.06), ("3", 0.04)), (136, 100, 28, 40)),
)


def reading(status: Status = Status.OK, field: str = "tank") -> Reading:
    candidates = (("42", 0.87), ("47", 0.06))
    return Reading(field, status, "42", 42, None, 0.87, candidates, DIGITS, (4, 5), 5.0, 5.0, "d", "cpu")


def patch(field: str | None = "tank", status: Status = Status.OK) -> Patch:
    """The upper left of the frame, as a field or as the whole frame."""
    frame = Frame(0, 5.0, 5.0, PIXELS)
    if field is None:
        return Patch(None, frame, PIXELS, np.eye(3), status)
    there = np.array([[1.0, 0, 80], [0, 1.0, 90], [0, 0, 1.0]])
    return Patch(field, frame, PIXELS[90:160, 80:200], there, status)


def test_a_reading_is_kept_with_its_patch_and_digits(tmp_path: Path) -> None:
    """Boxes are those of the patch, candidates and votes those of the reading."""
    log = ReadingLog(tmp_path / "log")
    log.on_patch(patch(), [])
    log.on_record(81, reading())
    told = find([tmp_path / "nothing", tmp_path / "log"], "last")
    assert (told.seq, told.field, told.votes, told.candidates[0]) == (81, "tank", (4, 5), ("42", 0.87))
    assert [digit.box for digit in told.digits] == [(20, 10, 30, 40), (56, 10, 28, 40)]
    picture = cv2.imdecode(np.frombuffer(told.picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(picture, PIXELS[90:160, 80:200])


@pytest.mark.parametrize(("width", "height"), [(13_000, 8), (2, 5000), (1, 1)])
def test_a_patch_of_any_shape_is_kept(tmp_path: Path, width: int, height: int) -> None:
    """A large one is shrunk; no side becomes shorter than one pixel. It can also be drawn."""
    log = ReadingLog(tmp_path)
    pixels = np.full((height, width), 200, np.uint8)
    log.on_patch(Patch("tank", Frame(0, 5.0, 5.0, pixels), pixels, np.eye(3), Status.OK), [])
    log.on_record(7, reading())
    told = find([tmp_path], "7")
    assert max(cv2.imdecode(np.frombuffer(told.picture, np.uint8), cv2.IMREAD_GRAYSCALE).shape) <= 640
    assert draw(told).shape[2] == 3


def test_of_the_whole_frame_the_number_is_kept(tmp_path: Path) -> None:
    """Without fields the picture is the number and its surroundings."""
    log = ReadingLog(tmp_path)
    log.on_patch(patch(None), [])
    log.on_record(7, reading(field="auto-1"))
    told = find([tmp_path], "7")
    picture = cv2.imdecode(np.frombuffer(told.picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    x, y, w, h = told.digits[1].box
    assert picture.shape[1] < 200
    assert np.array_equal(picture[y : y + h, x : x + w], PIXELS[100:140, 136:164])


def test_only_the_last_are_kept_over_restarts_too(tmp_path: Path) -> None:
    """The log is limited; the oldest are removed; a new daemon continues it."""
    for start in (1000, 0):  # numbers may begin anew
        log = ReadingLog(tmp_path)
        log.on_patch(patch(), [])
        for seq in range(start, start + MAX_READINGS):
            log.on_record(seq, reading())
            os.utime(tmp_path / f"{seq}.json", ns=(seq - 2 * start, seq - 2 * start))
    assert len(list(tmp_path.iterdir())) == MAX_READINGS
    assert find([tmp_path], "last").seq == MAX_READINGS - 1


def test_events_and_what_is_gone_are_not_kept(tmp_path: Path) -> None:
    """They have no picture."""
    log = ReadingLog(tmp_path)
    log.on_record(1, reading())  # nothing was seen yet
    log.on_patch(patch(), [])
    log.on_record(2, Event("reading_changed", "tank", 5.0, {}))
    with pytest.raises(ExplainError, match="no readings are kept"):
        find([tmp_path], "last")


def test_other_users_have_no_access(tmp_path: Path) -> None:
    """Only the daemon's user and group can enter the folder."""
    ReadingLog(tmp_path / "log")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o750


def test_a_folder_that_cannot_be_used_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, no error: readings go on without it."""
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        log = ReadingLog(tmp_path / "file" / "log")
        log.on_patch(patch(), [])
        log.on_record(1, reading())
        log.on_record(2, reading())
    assert len(caplog.records) == 1


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_explained(tmp_path: Path, status: Status) -> None:
    """Each status has an explanation in words; the picture is drawn for all."""
    assert status in WHY
    log = ReadingLog(tmp_path)
    log.on_patch(patch(status=status), [])
    log.on_record(3, reading(status))
    told = find([tmp_path], "last")
    assert WHY[status] in as_text(told)[0]
    picture = draw(told)
    assert picture.shape[2] == 3
    assert (picture < 250).mean() > 0.05


def test_the_command_tells_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`edge-daemon explain 5 --picture FILE` prints the digits with their candidates, and writes the picture."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    log = ReadingLog(tmp_path / "explain")
    log.on_patch(patch(), [])
    log.on_record(5, reading(Status.WRONG_FORMAT))
    done = CliRunner().invoke(cli, ["explain", "5", "--picture", str(tmp_path / "why.png")])
    assert done.exit_code == 0
    assert "wrong_format" in done.output
    assert "digit 2    2 90.0%   7 6.0%   3 4.0%" in done.output
    assert cv2.imread(str(tmp_path / "why.png")) is not None
    missing = CliRunner().invoke(cli, ["explain", "9"])
    assert isinstance(missing.exception, ExplainError)
    assert str(missing.exception).endswith("Stored are 5")


def test_a_picture_of_no_known_kind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--picture why.txt is refused, with a name that would work."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    log = ReadingLog(tmp_path / "explain")
    log.on_patch(patch(), [])
    log.on_record(5, reading())
    done = CliRunner().invoke(cli, ["explain", "--picture", str(tmp_path / "why.txt")])
    assert isinstance(done.exception, ExplainError)
    assert ".png" in str(done.exception)

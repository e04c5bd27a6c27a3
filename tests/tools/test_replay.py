"""A recording replayed says what the daemon would have published, on the recording's clock."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner
from PIL import Image

from edge_daemon.cli.main import cli
from edge_daemon.errors import PictureError
from edge_daemon.tools.replay import exif_time, recording
from tests.support.pictures.paper import page

CONFIG = """
[device]
id = "bench"
[[field]]
name = "units"
region = [0, 0, 640, 240]
format = "####"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures, one a second: 2021 five times, then 2019."""
    pictures = tmp_path / "day"
    pictures.mkdir()
    for i in range(10):
        path = pictures / f"img{i}.png"
        cv2.imwrite(str(path), page([("2021" if i < 5 else "2019", 120, 90)], pen=4, height=60))
        os.utime(path, (1_790_000_000 + i, 1_790_000_000 + i))
    return pictures


def lines(*arguments: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(cli, ["replay", "--json", *arguments], catch_exceptions=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_folder_with_a_configuration(folder: Path, tmp_path: Path) -> None:
    """The configured field's readings and events, each with its topic, at the times at which the files were changed."""
    config = tmp_path / "edge.toml"
    config.write_text(CONFIG)
    said = lines(str(folder), "--config", str(config))
    readings = [line for line in said if line["topic"] == "edge_daemon/bench/reading/units"]
    assert [r["text"] for r in readings] == ["2021", "2019"]
    assert [r["captured_at"] for r in readings] == ["2026-09-21T14:13:22.000Z", "2026-09-21T14:13:27.000Z"]
    events = [line["event_type"] for line in said if line["topic"] == "edge_daemon/bench/event"]
    assert events == ["reading_changed", "reading_changed"]


def test_a_video_without_configuration(tmp_path: Path) -> None:
    """Every number in the frame, on the clock of the video's time stamps."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 480))
    for _ in range(30):
        writer.write(cv2.cvtColor(page([("2021", 120, 90)], pen=4, height=60), cv2.COLOR_GRAY2BGR))
    writer.release()
    [reading, event] = lines(str(path))
    assert (reading["text"], event["event_type"]) == ("2021", "reading_changed")


def test_whose_clock(folder: Path) -> None:
    """The rate that was asked for, else EXIF, else the files' times; without any it is said what to give."""
    assert recording(str(folder)).clock == "when the files were last changed"
    asked = recording(str(folder), every=2.0)
    assert [at - asked.times[0] for at in asked.times] == [2.0 * i for i in range(10)]
    exif = Image.Exif()
    exif[0x0132] = "2026:11:24 08:00:00"
    photo = folder.parent / "photo"
    photo.mkdir()
    Image.new("L", (64, 64), 200).save(photo / "a.jpg", exif=exif)
    assert recording(str(photo)).clock == "when the pictures were taken (EXIF)"
    for path in folder.iterdir():
        os.utime(path, (5, 5))
    with pytest.raises(PictureError, match="--every 1s"):
        recording(str(folder))


@pytest.mark.parametrize(
    ("time", "offset", "fraction", "utc"),
    [
        ("2026:10:25 02:30:00", "+02:00", "", "2026-10-25T00:30:00"),
        ("2026:10:25 02:30:00", "+01:00", "", "2026-10-25T01:30:00"),
        ("2026:10:25 02:30:00", "-05:30\0", "25 ", "2026-10-25T08:00:00.250"),
    ],
)
def test_exif_offsets_and_fractions(tmp_path: Path, time: str, offset: str, fraction: str, utc: str) -> None:
    """The hour that comes twice in autumn is in the right order; two pictures of one second differ."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: time, 0x9011: offset, 0x9291: fraction})
    Image.new("L", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert exif_time(str(tmp_path / "a.jpg")) == datetime.fromisoformat(f"{utc}+00:00").timestamp()


def test_exif_without_an_offset_is_local_time(tmp_path: Path) -> None:
    """Also where the offset is damaged; where the time is damaged, another one is used."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "    :  :     :  :  ", 0x9004: "2026:10:25 02:30:00", 0x9012: "   :  "})
    Image.new("L", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert exif_time(str(tmp_path / "a.jpg")) == datetime(2026, 10, 25, 2, 30).timestamp()


def test_a_page_of_the_recording(folder: Path, tmp_path: Path) -> None:
    """Its values, and for each value that a rule withheld what it was, what came of it, and a cut-out of the field."""
    config, to = tmp_path / "edge.toml", tmp_path / "page"
    config.write_text(CONFIG + 'monotone = true\naccept_after = "1d"\n')
    lines(str(folder), "--config", str(config), "--report", str(to))
    text = (to / "index.html").read_text()
    assert "<td>2019<td>still so at the end<td><img alt='the field then' src='data:image/png" in text
    assert "2021, unchanged; withheld" in text

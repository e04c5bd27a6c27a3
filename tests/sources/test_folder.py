"""A folder into which somebody else lays pictures."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError
from edge_daemon.sources.files import FilesCamera, FilesOptions
from edge_daemon.sources.folder import Arrivals, watch_folder
from edge_daemon.sources.frame_rate import FrameRate
from edge_daemon.sources.image_file import load_grey
from tests.support.clock import FakeClock


def camera(options: FilesOptions) -> FilesCamera:
    """A camera whose time passes only between frames: no search of the folder is slow."""
    clock = FakeClock()
    return FilesCamera(options, clock.now, clock.sleep)


def lay(folder: Path, name: str, grey: int, age: float) -> Path:
    """A picture of one shade, changed so many seconds ago."""
    path = folder / name
    suffix = path.suffix if path.suffix in (".png", ".bmp") else ".jpg"
    path.write_bytes(cv2.imencode(suffix, np.full((40, 60), grey, np.uint8))[1].tobytes())
    at = time.time() - age
    os.utime(path, (at, at))
    return path


def test_the_newest_picture_is_what_the_camera_sees(tmp_path: Path) -> None:
    """None at first; then a picture, again and again, as old as its file; then a newer one. One that is half written
    is waited for, one that stays damaged is passed over."""
    source = camera(FilesOptions(str(tmp_path), active_fps=1000.0, watch=True))
    with closing(source.frames(0.01)) as frames:  # type: ignore[type-var]
        assert next(frames) is None
        first = lay(tmp_path, "b.png", 50, age=300)
        (tmp_path / "note.txt").touch()
        for _ in range(3):
            frame = next(frames)
            assert isinstance(frame, Frame)
            assert (frame.pixels[0, 0], frame.pixels.shape) == (50, (40, 60))
            assert frame.at == pytest.approx(first.stat().st_mtime)
        whole = lay(tmp_path, "a.png", 90, age=0)
        half = tmp_path / "half.png"
        half.write_bytes(whole.read_bytes()[:60])
        shutil.copystat(whole, half)
        whole.unlink()
        assert shade(next(frames)) == 50
        half.unlink()
        lay(tmp_path, "a.png", 90, age=0)
        assert shade(next(frames)) == 90
        damaged = tmp_path / "z.png"
        damaged.write_bytes(b"no picture")
        os.utime(damaged, (time.time() + 60, time.time() - 20 + 60))
        assert shade(next(frames)) == 90


def test_arrival_counts_and_not_the_date(tmp_path: Path) -> None:
    """A file dated 2031 is not shown for ever, and one dated 1970 is shown; no frame is taken in the future."""
    source = camera(FilesOptions(str(tmp_path), active_fps=1000.0, watch=True))
    with closing(source.frames(0.01)) as frames:  # type: ignore[type-var]
        for grey, age in ((50, -150_000_000.0), (90, 0.0), (130, time.time() - 3600.0)):
            lay(tmp_path, f"{grey}.png", grey, age)
            frame = next(frames)
            assert shade(frame) == grey
            assert frame is not None
            assert time.time() - 60 < frame.at <= time.time()
        lay(tmp_path, "50.png", 170, age=-150_000_000.0)  # the same name, written again
        assert shade(next(frames)) == 170


def test_a_picture_that_is_removed_stays_shown(tmp_path: Path) -> None:
    """An older picture is not shown as if it were new."""
    source = camera(FilesOptions(str(tmp_path), active_fps=1000.0, watch=True))
    with closing(source.frames(0.01)) as frames:  # type: ignore[type-var]
        lay(tmp_path, "old.png", 50, age=60)
        assert shade(next(frames)) == 50
        newer = lay(tmp_path, "new.png", 90, age=0)
        assert shade(next(frames)) == 90
        newer.unlink()
        assert shade(next(frames)) == 90


def test_what_is_no_regular_file_is_passed_over(tmp_path: Path) -> None:
    """Links, also dangling ones and loops, folders, FIFOs and unreadable files neither block nor hide a picture."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    watched = tmp_path / "watched"
    watched.mkdir()
    source = camera(FilesOptions(str(watched), active_fps=1000.0, watch=True))
    with closing(source.frames(0.01)) as frames:  # type: ignore[type-var]
        lay(watched, "first.png", 50, age=0)
        assert shade(next(frames)) == 50
        (watched / "link.png").symlink_to(lay(elsewhere, "secret.png", 200, age=0))
        (watched / "dangling.png").symlink_to(elsewhere / "none.png")
        (watched / "loop.png").symlink_to(watched / "loop.png")
        (watched / "folder.png").mkdir()
        os.mkfifo(watched / "fifo.png")
        assert shade(next(frames)) == 50
        lay(watched, "next.png", 90, age=0)
        (watched / "unreadable.png").write_bytes(b"no picture")
        (watched / "unreadable.png").chmod(0)
        assert shade(next(frames)) == 90


def test_folders_within_the_folder_are_watched(tmp_path: Path) -> None:
    """A recorder writes year/month/day/hour; hidden folders, and links to folders, are not searched."""
    watched, elsewhere = tmp_path / "watched", tmp_path / "elsewhere"
    watched.mkdir()
    elsewhere.mkdir()
    source = camera(FilesOptions(str(watched), active_fps=1000.0, watch=True))
    with closing(source.frames(0.01)) as frames:  # type: ignore[type-var]
        for grey, name in ((50, "2026/11/30/17/cam.jpg"), (90, "2026/12/01/00/cam.JFIF"), (130, "cam.jpe")):
            (watched / name).parent.mkdir(parents=True, exist_ok=True)
            lay(tmp_path, "next.jpg", grey, age=0).rename(watched / name)
            assert abs(shade(next(frames)) - grey) < 3
        (watched / ".trash").mkdir()
        lay(watched / ".trash", "old.png", 170, age=0)
        lay(elsewhere, "other.png", 210, age=0)
        (watched / "link").symlink_to(elsewhere)
        assert abs(shade(next(frames)) - 130) < 3


def test_a_picture_that_is_moved_is_not_new(tmp_path: Path) -> None:
    """At midnight a recorder moves pictures to another folder; one that was not shown yet is found there."""
    source = camera(FilesOptions(str(tmp_path), active_fps=1000.0, watch=True))
    with closing(source.frames(0.01)) as frames:  # type: ignore[type-var]
        old = lay(tmp_path, "old.png", 50, age=60)
        assert shade(next(frames)) == 50
        lay(tmp_path, "new.png", 90, age=0)
        assert shade(next(frames)) == 90
        (tmp_path / "archive").mkdir()
        old.rename(tmp_path / "archive/old.png")
        assert shade(next(frames)) == 90
    arrivals = Arrivals(str(tmp_path), lambda: 0.0)
    assert {Path(arrival.path).name for arrival in arrivals.waiting()} == {"old.png", "new.png"}
    (tmp_path / "archive/old.png").rename(tmp_path / "again.png")
    assert {Path(arrival.path).name for arrival in arrivals.waiting()} == {"again.png", "new.png"}


def test_a_single_file_that_is_overwritten(tmp_path: Path) -> None:
    """In place or replaced, with any date; it may be missing for a moment, and is an error when it stays away."""
    clock = FakeClock()
    path = lay(tmp_path, "latest.bmp", 50, age=0)
    source = FilesCamera(FilesOptions(str(path), active_fps=10.0, watch=True), clock.now, clock.sleep)
    with closing(source.frames(1.0)) as frames:  # type: ignore[type-var]
        assert shade(next(frames)) == 50
        lay(tmp_path, "latest.bmp", 90, age=time.time())
        assert shade(next(frames)) == 90
        lay(tmp_path, "latest.bmp", 130, age=time.time())  # the same inode, size and date
        frame = next(frames)
        assert shade(frame) == 130
        assert frame is not None
        assert time.time() - 60 < frame.at <= time.time()
        path.unlink()
        assert shade(next(frames)) == 130
        lay(tmp_path, "next.bmp", 170, age=0).rename(path)
        assert shade(next(frames)) == 170
        path.unlink()
        with pytest.raises(CameraError, match="No such file"):
            list(islice(frames, 1000))


def test_there_are_no_frames_while_the_last_picture_cannot_be_read(tmp_path: Path) -> None:
    """The one before is shown until it is certain that no more of it will come; then readings become stale."""
    clock = FakeClock()
    source = FilesCamera(FilesOptions(str(tmp_path), active_fps=1.0, watch=True), clock.now, clock.sleep)
    with closing(source.frames(1.0)) as frames:  # type: ignore[type-var]
        lay(tmp_path, "good.png", 50, age=0)
        assert shade(next(frames)) == 50
        (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
        seen = [frame and shade(frame) for frame in islice(frames, 10)]
        assert (seen[0], seen[-1]) == (50, None)
        lay(tmp_path, "next.png", 90, age=0)
        assert shade(next(frame for frame in frames if frame)) == 90


def test_a_picture_is_not_read_while_it_is_written(tmp_path: Path) -> None:
    """One that changed during the reading is read again."""
    path, greys = lay(tmp_path, "latest.bmp", 50, age=9), []

    def load(name: str) -> Grey:
        pixels = load_grey(name)
        greys.append(int(pixels[0, 0]))
        if len(greys) == 1:
            lay(tmp_path, path.name, 90, age=0)
        return pixels

    clock = FakeClock()
    frames = watch_folder(str(path), load, FrameRate(1000.0, 1000.0), 0.01, clock.now, clock.sleep)
    assert next(frames) is None
    assert shade(next(frames)) == 90
    assert greys == [50, 90]


def test_a_folder_with_very_many_pictures_is_searched_less_often(tmp_path: Path) -> None:
    """A search that takes a second is followed by a pause of ten."""
    clock, searches = FakeClock(), []

    class Slow(Arrivals):
        def _search(self) -> dict[str, os.stat_result]:
            clock.time += 1
            searches.append(clock.time)
            return super()._search()

    arrivals = Slow(str(tmp_path), clock.now)
    while clock.time < 200:
        arrivals.waiting()
        clock.time += 0.1
    assert 8 <= len(searches) <= 11


def shade(frame: Frame | None) -> int:
    assert frame is not None
    return int(frame.pixels[0, 0])


def test_a_missing_folder_is_tried_again(tmp_path: Path) -> None:
    """A CameraError, after which the daemon tries again: the disk may be mounted later."""
    source = camera(FilesOptions(str(tmp_path / "later"), watch=True))
    with pytest.raises(CameraError, match="later"):
        next(source.frames(0.01))

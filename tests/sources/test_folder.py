"""A folder into which somebody else lays pictures."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError
from edge_daemon.sources.files import FilesCamera, FilesOptions


def lay(folder: Path, name: str, grey: int, age: float) -> Path:
    """A picture of one shade, changed so many seconds ago."""
    path = folder / name
    cv2.imwrite(str(path), np.full((40, 60), grey, np.uint8))
    at = time.time() - age
    os.utime(path, (at, at))
    return path


def test_the_newest_picture_is_what_the_camera_sees(tmp_path: Path) -> None:
    """None at first; then a picture, again and again, as old as its file; then a newer one. One that is half written
    is waited for, one that stays damaged is passed over."""
    source = FilesCamera(FilesOptions(str(tmp_path), active_fps=1000.0, watch=True))
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
    source = FilesCamera(FilesOptions(str(tmp_path), active_fps=1000.0, watch=True))
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
    source = FilesCamera(FilesOptions(str(tmp_path), active_fps=1000.0, watch=True))
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
    source = FilesCamera(FilesOptions(str(watched), active_fps=1000.0, watch=True))
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


def shade(frame: Frame | None) -> int:
    assert frame is not None
    return int(frame.pixels[0, 0])


def test_a_missing_folder_is_tried_again(tmp_path: Path) -> None:
    """A CameraError, after which the daemon tries again: the disk may be mounted later."""
    source = FilesCamera(FilesOptions(str(tmp_path / "later"), watch=True))
    with pytest.raises(CameraError, match="later"):
        next(source.frames(0.01))

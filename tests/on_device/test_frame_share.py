"""The daemon shows its newest frame in its runtime folder while somebody asks, and only then."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import Frame
from edge_daemon.on_device import frame_share
from edge_daemon.on_device.frame_share import FrameShare


def frame(mono: float, value: int = 7) -> Frame:
    return Frame(3, 5.0, mono, np.full((48, 64), value, np.uint8))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_unasked_nothing_is_shown(tmp_path: Path) -> None:
    """No picture lies in the folder before somebody asks."""
    there = FrameShare(tmp_path / "preview")
    there.show(frame(1.0))
    assert files(tmp_path / "preview") == {"daemon"}


def test_asked_the_newest_frame_is_shown_as_it_is(tmp_path: Path) -> None:
    """Pixels and times arrive unchanged, no oftener than five times a second."""
    there = FrameShare(tmp_path)
    frame_share.request_frames(tmp_path)
    there.show(frame(1.0, 7))
    there.show(frame(1.1, 8))
    shown = frame_share.newest_frame(tmp_path)
    assert shown is not None
    assert (shown.seq, shown.at, shown.mono) == (3, 5.0, 1.0)
    assert np.array_equal(shown.pixels, frame(1.0, 7).pixels)
    there.show(frame(1.2, 9))
    shown = frame_share.newest_frame(tmp_path)
    assert shown is not None
    assert shown.pixels[0, 0] == 9


def test_when_nobody_asks_any_more_the_picture_is_taken_away(tmp_path: Path) -> None:
    """A request holds for some seconds; with the next frame after that the file is gone. So at the end."""
    there = FrameShare(tmp_path)
    frame_share.request_frames(tmp_path)
    there.show(frame(1.0))
    os.utime(tmp_path / "request", (1, 1))
    assert not there.is_wanted
    there.show(frame(2.0))
    assert frame_share.newest_frame(tmp_path) is None
    frame_share.request_frames(tmp_path)
    there.show(frame(3.0))
    there.close()
    assert frame_share.newest_frame(tmp_path) is None


def test_a_daemon_that_runs_is_known_by_its_process(tmp_path: Path) -> None:
    """Its process id while it runs; nothing before and after, whatever files it leaves."""
    assert frame_share.daemon_pid(tmp_path) is None
    there = FrameShare(tmp_path)
    assert frame_share.daemon_pid(tmp_path) == os.getpid()
    there.close()
    assert frame_share.daemon_pid(tmp_path) is None


def test_others_cannot_look_in(tmp_path: Path) -> None:
    """The folder is the daemon's user's and group's; the picture nobody else can read, whatever the umask."""
    before = os.umask(0)
    try:
        there = FrameShare(tmp_path / "preview")
        frame_share.request_frames(tmp_path / "preview")
        there.show(frame(1.0))
    finally:
        os.umask(before)
    assert (tmp_path / "preview").stat().st_mode & 0o777 == 0o770
    assert (tmp_path / "preview" / "frame").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_cannot_be_used_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Readings go on without it: a line in the log, no error."""
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        there = FrameShare(tmp_path / "file" / "preview")
        there.show(frame(1.0))
        there.show(frame(2.0))
        there.close()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("damage", [b"", b"\x93", b"not a frame"])
def test_a_damaged_frame_is_no_frame(tmp_path: Path, damage: bytes) -> None:
    """What is no frame is not shown as one."""
    (tmp_path / "frame").write_bytes(damage)
    assert frame_share.newest_frame(tmp_path) is None

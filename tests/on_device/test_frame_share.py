"""The daemon shares its newest frame in its runtime folder while it is requested, and only then."""

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


def test_without_a_request_there_is_no_frame(tmp_path: Path) -> None:
    """There is no picture in the folder before a request."""
    there = FrameShare(tmp_path / "preview")
    there.show(frame(1.0))
    assert files(tmp_path / "preview") == {"daemon"}


def test_the_newest_frame_is_shared_on_request(tmp_path: Path) -> None:
    """Pixels and times arrive unchanged, at most five times a second."""
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


def test_the_frame_is_removed_when_requests_end(tmp_path: Path) -> None:
    """A request is valid for some seconds; the next frame after that removes the file. So does the end."""
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
    """Its process id while it runs; None before and after, whatever files it leaves."""
    assert frame_share.daemon_pid(tmp_path) is None
    there = FrameShare(tmp_path)
    assert frame_share.daemon_pid(tmp_path) == os.getpid()
    there.close()
    assert frame_share.daemon_pid(tmp_path) is None


def test_other_users_have_no_access(tmp_path: Path) -> None:
    """Only the daemon's user and group can enter the folder and read the picture, whatever the umask is."""
    before = os.umask(0)
    try:
        there = FrameShare(tmp_path / "preview")
        frame_share.request_frames(tmp_path / "preview")
        there.show(frame(1.0))
    finally:
        os.umask(before)
    assert (tmp_path / "preview").stat().st_mode & 0o777 == 0o770
    assert (tmp_path / "preview" / "frame").stat().st_mode & 0o777 == 0o640


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    """Neither the frame nor a request reaches the files that links in the folder lead to."""
    there = FrameShare(tmp_path / "preview")
    for name in ("frame", "request", ".frame.new", ".request.new"):
        (tmp_path / f"victim{name}").write_text("root's")
        os.utime(tmp_path / f"victim{name}", (1, 1))
        (tmp_path / "preview" / name).symlink_to(tmp_path / f"victim{name}")
    frame_share.request_frames(tmp_path / "preview")
    there.show(frame(1.0))
    assert frame_share.newest_frame(tmp_path / "preview") is not None
    there.close()
    for victim in tmp_path.glob("victim*"):
        assert (victim.read_text(), victim.stat().st_mtime) == ("root's", 1)


def test_a_folder_that_cannot_be_used_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, no error: readings go on without it."""
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        there = FrameShare(tmp_path / "file" / "preview")
        there.show(frame(1.0))
        there.show(frame(2.0))
        there.close()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("damage", [b"", b"\x93", b"not a frame"])
def test_a_damaged_frame_is_no_frame(tmp_path: Path, damage: bytes) -> None:
    """A damaged file is no frame."""
    (tmp_path / "frame").write_bytes(damage)
    assert frame_share.newest_frame(tmp_path) is None

"""The page has the frames of the daemon, or of the camera."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_daemon.config import schema
from edge_daemon.errors import CameraError
from edge_daemon.on_device import frame_share
from edge_daemon.on_device.frame_share import FrameShare
from edge_daemon.preview.frames import LiveFrames
from tests.support.preview import FILE


def test_the_frames_are_the_daemon_s_while_it_runs(tmp_path: Path) -> None:
    """The daemon keeps the camera; when it has ended the page opens the camera itself."""
    camera = schema.parse("", FILE).camera
    frames = LiveFrames(camera, [tmp_path])
    there = FrameShare(tmp_path / "preview")
    folder = tmp_path / "preview"
    frame_share.request_frames(folder)
    frame = next(f for f in _frames(camera) if f is not None)
    there.show(frame)
    assert frames.next().mono == frame.mono
    assert frames.daemon == os.getpid()
    there.close()
    assert frames.next().pixels.shape == frame.pixels.shape
    assert frames.daemon is None
    frames.close()


def _frames(camera: schema.CameraOptions) -> Iterator[Any]:
    from edge_daemon.sources.kinds import open_source

    return open_source(camera.kind, camera.options).frames(1.0)


def test_a_daemon_without_frames_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do, and the camera is not taken from the daemon."""
    monkeypatch.setattr("edge_daemon.preview.frames.TIMEOUT", 0.1)
    there = FrameShare(tmp_path / "preview")
    with pytest.raises(CameraError, match="the daemon shows no frames"):
        LiveFrames(schema.parse("", FILE).camera, [tmp_path]).next()
    there.close()

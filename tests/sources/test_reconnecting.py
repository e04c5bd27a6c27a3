"""A camera that is absent is waited for, one that hangs ends the process; frames go on over a reload."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError, CameraHangsError
from edge_daemon.sources.reconnecting import ReconnectingCamera
from edge_daemon.system.backoff import Backoff


class Cable:
    """A source that does, each time it is opened, what stands next in `plan`."""

    def __init__(self, plan: list[object]) -> None:
        self.plan, self.opened, self.closed = plan, 0, 0
        self.time = 0.0
        self.wanted: list[bool] = []

    def open(self, kind: str, options: Any) -> Cable:
        self.opened += 1
        if isinstance(self.plan[0], Exception):
            raise self.plan.pop(0)  # type: ignore[misc]
        return self

    def set_active(self, wanted: bool) -> None:
        self.wanted.append(wanted)

    def frames(self, tick: float) -> Iterator[Frame | None]:
        try:
            while self.plan:
                step = self.plan.pop(0)
                if isinstance(step, Exception):
                    raise step
                yield Frame(0, self.time, self.time, np.zeros((1, 1), np.uint8)) if step else None
        finally:
            self.closed += 1

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def camera(self) -> ReconnectingCamera:
        backoff = Backoff(first=4.0, longest=60.0)
        return ReconnectingCamera("cable", None, self.open, backoff, now=lambda: self.time, sleep=self.sleep)


GONE = "camera 0 was not found"


def test_an_absent_camera_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Three attempts fail, with growing pauses, while the path goes on; then frames come. Logged once."""
    cable = Cable([CameraError(GONE), CameraError(GONE), CameraError(GONE), True])
    camera = cable.camera()
    ticks = 0
    for frame in camera.frames:
        if frame is not None:
            break
        ticks += 1
        assert camera.problem == GONE
    assert ticks >= 2 + 4 + 8 - 3  # half of 4, 8 and 16 s at least, a tick a second
    assert (cable.opened, camera.problem, camera.frame_age) == (4, "", 0.0)
    assert [r.levelname for r in caplog.records] == ["ERROR"]


def test_each_change_of_the_camera_is_one_event() -> None:
    """One when it fails, one when it is back, none in between."""
    cable = Cable([True, CameraError(GONE), CameraError(GONE), True, True])
    camera = cable.camera()
    told = []
    for _ in camera.frames:
        told += [(event.type, event.detail["state"], event.detail["text"]) for event in camera.pop_events()]
    assert told == [("camera_problem", "ON", GONE), ("camera_problem", "OFF", "")]


def test_an_unplugged_camera_is_opened_again() -> None:
    """It fails between two frames; each opening is released."""
    cable = Cable([True, CameraError("gone"), True])
    assert sum(frame is not None for frame in cable.camera().frames) == 2
    assert (cable.opened, cable.closed) == (2, 2)


def test_a_hanging_camera_ends_the_process() -> None:
    """There is no further attempt: only a new process helps. The camera is released all the same."""
    cable = Cable([True, CameraHangsError("hangs")])
    with pytest.raises(CameraHangsError):
        list(cable.camera().frames)
    assert cable.closed == 1


def test_frames_continue_after_a_reload() -> None:
    """A reload leaves the loop and comes back: the camera is the same, and still open."""
    cable = Cable([True] * 5)
    camera = cable.camera()
    assert sum(1 for _ in islice(camera.frames, 2)) == 2
    assert sum(1 for _ in camera.frames) == 3
    assert cable.opened == 1


def test_closing_releases_the_camera() -> None:
    """Also before the first frame was requested."""
    cable = Cable([True] * 5)
    camera = cable.camera()
    next(camera.frames)
    camera.set_active(True)
    camera.close()
    assert (cable.closed, cable.wanted) == (1, [True])
    cable.camera().close()

"""A camera read by a thread of its own: the newest frame wins, and a hang is noticed, not waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import CameraError, CameraHangsError
from edge_daemon.sources import grabber
from edge_daemon.sources.frame_rate import FrameRate
from edge_daemon.sources.grabber import Grabber, grab_frames


class Device:
    """A camera that gives a frame for each ticket, with the frame's number in it, and waits for the next one."""

    def __init__(self, frames: int = 0, then: str = "wait") -> None:
        """`then`, after so many frames: wait for tickets, "end" like one that was unplugged, or "hang" inside."""
        self.tickets = threading.Semaphore(frames)
        self.then, self.opened, self.released, self.retrieved = then, 0, 0, 0
        self._frames, self.number = frames, 0
        self.let_go = threading.Event()

    def open(self) -> Device:
        self.opened += 1
        return self

    def grab(self) -> bool:
        if self.number >= self._frames and self.then == "hang":
            self.let_go.wait()
        if self.number >= self._frames and self.then == "end":
            return False
        there = self.tickets.acquire(timeout=0.01)
        self.number += there
        return True

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        self.retrieved += 1
        return True, np.full((2, 2), self.number % 256, np.uint8)

    def release(self) -> None:
        self.released += 1


def as_it_is(frame: NDArray[np.uint8]) -> Grey:
    return frame


def frames(device: Device, stall: float = 0.2) -> Iterator[Frame | None]:
    return grab_frames(device.open, as_it_is, FrameRate(1000.0, 1000.0), stall, tick=0.05)


def test_the_newest_frame_is_returned() -> None:
    """Frames that come without a request are taken from the camera, and neither decoded nor returned later."""
    device = Device(100)
    taker = Grabber(device.open)
    while device.number < 100:
        pass
    frame = taker.take(5.0)
    assert frame is not None
    assert frame[0, 0] == 100
    assert device.retrieved <= 2
    assert taker.stop()
    assert device.released == 1


def test_frames_are_numbered_and_the_camera_is_released() -> None:
    """Closing the generator ends the thread and releases the camera."""
    device = Device(10_000)
    with closing(frames(device)) as source:  # type: ignore[type-var]
        found = [frame for frame in islice(source, 20) if frame is not None]
    assert [frame.seq for frame in found] == list(range(len(found)))
    assert len(found) > 1
    assert device.released == 1


def test_an_unplugged_camera_is_an_error() -> None:
    """The caller may try again later."""
    device = Device(1000, then="end")
    with pytest.raises(CameraError, match="no more frames") as caught:
        list(frames(device))
    assert not isinstance(caught.value, CameraHangsError)
    assert device.released == 1


def test_a_camera_that_cannot_be_opened_is_an_error() -> None:
    """The error of the opener is raised, though it occurred in another thread."""

    def opener() -> Device:
        raise CameraError("/dev/video0 is not there")

    with pytest.raises(CameraError, match="is not there"):
        list(grab_frames(opener, as_it_is, FrameRate(10.0, 10.0), 1.0, 0.05))


def test_a_hang_inside_the_library_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread does not return: the path goes on, and then a new process is requested."""
    monkeypatch.setattr(grabber, "GIVE_UP", 0.05)
    device = Device(0, then="hang")
    seen: list[Frame | None] = []
    with pytest.raises(CameraHangsError):
        seen.extend(frames(device))
    device.let_go.set()
    assert device.opened == 1


class Silent(Device):
    """Answers, and never has a frame."""

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        return False, np.zeros((0, 0), np.uint8)


def test_a_silent_camera_is_opened_again_once() -> None:
    """It gives nothing and does not hang: a second opening may help; if not, only a new process does."""
    device = Silent(0)
    with pytest.raises(CameraHangsError):
        list(frames(device))
    assert (device.opened, device.released) == (2, 2)

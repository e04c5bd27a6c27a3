"""What ended the process twice at the same place is set aside, and told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_daemon.errors import PictureError, StepError
from edge_daemon.system.crash_guard import SET_ASIDE, CrashGuard, Death, step_of
from tests.support.clock import FakeClock

PICTURE = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)


class Killed(BaseException):
    """Stands for the end of the process: no handler runs."""


def kill() -> None:
    raise Killed


@contextmanager
def process(folder: Path, clock: FakeClock) -> Iterator[CrashGuard]:
    """One life of the process; one that is killed in it releases its lock and nothing else."""
    guard = CrashGuard(clock.now)
    try:
        with guard.watching(folder):
            yield guard
    except Killed:
        guard._unlock()


def die(folder: Path, clock: FakeClock, place: str, content: object) -> None:
    with process(folder, clock) as guard:
        guard.call(place, content, kill)


def test_what_ended_the_process_twice_is_set_aside_for_an_hour(tmp_path: Path) -> None:
    """The same content at the same place; everything else is still done. After an hour it is tried again, once."""
    clock = FakeClock()
    for _ in range(2):
        die(tmp_path, clock, "reading p.png", PICTURE)
    with process(tmp_path, clock) as guard:
        with pytest.raises(StepError, match=r"reading p\.png has ended the program twice"):
            guard.call("reading p.png", PICTURE, kill)
        assert guard.problems()["set_aside"].startswith("reading p.png has ended the program twice")
        assert guard.call("reading p.png", PICTURE + 1, lambda: 7) == 7
        assert guard.call("reading q.png", PICTURE, lambda: 8) == 8
        assert guard.problems()
    clock.time += SET_ASIDE + 1
    die(tmp_path, clock, "reading p.png", PICTURE)
    with process(tmp_path, clock) as guard, pytest.raises(StepError):
        guard.call("reading p.png", PICTURE, kill)
    clock.time += SET_ASIDE + 1
    with process(tmp_path, clock) as guard:
        assert guard.call("reading p.png", PICTURE, lambda: 9) == 9
        assert guard.problems() == {}


def test_a_place_that_ends_it_whatever_it_shows(tmp_path: Path) -> None:
    """A camera shows other pixels each time: after two of them the field is set aside."""
    clock = FakeClock()
    for grey in range(2):
        die(tmp_path, clock, "reading the field a", PICTURE + grey)
    with process(tmp_path, clock) as guard:
        with pytest.raises(StepError):
            guard.call("reading the field a", PICTURE + 2, kill)
        assert guard.call("reading the field b", PICTURE + 2, lambda: 1) == 1


def fail(folder: Path, clock: FakeClock) -> None:
    """A process that ends by a foreseen error within a step."""
    with process(folder, clock) as guard:
        guard.begin(step_of("starting", "c"))
        raise PictureError


def test_deaths_by_chance_set_nothing_aside(tmp_path: Path) -> None:
    """A step that has ended well since, a foreseen error, and an end between two steps count for nothing."""
    clock = FakeClock()
    for _ in range(5):
        with process(tmp_path, clock) as guard:
            assert guard.call("reading", PICTURE, lambda: 1) == 1
            guard.call("reading", PICTURE, kill)
        with process(tmp_path, clock):
            raise Killed
        with pytest.raises(PictureError):
            fail(tmp_path, clock)
    with process(tmp_path, clock) as guard:
        assert guard.problems() == {}


def test_an_error_that_is_not_foreseen_does_not_end_the_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its traceback, once while it lasts, and told until the step ends well."""
    with process(tmp_path, FakeClock()) as guard:
        for _ in range(3):
            with pytest.raises(StepError, match="reading failed: ZeroDivisionError"):
                guard.call("reading", PICTURE, lambda: 1 // 0)
        assert guard.problems() == {"set_aside": "reading fails; the log says why"}
        guard.call("reading", PICTURE, int)
        assert guard.problems() == {}
    assert caplog.text.count("Traceback") == 1


@pytest.mark.parametrize("damage", [b"", b"\0" * 9, b"[", b'[{"place":"\\ud800"}]', b"7"])
def test_damaged_marks(tmp_path: Path, damage: bytes) -> None:
    """Damaged files, and deaths from before a reboot, count as none; so does a folder that another process uses."""
    for name in ("running", "deaths"):
        (tmp_path / name).write_bytes(damage)
    clock = FakeClock()
    with process(tmp_path, clock) as guard, process(tmp_path, clock) as second:
        assert guard.problems() == second.problems() == {}
        assert second.call("reading", PICTURE, int) == 0
    step = step_of("reading", PICTURE)
    (tmp_path / "deaths").write_bytes(msgspec.json.encode([Death(step, 1e6)] * 2))
    with process(tmp_path, clock) as guard:
        assert guard.problems() == {}

"""Sets aside what ends the process: a step that ended it twice is not tried again for an hour.

A picture or a region can crash a library (a segmentation fault, no memory, a hang that the watchdog ends), and would
end the process again at each restart. Before a risky step its mark is written into a file of the runtime folder; a mark
that is there at the start is a step in which the last process ended. Exceptions do not end the process at all.
"""

from __future__ import annotations

import logging
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec
import numpy as np

from edge_daemon.errors import EdgeDaemonError, StepError
from edge_daemon.system import atomic, file_lock, regular_file
from edge_daemon.system.journal import event

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)

MOST_DEATHS = 2
"""Ends of the process in a step after which it is set aside. Once may be chance: somebody killed the process."""
SET_ASIDE = 3600.0
"""Seconds for which a step is set aside. Then it is tried once more: the deaths may have had another cause."""
MOST_REMEMBERED = 100
"""Deaths that are remembered at most, the newest."""
GRID = 8
"""Every so many pixels of a picture, across and down, one counts for its identity: all would take too long."""


class Step(msgspec.Struct, frozen=True):
    """A step that may end the process."""

    place: str
    """What is done, for a person, such as "reading the field tank"."""
    content: str
    """The identity of what it is done with."""


class Death(msgspec.Struct, frozen=True):
    """An end of the process in a step."""

    step: Step
    at: float
    """Monotonic time at which the next process noted it."""


class CrashGuard:
    """Runs risky steps of one process. Call it from one thread. Before `open`, and after `close`, it only runs them."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._folder: Path | None = None
        self._file = self._lock = -1
        self._running: list[Step] = []
        self._deaths: list[Death] = []
        self._failing: set[str] = set()
        """Places where the last call raised an exception."""

    def open(self, folder: Path) -> None:
        """Note where the last process ended, and use `folder` for this one. Does nothing if another process uses it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = file_lock.acquire(folder / "lock")
            new = [Death(step, self._now()) for step in _load(folder / "running", list[Step])]
            self._file = regular_file.open_descriptor(
                folder / "running", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            self._unlock()
            log.debug("%s: %s; what ends the process is not set aside", folder, error)
            return
        self._folder, self._running, now = folder, [], self._now()
        known = [death for death in _load(folder / "deaths", list[Death]) if death.at <= now]  # else: before a reboot
        for death in new:
            log.error("the last process ended while %s", death.step.place, extra=event("crash"))
        self._deaths = [*known, *new][-MOST_REMEMBERED:]
        self._write_deaths()
        self._write_running()

    def close(self) -> None:
        """The process ends as it should."""
        self._running.clear()
        self._write_running()
        self._unlock()
        self._folder = None

    def call(self, place: str, content: object, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function and return its result. Foreseen errors pass.

        Raises StepError if this step is set aside, or if the function raises an error that is not foreseen, which is
        logged.
        """
        step = step_of(place, content)
        self.begin(step)
        try:
            result = function(*args, **kwargs)
        except EdgeDaemonError:
            self.end(step, well=True)
            raise
        except Exception as error:
            self.end(step)
            if place not in self._failing:
                log.exception("%s failed; it is tried again with the next picture", place, extra=event("crash"))
            self._failing.add(place)
            raise StepError(f"{place} failed: {type(error).__name__}") from None
        self.end(step, well=True)
        self._failing.discard(place)
        return result

    @contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        """Within the block an end of the process counts, except by a foreseen error. `folder` as for `open`."""
        self.open(folder)
        try:
            yield
        except Exception as error:
            if isinstance(error, EdgeDaemonError):
                self.close()
            raise
        self.close()

    def begin(self, step: Step) -> None:
        """The step begins; `end` follows. Raises StepError if it is set aside."""
        if self._is_set_aside(step):
            raise StepError(f"{step.place} has ended the program twice")
        self._running.append(step)
        self._write_running()

    def end(self, step: Step, well: bool = False) -> None:
        """The step has ended, and the process has not. `well`: its earlier deaths are forgotten, they were chance."""
        if step in self._running:
            self._running.remove(step)
            self._write_running()
        if well and any(death.step.place == step.place for death in self._deaths):
            self._forgive(step)

    def problems(self) -> dict[str, str]:
        """Code -> text for a person: what is set aside."""
        places = sorted({death.step.place for death in self._deaths if self._is_set_aside(death.step)})
        found = [f"{place} has ended the program twice and is left out for an hour" for place in places]
        found += [f"{place} fails; the log says why" for place in sorted(self._failing)]
        return {"set_aside": "; ".join(found)} if found else {}

    def _is_set_aside(self, step: Step) -> bool:
        """Whether the step ended the process twice with this content, or at this place with two different ones."""
        there = [death for death in self._deaths if death.step.place == step.place]
        if not there or self._now() - there[-1].at > SET_ASIDE:
            return False
        deaths = Counter(death.step.content for death in there)
        return deaths[step.content] >= MOST_DEATHS or sum(count == 1 for count in deaths.values()) >= MOST_DEATHS

    def _forgive(self, step: Step) -> None:
        """Forget the deaths of this step, and those with other content at its place that are not set aside."""
        counts = Counter(death.step for death in self._deaths)
        aside = {known for known, count in counts.items() if count >= MOST_DEATHS} - {step}
        self._deaths = [death for death in self._deaths if death.step.place != step.place or death.step in aside]
        self._write_deaths()

    def _write_running(self) -> None:
        if self._file >= 0:
            with suppress(OSError):  # a full disk: then this step is not remembered
                os.pwrite(self._file, text := msgspec.json.encode(self._running), 0)
                os.ftruncate(self._file, len(text))

    def _unlock(self) -> None:
        for handle in (self._file, self._lock):
            if handle >= 0:
                os.close(handle)
        self._file = self._lock = -1

    def _write_deaths(self) -> None:
        if self._folder:
            with suppress(OSError):
                atomic.replace_unsynced(self._folder / "deaths", msgspec.json.encode(self._deaths))


GUARD = CrashGuard()
"""The guard of this process: only a process as a whole can end."""


def _load(path: Path, kind: type[list[T]]) -> list[T]:
    """The content of a file; empty where it is missing or damaged."""
    with suppress(OSError, ValueError):
        return msgspec.json.decode(regular_file.read(path), type=kind)
    return []


def step_of(place: str, content: object) -> Step:
    """A step with the identity of its content; of a picture it is that of a grid of its pixels."""
    if isinstance(content, np.ndarray):
        data = np.ascontiguousarray(content[::GRID, ::GRID]).tobytes()
    else:
        data = str(content).encode(errors="replace")
    return Step(place.encode(errors="replace").decode(), f"{zlib.crc32(data):08x}")

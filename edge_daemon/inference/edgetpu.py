"""Runs a network on a Coral Edge TPU while that works, and on the CPU otherwise.

A child process uses the device before this process does (edgetpu_probe.py). When the device raises an error, the same
glyphs are read on the CPU at once. A hang or an abort cannot be caught: the watchdog or the kernel ends the process;
the next one learns it from a state file, and starts on the CPU. In both cases the device is tried again after a time
that grows with each failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from edge_daemon.errors import ChildError, ModelError
from edge_daemon.inference.edgetpu_probe import LIBRARY, RECONNECT
from edge_daemon.inference.interpreter import Runtime
from edge_daemon.inference.runtime import find_runtime
from edge_daemon.system import atomic, regular_file
from edge_daemon.system.child_process import ChildProcess

log = logging.getLogger(__name__)

N = TypeVar("N")
T = TypeVar("T")

FIRST_WAIT = 60.0
"""Seconds from a failure to the next try; doubled by each further failure in a row."""
LONGEST_WAIT = 3600.0
"""Seconds to the next try at most."""
STABLE = 600.0
"""Seconds of use without a failure after which earlier failures are forgotten."""
PROBE_SECONDS = 20.0
"""Time limit of a probe."""
NO_FILE = "Edge TPU: the model has no file compiled for it. Make one: scripts/compile-edgetpu (models/README.md)"
CPU, EDGETPU = "cpu", "edgetpu"
"""Names of the two backends; EDGETPU is also the kind of the compiled file in a manifest."""


class SwitchedNetwork(Generic[N]):
    """One network on the CPU, and while that works the same network on the Edge TPU."""

    def __init__(self, on_cpu: N) -> None:
        self.on_cpu = on_cpu
        self.on_edgetpu: N | None = None
        self.edgetpu: EdgeTpu | None = None

    @property
    def backend(self) -> str:
        """CPU or EDGETPU, as it is now."""
        return CPU if self.on_edgetpu is None else EDGETPU

    def run(self, work: Callable[[N], T]) -> T:
        """`work` done with the network on the Edge TPU; where that fails, or there is none, on the CPU."""
        if self.edgetpu is not None:
            self.edgetpu.poll()
        if self.on_edgetpu is not None:
            try:
                return work(self.on_edgetpu)
            except (RuntimeError, ValueError) as error:
                assert self.edgetpu is not None
                message = " ".join(str(error).split())[-200:]
                self.edgetpu.report_failure(f"Edge TPU: it failed in use ({message}). {RECONNECT}")
        return work(self.on_cpu)


class _State(msgspec.Struct):
    """What the state file holds for the next process."""

    failures: int = 0
    """In a row."""
    in_use: bool = False
    """Still true at a start: the process before died while it used the device."""


class EdgeTpu:
    """The device. Called from one thread."""

    def __init__(self, folder: Path, required: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        """`folder` holds the state file. `required`: it is a problem when the device or the file for it is missing."""
        self.problem = f"{NO_FILE}; the CPU reads" if required else ""
        """Why the CPU does the device's work, in a sentence with a remedy; empty: nothing is wrong."""
        self._path = folder / "edgetpu"
        self._required = required
        self._now = now
        self._probe: ChildProcess | None = None
        self._next_try: float | None = None
        self._in_use_since = 0.0
        self._networks: SwitchedNetwork[Any] | None = None
        self._state = self._read_state()

    def attach(
        self,
        networks: SwitchedNetwork[N],
        package: str,
        file: Path,
        load: Callable[[Runtime], N],
        check: Callable[[], None],
    ) -> None:
        """Run the compiled `file` on the device from now on, whenever that works, as `networks.on_edgetpu`.

        `load` makes a network with a runtime; `check` raises ModelError where `networks` reads wrong.
        """
        self.problem = ""
        self._networks, self._file, self._load, self._check = networks, file, load, check
        self._package = find_runtime(package).package
        networks.edgetpu = self
        if self._state.in_use:
            self.report_failure(f"Edge TPU: the program died while it used the device. {RECONNECT}")
        else:
            self._start_probe()
            self._finish_probe()  # at the start there is time to wait for it

    def poll(self) -> None:
        """Try the device again when it is time, without waiting; forget failures that are long past."""
        now = self._now()
        if self._probe is not None:
            if self._probe.is_done():
                self._finish_probe()
        elif self._next_try is not None and now >= self._next_try:
            self._start_probe()
        elif self._state.failures and self._state.in_use and now - self._in_use_since > STABLE:
            self._write_state(_State(0, in_use=True))

    def report_failure(self, why: str) -> None:
        """Switch to the CPU for a while. `why` is a sentence with a remedy."""
        failures = self._state.failures + 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 10))
        self._detach()
        self._write_state(_State(failures))
        self._next_try = self._now() + wait
        self.problem = f"{why}; the CPU reads, and the device is tried again in {wait:.0f} s"
        log.error("%s", self.problem)

    def close(self) -> None:
        """Release the device; the next start may use it at once."""
        if self._probe is not None:
            self._probe.kill()
            self._probe = None
        if self._state.in_use:
            self._detach()
            self._write_state(_State(self._state.failures))

    def _start_probe(self) -> None:
        self._next_try = None
        job = "edge_daemon.inference.edgetpu_probe:probe"
        self._probe = ChildProcess(job, self._package, str(self._file), seconds=PROBE_SECONDS)

    def _finish_probe(self) -> None:
        """Wait for the probe; use the device if that succeeded."""
        probe, self._probe = self._probe, None
        assert probe is not None
        try:
            probe.result()
        except ModelError as error:
            self._report_missing(str(error))
        except ChildError as error:
            self.report_failure(f"Edge TPU: the process that tried it {error}. {RECONNECT}")
        else:
            self._activate()

    def _report_missing(self, why: str) -> None:
        """There is no usable device. It is a problem only where it is required, or was there before."""
        self._next_try = self._now() + LONGEST_WAIT
        if self._required or self._state.failures:
            self.problem = f"{why}; the CPU reads"
        log.info("%s", why)

    def _activate(self) -> None:
        assert self._networks is not None
        self._write_state(_State(self._state.failures, in_use=True))  # from here on only this reveals a hang
        self._in_use_since = self._now()
        try:
            self._networks.on_edgetpu = self._load(find_runtime(self._package).with_delegate(LIBRARY))
            self._check()
        except (ModelError, RuntimeError, ValueError, OSError, AttributeError) as error:
            self.report_failure(f"Edge TPU: {error}")
            return
        if self._networks.on_edgetpu is None:  # the check met a failure, which was reported there
            return
        self.problem = ""
        log.info("the Edge TPU runs the digit network")

    def _detach(self) -> None:
        if self._networks is not None:
            self._networks.on_edgetpu = None

    def _read_state(self) -> _State:
        with suppress(OSError, ValueError):
            return msgspec.json.decode(regular_file.read(self._path), type=_State)
        return _State()

    def _write_state(self, state: _State) -> None:
        """Not synced to the disk: a hang ends in a killed process, not in a power cut."""
        self._state = state
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic.replace_unsynced(self._path, msgspec.json.encode(state))

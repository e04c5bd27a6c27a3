"""A Coral Edge TPU that may be there or not: it takes over from the CPU, and the CPU takes over from it.

Before this process touches the device, a child has (coral_probe.py). An error that the device raises is caught, and the
same glyphs are read on the CPU at once. A hang or an abort is not caught by anything: the watchdog or the kernel ends
the process, and a mark on the disk tells the next one, which begins on the CPU. In both cases the device is tried
again, at growing distances.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from edge_daemon.errors import ChildError, ModelError
from edge_daemon.inference.edgetpu_probe import LIBRARY, UNPLUG
from edge_daemon.inference.interpreter import find_interpreter
from edge_daemon.system.child_process import ChildProcess

log = logging.getLogger(__name__)

N = TypeVar("N")
T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 60.0, 3600.0
"""Seconds from a failure to the next try; each further failure doubles them."""
PROVEN = 600.0
"""Seconds of use without a failure after which earlier ones are forgotten."""
PATIENCE = 20.0
"""Seconds that a probe may take."""
NO_FILE = "Edge TPU: the model has no file compiled for it. Make one: scripts/compile-edgetpu (models/README.md)"
CPU, TPU = "cpu", "edgetpu"


class Pair(Generic[N]):
    """One network twice: on the CPU, and while that works on the Edge TPU."""

    def __init__(self, cpu: N) -> None:
        self.cpu = cpu
        self.tpu: N | None = None
        self.device: Device | None = None

    @property
    def backend(self) -> str:
        return CPU if self.tpu is None else TPU

    def do(self, what: Callable[[N], T]) -> T:
        """`what` of the network that works."""
        if self.device is not None:
            self.device.look_after()
        if self.tpu is not None:
            try:
                return what(self.tpu)
            except (RuntimeError, ValueError) as error:
                assert self.device is not None
                self.device.failed(f"Edge TPU: it failed in use ({' '.join(str(error).split())[-200:]}). {UNPLUG}")
        return what(self.cpu)


class _Mark(msgspec.Struct):
    """What outlives the process."""

    failures: int = 0
    """In a row."""
    in_use: bool = False


class Device:
    """The Edge TPU. Called from one thread."""

    def __init__(self, folder: Path, wanted: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        """`folder` is where the mark lies. `wanted`: that there is none is a trouble, too, or nothing for it to run."""
        self.trouble = f"{NO_FILE}; the CPU reads" if wanted else ""
        """Why the CPU has to do what the device should, in a sentence with a remedy; empty: nothing is wrong."""
        self._path = folder / "edgetpu"
        self._wanted = wanted
        self._now = now
        self._child: ChildProcess | None = None
        self._next: float | None = None
        self._since = 0.0
        self._pair: Pair[Any] | None = None
        self._mark = self._read()

    def serve(
        self, pair: Pair[N], package: str, file: Path, load: Callable[[Any], N], check: Callable[[], None]
    ) -> None:
        """From now on run the `file` that was compiled for it, whenever that works; `pair` changes as it does.

        `load` makes a network with a class Interpreter; `check` raises ModelError where `pair` reads wrong.
        """
        self.trouble = ""
        self._pair, self._file, self._load, self._check = pair, file, load, check
        self._package = find_interpreter(package).package
        pair.device = self
        if self._mark.in_use:
            self.failed(f"Edge TPU: the program died while it used the device. {UNPLUG}")
        else:
            self._begin()
            self._end()  # at the start there is time to wait for the answer

    def look_after(self) -> None:
        """Try again when it is time, without waiting; forget failures that are long past."""
        now = self._now()
        if self._child is not None:
            if self._child.is_over():
                self._end()
        elif self._next is not None and now >= self._next:
            self._begin()
        elif self._mark.failures and self._mark.in_use and now - self._since > PROVEN:
            self._write(_Mark(0, in_use=True))

    def failed(self, why: str) -> None:
        """Back to the CPU, for a while."""
        failures = self._mark.failures + 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 10))
        self._release()
        self._write(_Mark(failures))
        self._next = self._now() + wait
        self.trouble = f"{why}; the CPU reads, and it is tried again in {wait:.0f} s"
        log.error("%s", self.trouble)

    def close(self) -> None:
        """Give the device back, in peace."""
        if self._child is not None:
            self._child.end()
            self._child = None
        if self._mark.in_use:
            self._release()
            self._write(_Mark(self._mark.failures))

    def _begin(self) -> None:
        self._next = None
        self._child = ChildProcess(
            "edge_daemon.inference.edgetpu_probe:probe", self._package, str(self._file), seconds=PATIENCE
        )

    def _end(self) -> None:
        """The probe is over: use the device, or not yet."""
        child, self._child = self._child, None
        assert child is not None
        try:
            child.answer()
        except ModelError as error:
            self._absent(str(error))
        except ChildError as error:
            self.failed(f"Edge TPU: the process that tried it {error}. {UNPLUG}")
        else:
            self._take()

    def _absent(self, why: str) -> None:
        """There is nothing to use. Only who asked for it, or had it, is told."""
        self._next = self._now() + LONGEST_WAIT
        if self._wanted or self._mark.failures:
            self.trouble = f"{why}; the CPU reads"
        log.info("%s", why)

    def _take(self) -> None:
        assert self._pair is not None
        self._write(_Mark(self._mark.failures, in_use=True))  # from here on only the mark tells of a hang
        self._since = self._now()
        try:
            runtime = find_interpreter(self._package)
            delegate = runtime.module.load_delegate(LIBRARY)
            self._pair.tpu = self._load(partial(runtime.interpreter, experimental_delegates=[delegate]))
            self._check()
        except (ModelError, RuntimeError, ValueError, OSError, AttributeError) as error:
            self.failed(f"Edge TPU: {error}")
            return
        if self._pair.tpu is None:  # the check ran into a failure, which has told it
            return
        self.trouble = ""
        log.info("the Edge TPU reads")

    def _release(self) -> None:
        if self._pair is not None:
            self._pair.tpu = None

    def _read(self) -> _Mark:
        with suppress(OSError, ValueError):
            return msgspec.json.decode(self._path.read_bytes(), type=_Mark)
        return _Mark()

    def _write(self, mark: _Mark) -> None:
        """Not synced: a hang ends in a killed process, not in a power cut."""
        self._mark = mark
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(msgspec.json.encode(mark))

"""Calls a function of this program in a child process with limits: a crash or a hang ends only that process.

A hostile model makes the TFLite interpreter segfault, a faulty USB device aborts it. Neither can be caught in the same
process.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_daemon.errors import ChildError, ModelError

SECONDS = 60.0
"""Time limit of a child; a slow Pi needs ten seconds for the imports alone."""
MEMORY = 512 * 1024 * 1024
"""Bytes of memory that a child may take in addition to those at its start."""
_TAIL = 2000
"""Characters of a child's error output that are searched for its last line."""
_STATUS = Path("/proc/self/statm")


def child_environment() -> dict[str, str]:
    """The environment of a Python child: it imports what this process imports, and nothing from the current folder."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": "1"}


def kill_first(pid: int) -> None:
    """Where memory runs out the kernel kills this process and its children first, not the daemon."""
    with suppress(OSError):  # it has ended, or this is not Linux
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


class ChildProcess:
    """A function that runs in a child process."""

    def __init__(self, job: str, *arguments: str, seconds: float = SECONDS) -> None:
        """Start it. `job` is "module:function"; the arguments are text; `seconds` is the time limit."""
        command = [sys.executable, "-m", "edge_daemon.system.child_process", job, *arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(command, env=child_environment(), **pipes)  # type: ignore[call-overload]
        kill_first(self._process.pid)
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def is_done(self) -> bool:
        """Whether `result` returns at once."""
        return self._process.poll() is not None or time.monotonic() > self._deadline

    def result(self) -> Any:
        """Wait for the function and return its result, as JSON can hold it.

        Raises ModelError if the function raised one, and ChildError if the process crashed, hung or reached a limit;
        the message is a sentence without its subject ("was killed by SIGSEGV").
        """
        try:
            output, errors = self._process.communicate(timeout=max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()
            raise ChildError(f"was not finished after {self._seconds:.0f} s") from None
        code = self._process.returncode
        if code < 0:
            raise ChildError(f"was killed by {signal.Signals(-code).name}")
        if code > 0:
            last = errors.decode(errors="replace")[-_TAIL:].strip().rsplit("\n", 1)[-1] or "without a message"
            raise ChildError(f"ended with exit code {code}: {last}")
        answer = json.loads(output)
        if "refused" in answer:
            raise ModelError(answer["refused"])
        return answer["result"]

    def kill(self) -> None:
        """End it; its result is not needed."""
        self._process.kill()
        self._process.communicate()


def call(job: str, *arguments: str, seconds: float = SECONDS) -> Any:
    """Call a function in a child process and return its result. Raises as ChildProcess.result."""
    return ChildProcess(job, *arguments, seconds=seconds).result()


def main() -> None:
    """The child's program: python -m edge_daemon.system.child_process MODULE:FUNCTION ARGUMENT..."""
    job, *arguments = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print to stdout
    module, name = job.split(":")
    function = getattr(importlib.import_module(module), name)
    limit()
    try:
        answer = {"result": function(*arguments)}
    except ModelError as error:
        answer = {"refused": str(error)}
    with answers:
        json.dump(answer, answers)
        answers.flush()
        os._exit(0)  # skips the exit handlers of libraries, which may crash


def limit() -> None:
    """Limit this process: memory, CPU time, no files written, no core dumps."""
    pages = int(_STATUS.read_text().split()[0]) if _STATUS.exists() else 0
    memory = pages * resource.getpagesize() + MEMORY
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(SECONDS)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()

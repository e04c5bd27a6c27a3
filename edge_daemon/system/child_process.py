"""Call a function of ours in a process of its own, with limits: what may crash or hang takes only that process along.

A hostile model segfaults the runtime, a faulty USB device aborts it. Neither can be caught where it happens.
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
from pathlib import Path
from typing import Any

from edge_daemon.errors import ChildError, ModelError

SECONDS = 60.0
"""In which a child must be done; a slow Pi takes ten of them for imports alone."""
MEMORY = 512 * 1024 * 1024
"""Bytes that a child may take on top of what it takes to start."""
_TAIL = 2000
_STATUS = Path("/proc/self/statm")


class ChildProcess:
    """A function of ours at work in a process of its own."""

    def __init__(self, job: str, *arguments: str, seconds: float = SECONDS) -> None:
        """`job` is "module:name"; the arguments are text."""
        command = [sys.executable, "-m", "edge_daemon.system.child_process", job, *arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def is_over(self) -> bool:
        """Whether `answer` would not wait."""
        return self._process.poll() is not None or time.monotonic() > self._deadline

    def answer(self) -> Any:
        """What the function returns, as JSON carries it; waits for it.

        Raises ModelError where it raised one, and ChildError where its process died, hung or ran into a limit; the
        message is a sentence without a subject ("was killed by SIGSEGV").
        """
        try:
            said, complained = self._process.communicate(timeout=max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.end()
            raise ChildError(f"was not done after {self._seconds:.0f} s") from None
        code = self._process.returncode
        if code < 0:
            raise ChildError(f"was killed by {signal.Signals(-code).name}")
        if code > 0:
            last = complained.decode(errors="replace")[-_TAIL:].strip().rsplit("\n", 1)[-1] or "it did not say why"
            raise ChildError(f"ended with exit code {code}: {last}")
        answer = json.loads(said)
        if "refused" in answer:
            raise ModelError(answer["refused"])
        return answer["said"]

    def end(self) -> None:
        """It is no longer of interest."""
        self._process.kill()
        self._process.communicate()


def call(job: str, *arguments: str, seconds: float = SECONDS) -> Any:
    """What a function returns that is called in a process of its own. See Child."""
    return ChildProcess(job, *arguments, seconds=seconds).answer()


def main() -> None:
    """In the child: python -m edge_daemon.system.child_process MODULE:FUNCTION ARGUMENT..."""
    job, *arguments = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print where they like
    module, name = job.split(":")
    function = getattr(importlib.import_module(module), name)
    limit()
    try:
        answer = {"said": function(*arguments)}
    except ModelError as error:
        answer = {"refused": str(error)}
    with answers:
        json.dump(answer, answers)
        answers.flush()
        os._exit(0)  # what a library does at its end is no longer of interest


def limit() -> None:
    """Less than the daemon may: memory, time, no files written, no core dumps."""
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

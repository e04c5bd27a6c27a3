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
from pathlib import Path
from typing import Any

from edge_daemon.errors import ChildError, ModelError

SECONDS = 60.0
"""In which a child must be done; a slow Pi takes ten of them for imports alone."""
MEMORY = 512 * 1024 * 1024
"""Bytes that a child may take on top of what it takes to start."""
_TAIL = 2000
_STATUS = Path("/proc/self/statm")


def apart(job: str, *arguments: str, seconds: float = SECONDS) -> Any:
    """What the function `job` ("module:name") returns for these arguments, as JSON carries it.

    Raises ModelError where it raised one, and ChildError where its process died, hung or ran into a limit; the
    message is a sentence without a subject ("was killed by SIGSEGV").
    """
    command = [sys.executable, "-m", "edge_daemon.apart", job, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        raise ChildError(f"was not done after {seconds:.0f} s") from None
    said = done.stderr.decode(errors="replace")[-_TAIL:].strip()
    if done.returncode < 0:
        raise ChildError(f"was killed by {signal.Signals(-done.returncode).name}")
    if done.returncode > 0:
        last = said.rsplit("\n", 1)[-1] or "it did not say why"
        raise ChildError(f"ended with exit code {done.returncode}: {last}")
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise ModelError(answer["refused"])
    return answer["said"]


def main() -> None:
    """In the child: python -m edge_daemon.apart MODULE:FUNCTION ARGUMENT..."""
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

"""Runs `edge-daemon setup` with the simulated camera, with answers in a file or typed in a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CAMERA = '[camera]\nsource = "simulated"\nsurface = "paper"\nseed = 3\nhold = 3000\n'
"""Three numbers that stand still."""
PATIENCE = 90
"""Longest time in seconds for a whole setup."""


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"STATE_DIRECTORY": str(folder / "state"), "RUNTIME_DIRECTORY": str(folder / "run")}


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "edge_daemon", "setup", "--config", str(folder / "my.toml"), *more]


def setup(folder: Path, answers: str) -> subprocess.CompletedProcess[str]:
    """`edge-daemon setup --answers`, for the configuration my.toml in the folder."""
    (folder / "answers.toml").write_text(answers)
    return subprocess.run(
        command(folder, "--answers", str(folder / "answers.toml")),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(folder),
    )


def converse(folder: Path, answers: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """`edge-daemon setup --terminal`: each answer is typed when the words before it have been printed.

    Returns all that was printed, and the exit code. Fails if it ends before all answers were asked for.
    """
    process, terminal = pty.fork()
    if process == 0:
        words = command(folder, "--terminal")
        os.execve(words[0], words, environment(folder))
    printed = ""
    try:
        for question, answer in answers:
            printed += _until(terminal, question)
            os.write(terminal, answer.encode())
        printed += _until(terminal, None)
        return printed, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    except BaseException:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        raise
    finally:
        os.close(terminal)


def _until(terminal: int, words: str | None) -> str:
    """What is printed until these words were (None: to the end)."""
    printed = ""
    while words is None or words not in printed:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            more = b""
        if not more:
            assert words is None, f"it ended before it printed {words!r}:\n{printed}"
            break
        printed += more.decode(errors="replace")
    return printed

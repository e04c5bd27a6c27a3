"""Starts the program as its users do: `edge-daemon run`, `call`, `preview`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


@contextmanager
def started(
    *arguments: str, environment: Mapping[str, str] | None = None, broken: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """`edge-daemon` with these arguments, its log in `stderr`; killed at the end if it is still running."""
    start = ["-c", f"{broken}\nfrom edge_daemon.cli.main import main\nmain()"] if broken else ["-m", "edge_daemon"]
    program = [sys.executable, *start, *arguments]
    process = subprocess.Popen(program, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def daemon(folder: Path, url: str, camera: str, extra: str = "", broken: str = "") -> Iterator[subprocess.Popen[str]]:
    """`edge-daemon run` for the device `bench`, with its state and runtime folders in `folder`; killed at the end.

    `broken`: Python code that breaks the program before it runs.
    """
    config = folder / "edge.toml"
    config.write_text(f'[device]\nid = "bench"\n[camera]\n{camera}\n[mqtt]\nurl = "{url}"\ndetail = "digits"\n{extra}')
    folders = {"STATE_DIRECTORY": str(folder / "state"), "RUNTIME_DIRECTORY": str(folder / "runtime")}
    with started("run", "--config", str(config), environment=os.environ | folders, broken=broken) as process:
        yield process


def call(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`edge-daemon call` to the device `bench`."""
    where = ["--broker", url, "--device", "bench"]
    command = [sys.executable, "-m", "edge_daemon", "call", *where, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def preview(file: Path, *more: str) -> AbstractContextManager[tuple[subprocess.Popen[str], str]]:
    """`edge-daemon preview`, and the address that it prints."""
    return page("preview", file, *more)


@contextmanager
def page(command: str, file: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that serves a page for the configuration `file`, and the address that it prints."""
    folder = file.parent
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_daemon", command, "--config", str(file), "--port", "0", *more],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"STATE_DIRECTORY": str(folder / "state"), "RUNTIME_DIRECTORY": str(folder / "run")},
    )
    try:
        assert process.stdout is not None
        yield process, next(match[0] for line in process.stdout if (match := re.search(r"https?://\S+", line)))
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

"""The whole daemon as a process of its own, started often.

Each is forked from a server that has imported the program already: a start takes a tenth of the time.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from edge_daemon.domain import Grey
from tests.campaigns.fuzz.campaign import Died
from tests.support.pictures.paper import page

PATIENCE = 60.0
"""Seconds in which anything must have happened; the machine may be busy."""
processes = multiprocessing.get_context("forkserver")
# the last one: each process imports the main module again, and with it all targets
processes.set_forkserver_preload(["edge_daemon.app", "edge_daemon.sources.files", "tests.campaigns.fuzz.targets"])


class WholeDaemon:
    """A running `edge-daemon run`, with its folders `state` and `run` in `folder`."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.log = folder / "log"
        self._arguments = folder, config, self.log
        self._start()

    def _start(self) -> None:
        self._process = processes.Process(target=live, args=self._arguments)
        self._process.start()

    def revive(self) -> None:
        """Starts it again, with an empty log, if a case before has ended it or made it log a traceback."""
        if self.has_failed:
            self.kill()
            self.log.unlink(missing_ok=True)
            self._start()

    def wait_until(self, true: Callable[[], object], what: str) -> float:
        """Waits for a condition; returns the seconds that it took. Raises Died if the process ends before, or hangs."""
        began = time.monotonic()
        while not true():
            self.check()
            if time.monotonic() > began + PATIENCE:
                raise Died(f"{what} has not happened\n{self.tail()}")
            time.sleep(0.02)
        return time.monotonic() - began

    @property
    def has_ended(self) -> bool:
        return self._process.exitcode is not None

    @property
    def has_failed(self) -> bool:
        """Whether it has ended, or has logged an error that is not foreseen."""
        return self.has_ended or (self.log.exists() and "Traceback" in self.log.read_text(errors="replace"))

    def check(self) -> None:
        """Raises Died if the process has ended, or has logged an error that is not foreseen."""
        if self._process.exitcode is not None:
            raise Died(f"it ended with {self._process.exitcode}\n{self.tail()}")
        if self.log.exists() and "Traceback" in self.log.read_text(errors="replace"):
            raise Died(f"a traceback\n{self.tail()}")

    def refused(self) -> str:
        """Waits for its end, and returns its log if it ended as for a wrong configuration. Raises Died otherwise."""
        self._process.join(PATIENCE)
        text = self.log.read_text(errors="replace")
        if self._process.exitcode != 78 or "Traceback" in text:
            raise Died(f"it ended with {self._process.exitcode}\n{self.tail()}")
        return text

    def reload(self) -> None:
        """Has it read its configuration again, and waits until it goes on. Raises Died."""
        assert self._process.pid is not None
        self.wait_until(self._starts, "a start")
        starts = self._starts()
        os.kill(self._process.pid, signal.SIGHUP)
        self.wait_until(lambda: self._starts() > starts, "a start with the new configuration")

    def _starts(self) -> int:
        return self.log.read_text(errors="replace").count("reading with") if self.log.exists() else 0

    def stop(self) -> None:
        """Ends it as systemd does. Raises Died if it does not end well."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGTERM)
        self._process.join(PATIENCE)
        text = self.log.read_text(errors="replace")
        if self._process.exitcode != 0 or "Traceback" in text:
            raise Died(f"after SIGTERM it ended with {self._process.exitcode}\n{self.tail()}")

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def tail(self) -> str:
        """The end of its log."""
        return (
            "".join(self.log.read_text(errors="replace").splitlines(keepends=True)[-25:]) if self.log.exists() else ""
        )


def live(folder: Path, config: Path, log: Path) -> None:
    """The life of one process."""
    os.environ["STATE_DIRECTORY"], os.environ["RUNTIME_DIRECTORY"] = str(folder / "state"), str(folder / "run")
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    command = ["-m", "edge_daemon", "run", "--config", str(config)]
    sys.argv, sys.orig_argv = ["edge-daemon", *command[2:]], [sys.executable, *command]

    from edge_daemon.cli.main import main
    from edge_daemon.system import log_setup

    log_setup.PER_MINUTE = 1_000_000  # `reload` waits for a line that comes at each start
    main()


@contextmanager
def running(folder: Path, config: Path) -> Iterator[WholeDaemon]:
    """A daemon that is killed at the end if it is still running."""
    daemon = WholeDaemon(folder, config)
    try:
        yield daemon
    finally:
        daemon.kill()


WHOLE_FRAME = '[[field]]\nname = "tank"\nregion = [0.0, 0.0, 1.0, 1.0]\nsettle = "0.2s"\n'
LOOKED_AT = 0.3
"""Seconds after which the daemon has seen a picture in its folder often enough to publish it."""


def configuration(folder: Path, url: str, camera: str, extra: str = "", field: str = WHOLE_FRAME) -> Path:
    """Writes a configuration for the device `bench` that decides fast; returns its path."""
    path = folder / "edge.toml"
    path.write_text(
        f'[device]\nid = "bench"\n[camera]\nsource = "files"\n{camera}\nactive_fps = 20.0\nidle_fps = 20.0\n'
        f'[mqtt]\nurl = "{url}"\nlongest_wait = "1s"\n{field}{extra}'
    )
    return path


def written(text: str) -> Grey:
    """A page with a number that is read at once."""
    return page([(text, 40, 50)], size=(320, 160), height=60, pen=4)


def write_picture(path: Path, picture: Grey) -> None:
    """Lays a picture into a folder as it should be done: whole, by renaming."""
    fresh = path.with_name(f".{path.name}").with_suffix(".png")
    cv2.imwrite(str(fresh), picture)
    fresh.replace(path)


class Tracebacks(logging.Handler):
    """Notices errors that are logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._found: list[str] = []
        logging.getLogger("edge_daemon").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._found.append(logging.Formatter().format(record))

    def check(self) -> None:
        """Raises Died if there was one since the last call."""
        found, self._found = self._found, []
        if found:
            raise Died("\n".join(found))

    def close(self) -> None:
        logging.getLogger("edge_daemon").removeHandler(self)
        super().close()

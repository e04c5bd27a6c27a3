"""Log lines of a child process whose stderr is a real file, pipe or terminal."""

from __future__ import annotations

import logging
import os
import pty
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from edge_daemon.system import log_setup
from edge_daemon.system.journal import MESSAGE_IDS

PROGRAM = """
import logging, sys
from edge_daemon.system import log_setup as logs
logs.setup(verbose="-v" in sys.argv)
log = logging.getLogger("edge_daemon.test")
log.debug("a detail")
log.info("reading units")
log.warning("camera gone")
logging.getLogger("paho").info("chatter of a library")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
"""


def logged(stderr: int, *arguments: str, env: dict[str, str] | None = None) -> None:
    clean = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    subprocess.run([sys.executable, "-c", PROGRAM, *arguments], stderr=stderr, env=clean | (env or {}), check=True)


def logged_to_file(path: Path, *arguments: str, journal: bool = False) -> list[str]:
    with path.open("wb") as file:
        stat = os.fstat(file.fileno())
        env = {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"} if journal else {}
        logged(file.fileno(), *arguments, env=env)
    return path.read_text().splitlines()


def test_journal_lines_carry_their_priority(tmp_path: Path) -> None:
    """Under systemd each line is `<priority>text` without a time of its own, to a traceback's last line."""
    lines = logged_to_file(tmp_path / "log", journal=True)
    assert lines[:3] == ["<6>reading units", "<4>camera gone", "<3>broken"]
    assert lines[-1].startswith("<3>ZeroDivisionError")
    assert all(line.startswith("<3>") for line in lines[2:])


def test_a_redirected_stderr_is_not_the_journal(tmp_path: Path) -> None:
    """An inherited JOURNAL_STREAM that is not this stderr has no effect: the line has date, time and level."""
    with (tmp_path / "log").open("wb") as file:
        logged(file.fileno(), env={"JOURNAL_STREAM": "1:2"})
    first = (tmp_path / "log").read_text().splitlines()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO    reading units", first)


def test_terminal_gets_a_short_time() -> None:
    """On a terminal a line is the time of day, the level and the message."""
    ours, theirs = pty.openpty()
    logged(theirs)
    os.close(theirs)
    first = os.read(ours, 4096).decode().splitlines()[0]
    os.close(ours)
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    reading units", first)


def test_verbose_shows_our_details_but_no_library_chatter(tmp_path: Path) -> None:
    """-v adds this program's DEBUG lines; lines of libraries below WARNING are left out in both cases."""
    quiet, verbose = (logged_to_file(tmp_path / "log", *flags, journal=True) for flags in ([], ["-v"]))
    assert "<7>a detail" in verbose
    assert "<7>a detail" not in quiet
    assert not [line for line in quiet + verbose if "chatter" in line]


NATIVE = """
import logging, sys
from edge_daemon.system import journal, log_setup as logs
journal.SOCKET = sys.argv[1]
logs.setup(verbose=False)
log = logging.getLogger("edge_daemon.test")
log.info("%s: no_digits", "units", extra=journal.event("reading", FIELD="units", STATUS="no_digits"))
1 / 0
"""


def test_the_journal_gets_fields(tmp_path: Path) -> None:
    """A reading can be searched by field, status and kind; an exception that ends the process is one critical entry."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald, (tmp_path / "log").open("wb") as file:
        journald.bind(str(tmp_path / "journal"))
        stat = os.fstat(file.fileno())
        env = os.environ | {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"}
        subprocess.run([sys.executable, "-c", NATIVE, str(tmp_path / "journal")], stderr=file, env=env)
        first, last = journald.recv(65536).decode().splitlines(), journald.recv(65536)
    assert {"MESSAGE=units: no_digits", "PRIORITY=6", "FIELD=units", "STATUS=no_digits"} <= set(first)
    assert f"MESSAGE_ID={MESSAGE_IDS['reading']}" in first
    length = struct.unpack("<Q", last[8:16])[0]
    assert last[:8] == b"MESSAGE\n"
    assert b"ZeroDivisionError" in last[16 : 16 + length]
    assert last[16 + length :].startswith(b"\nPRIORITY=2\n")
    assert (tmp_path / "log").read_text() == ""


def test_repeated_lines_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Of a thousand lines of one kind in a minute 60 are logged, and later the number of the others."""
    clock = [0.0]
    bounded = log_setup.RateLimit(now=lambda: clock[0])

    def passes(text: str, *values: object) -> str | None:
        record = logging.LogRecord("edge_daemon.test", logging.INFO, "", 0, text, values, None)
        return record.getMessage() if bounded.filter(record) else None

    assert sum(passes("%s: gone", n) is not None for n in range(1000)) == log_setup.PER_MINUTE
    assert passes("connected to %s", "broker") == "connected to broker"
    clock[0] = 61.0
    assert passes("%s: gone", 7) == "7: gone (and 940 similar lines before)"
    assert passes("%s: gone", 8) == "8: gone"

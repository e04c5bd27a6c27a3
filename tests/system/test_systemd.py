"""systemd is played by a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_daemon.system.systemd import Systemd


class Manager:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """All messages since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


def systemd(tmp_path: Path, **env: str) -> Systemd:
    return Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify"), **env})


def test_ready_status_stopping(manager: Manager, tmp_path: Path) -> None:
    """Each word of the protocol arrives as a datagram of its own, in order."""
    us = systemd(tmp_path)
    us.ready()
    us.status("reading 3 fields")
    us.stopping()
    assert manager.heard() == ["READY=1", "STATUS=reading 3 fields", "STOPPING=1"]
    us.close()


def test_status_cannot_smuggle_a_second_variable(manager: Manager, tmp_path: Path) -> None:
    """A status text with line breaks stays one STATUS line."""
    us = systemd(tmp_path)
    us.status("camera gone\nWATCHDOG=1")
    assert manager.heard() == ["STATUS=camera gone WATCHDOG=1"]
    us.close()


def test_status_of_bytes_that_are_not_text(manager: Manager, tmp_path: Path) -> None:
    """A file name that is not UTF-8, in an error of a camera, is shown without those bytes."""
    us = systemd(tmp_path)
    us.status("caf\udce9.jpg: truncated")
    assert manager.heard() == ["STATUS=caf?.jpg: truncated"]
    us.close()


def test_abstract_socket() -> None:
    """A name with a leading @ is an abstract socket, as systemd writes it in containers."""
    name = f"edge-daemon-test-{os.getpid()}"
    manager = Manager("\0" + name)
    us = Systemd({"NOTIFY_SOCKET": "@" + name})
    us.ready()
    assert manager.heard() == ["READY=1"]
    us.close()
    manager.socket.close()


def test_nothing_outside_systemd() -> None:
    """Without NOTIFY_SOCKET every call does nothing and opens nothing."""
    us = Systemd({"WATCHDOG_USEC": "1"})
    us.ready()
    us.status("x")
    us.watchdog_ping()
    us.stopping()
    us.close()


def test_watchdog_pings_as_often_as_needed_and_no_more(manager: Manager, tmp_path: Path) -> None:
    """Called a thousand times in 20 s with a timeout of 8 s, it pings every 2 s."""
    clock = 100.0
    us = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "8000000"}, now=lambda: clock)
    for _ in range(1000):
        us.watchdog_ping()
        clock += 0.02
    assert manager.heard() == ["WATCHDOG=1"] * 10
    us.close()


def test_no_watchdog_unless_asked_for(manager: Manager, tmp_path: Path) -> None:
    """Without WATCHDOG_USEC, or with another process's WATCHDOG_PID, nothing is pinged."""
    for env in ({}, {"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid() + 1)}):
        us = systemd(tmp_path, **env)
        us.watchdog_ping()
        assert manager.heard() == []
        us.close()
    us = systemd(tmp_path, WATCHDOG_USEC="8000000", WATCHDOG_PID=str(os.getpid()))
    us.watchdog_ping()
    assert manager.heard() == ["WATCHDOG=1"]
    us.close()


def test_a_socket_that_nobody_reads_does_not_end_the_daemon(tmp_path: Path) -> None:
    """It is missing, closed, full, or its path is too long: each message is dropped after a moment."""
    address = tmp_path / "notify"
    with closing(systemd(tmp_path)) as reports:
        reports.ready()
        Manager(str(address)).socket.close()
        reports.ready()
    address.unlink(missing_ok=True)
    with closing(Manager(str(address)).socket), closing(systemd(tmp_path)) as reports:
        queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
        for _ in range(queue + 2):
            reports.ready()
    with closing(Systemd({"NOTIFY_SOCKET": "/" + "x" * 300})) as reports:
        reports.ready()


@pytest.mark.parametrize("usec", ["", "soon", "-1", "1e6"])
def test_a_watchdog_time_that_is_no_number(manager: Manager, tmp_path: Path, usec: str) -> None:
    """Counts as none."""
    with closing(systemd(tmp_path, WATCHDOG_USEC=usec)) as reports:
        reports.watchdog_ping()
    assert manager.heard() == []

"""Reports to systemd: ready, stopping, alive, and a line for `systemctl status`. Does nothing outside systemd.

The protocol is sd_notify(3): one datagram of VARIABLE=value lines to the socket named by $NOTIFY_SOCKET.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from time import monotonic, monotonic_ns

log = logging.getLogger(__name__)

PATIENCE = 0.5
"""Seconds for which a message may wait until the service manager takes it."""
PINGS_PER_TIMEOUT = 4
"""Pings in one watchdog timeout: one that is late or lost must not end the service."""


class Systemd:
    """The connection to the service manager, if there is one. Call it from one thread."""

    def __init__(self, env: Mapping[str, str] = os.environ, now: Callable[[], float] = monotonic) -> None:
        """`env` is where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are looked up; `now` is in seconds."""
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self._interval = _watchdog_seconds(env) / PINGS_PER_TIMEOUT
        self._now = now
        self._next_ping = now()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        if self._socket:
            self._socket.settimeout(PATIENCE)

    def ready(self) -> None:
        """The service has started: units ordered after it may start."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The service reads its configuration again; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service is stopping."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send("STATUS=" + " ".join(text.split()))

    def watchdog_ping(self) -> None:
        """The service is alive. Call it as often as you like: it sends only as often as WATCHDOG_USEC requires."""
        if self._interval and self._now() >= self._next_ping:
            self._next_ping = self._now() + self._interval
            self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket:
            try:
                self._socket.sendto(message.encode(errors="replace"), self._address)
            except OSError as error:  # nobody receives it: that must not end the daemon
                log.debug("the service manager does not receive %s: %s", message.partition("=")[0], error)


def _address(name: str) -> str:
    """The socket's address: a path, or an abstract name, which systemd writes with a leading @."""
    return "\0" + name[1:] if name.startswith("@") else name


def _watchdog_seconds(env: Mapping[str, str]) -> float:
    """The watchdog timeout for this process in seconds; 0: none."""
    if env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0  # meant for a parent process, whose environment was inherited
    usec = env.get("WATCHDOG_USEC", "0")
    return int(usec) / 1e6 if usec.isdecimal() else 0.0

"""Tells systemd how we are: ready, stopping, alive, a line for `systemctl status`. Silent outside systemd.

The protocol is sd_notify(3): one datagram of VARIABLE=value lines to the socket named by $NOTIFY_SOCKET.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from time import monotonic, monotonic_ns

PINGS_PER_TIMEOUT = 4
"""A ping that comes a little late, or is lost once, is no reason to be killed."""


class Systemd:
    """The service manager, if there is one. Call from one thread."""

    def __init__(self, env: Mapping[str, str] = os.environ, now: Callable[[], float] = monotonic) -> None:
        """`env` is where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are looked up; `now` is in seconds."""
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self._interval = _watchdog_seconds(env) / PINGS_PER_TIMEOUT
        self._now = now
        self._next_ping = now()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None

    def ready(self) -> None:
        """We are up: units ordered after us may start."""
        self._send("READY=1")

    def reloading(self) -> None:
        """We read the configuration again; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """We have begun to stop."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Shown by `systemctl status`; one line."""
        self._send("STATUS=" + " ".join(text.split()))

    def watchdog_ping(self) -> None:
        """We are alive. Call it as often as you like: it sends only as often as WATCHDOG_USEC needs."""
        if self._interval and self._now() >= self._next_ping:
            self._next_ping = self._now() + self._interval
            self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket:
            self._socket.sendto(message.encode(errors="replace"), self._address)


def _address(name: str) -> str:
    """The socket's address: a path, or an abstract name, which systemd writes with a leading @."""
    return "\0" + name[1:] if name.startswith("@") else name


def _watchdog_seconds(env: Mapping[str, str]) -> float:
    """The timeout within which systemd wants to hear of this very process; 0 when it does not."""
    if env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0  # meant for a parent of ours, which handed its environment down
    return int(env.get("WATCHDOG_USEC", "0")) / 1e6

"""Logs to systemd's journal with fields, so that `journalctl FIELD=units STATUS=no_digits` finds the lines.

The protocol is the journal's native one: a datagram of fields to its socket, see
https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Mapping
from typing import Any

SOCKET = "/run/systemd/journal/socket"
PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
"""Python's log levels -> syslog's, see sd-daemon(3)."""

MESSAGE_IDS = {
    "start": "8b104f9ec9534bba84b662e8ac653025",
    "reading": "cc991a5bac58411fb40ee4cc176ef3df",
    "camera": "5ab39d2cbd634d1ba93cfa1a009e1611",
    "broker": "2afc3a2686c145fd8806eb30e416b18a",
    "config": "6bbf253ff4ff48548719e9904687f953",
    "crash": "4f96c6eae3554a3a89cdfa780566a9f6",
    "restart": "44f19fac682e46379b35b2686b37886f",
}
"""Kinds of events that can be filtered with `journalctl MESSAGE_ID=...`. The ids never change."""
_LONGEST = 32_000
"""Characters of a message, at most: it must fit into a datagram."""


def event(kind: str, **fields: str) -> dict[str, Any]:
    """The `extra=` of a log call: the kind of event, a key of MESSAGE_IDS, and fields for searching, in upper case."""
    return {"journal": {"MESSAGE_ID": MESSAGE_IDS[kind], **fields}}


class JournalHandler(logging.Handler):
    """Sends each log record as one entry. Raises OSError if there is no journal."""

    def __init__(self) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.connect(SOCKET)

    def emit(self, record: logging.LogRecord) -> None:
        fields = {
            "MESSAGE": self.format(record)[:_LONGEST],
            "PRIORITY": str(PRIORITIES.get(record.levelno, 6)),
            "SYSLOG_IDENTIFIER": "edge-daemon",
            "LOGGER": record.name,
            **getattr(record, "journal", {}),
        }
        try:
            self._socket.send(encode_fields(fields))
        except OSError:  # the journal restarts: the line is lost
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing: there is no other place for the message."""

    def close(self) -> None:
        self._socket.close()
        super().close()


def encode_fields(fields: Mapping[str, str]) -> bytes:
    """NAME=value lines; a value with line breaks is sent with its length in front."""
    parts = []
    for name, value in fields.items():
        data = value.encode(errors="backslashreplace")
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)

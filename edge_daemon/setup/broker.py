"""Step 4, the broker: found, logged in to, and each step of the way checked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from edge_daemon.check import broker as check
from edge_daemon.check.finding import Found, Level
from edge_daemon.mqtt.address import BrokerAddress, resolve
from edge_daemon.setup.session import Session

HERE = ("localhost", 1883)
"""Where a broker on this machine listens."""
PATIENCE = 1.0
"""Seconds for a connection to it."""


def brokers(session: Session) -> list[str]:
    """The URLs of brokers: the configured one, and one on this machine if there is one."""
    found = [*session.draft.config.mqtt.urls]
    with suppress(OSError), socket.create_connection(HERE, PATIENCE):
        found.append(f"mqtt://{HERE[0]}:{HERE[1]}")
    return list(dict.fromkeys(found))


def address(session: Session) -> BrokerAddress:
    """The broker of the draft, with its login. Raises ConfigError."""
    return resolve(session.draft.config.mqtt)


def log_in(session: Session, url: str, username: str = "", password: str | None = None) -> Iterator[Found]:
    """Use this broker, and check every step to it. A password that the broker accepts is stored; None: the stored one
    stays in use.

    Raises ConfigError.
    """
    stored = session.draft.config.mqtt.password_file if password is None and username else ""
    session.draft.set("mqtt", {"url": url, "username": username or None, "password_file": stored or None})
    to = address(session)
    if password is not None:
        to = replace(to, password=password)
    for found in check.check(session.draft.config, to):
        yield found
        if found[0] is Level.FAIL:
            return
    if username and password is not None:
        credential = session.rights.password
        credential.store(password)
        session.draft.set("mqtt", {"password_file": credential.name})
        yield Level.OK, f"the password is stored as {credential.name}; only its owner can read it"

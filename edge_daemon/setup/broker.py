"""Step 4, the broker: found, logged in to, and each step of the way checked."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from edge_daemon.check import broker as check
from edge_daemon.check.finding import Found, Level
from edge_daemon.mqtt.address import BrokerAddress, resolve
from edge_daemon.setup import mdns
from edge_daemon.setup.session import Session

MQTT = "_mqtt._tcp"
"""How brokers are announced in the network."""
HERE = ("localhost", 1883)
"""Where a broker on this machine listens."""
PATIENCE = 1.0
"""Seconds for a connection to it."""


class Broker(NamedTuple):
    """A broker that can be chosen."""

    url: str
    name: str


def brokers(session: Session) -> list[Broker]:
    """The configured broker, one on this machine, and those that the network announces."""
    here = f"mqtt://{HERE[0]}:{HERE[1]}"
    found = dict.fromkeys(session.draft.config.mqtt.urls, "as configured")
    with suppress(OSError), socket.create_connection(HERE, PATIENCE):
        found[here] = "on this machine"
    for service in mdns.find(MQTT):
        found.setdefault(f"mqtt://{service.host}:{service.port}", f"announced as {service.name}")
    return [Broker(url, f"{url} ({what})") for url, what in found.items()]


def search_note() -> str:
    """Why brokers of the network are not found; empty: they are."""
    return "" if mdns.can_search() else "To find brokers in the network: sudo apt install avahi-utils"


def address(session: Session) -> BrokerAddress:
    """The broker of the draft, with its login. Raises ConfigError."""
    return resolve(session.draft.config.mqtt)


def log_in(
    session: Session, url: str | Sequence[str], username: str = "", password: str | None = None
) -> Iterator[Found]:
    """Use this broker, and check every step to it. A password that the broker accepts is stored; None: the stored one
    stays in use.

    Raises ConfigError.
    """
    before = session.draft.config.mqtt
    wanted = (url,) if isinstance(url, str) else tuple(url)
    urls = before.urls if set(wanted) <= set(before.urls) else wanted  # one of a configured cluster stands for all
    stored = before.password_file if password is None and username else ""
    keys = {"url": urls[0] if len(urls) == 1 else list(urls), "username": username or None}
    session.draft.set("mqtt", keys | {"password_file": stored or None})
    config = session.draft.config
    for found in check.check(config, resolve(config.mqtt, password)):
        yield found
        if found[0] is Level.FAIL:
            return
    if username and password is not None:
        credential = session.rights.password
        credential.store(password)
        session.draft.set("mqtt", {"password_file": credential.name})
        yield Level.OK, f"the password is stored as {credential.name}; only its owner can read it"

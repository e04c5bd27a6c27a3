"""Secret files of the service: found by name among systemd's credentials, or by path."""

from __future__ import annotations

import os
from pathlib import Path

from edge_daemon.errors import ConfigError

CREDENTIALS = Path("/etc/edge-daemon")
"""Where systemd/edge-daemon.service takes its credentials from; commands by hand find them there."""


def find_credential(name: str) -> Path:
    """The file of that name: a credential of the service, or a path."""
    if "/" in name:
        return Path(name)
    places = [Path(os.environ.get("CREDENTIALS_DIRECTORY", ".")), Path(), CREDENTIALS]
    return next((place / name for place in places if (place / name).is_file()), Path(name))


def read_password(name: str) -> str:
    """The file's text without the line's end. Raises ConfigError."""
    try:
        return find_credential(name).read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"[mqtt] password_file {name}: {error}") from None

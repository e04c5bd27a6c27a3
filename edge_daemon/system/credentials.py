"""Secret files of the service: found by name among systemd's credentials, or by path."""

from __future__ import annotations

import os
from pathlib import Path

from edge_daemon.errors import ConfigError
from edge_daemon.system import regular_file

CREDENTIALS = Path("/etc/edge-daemon")
"""The folder from which edge-daemon.service takes its credentials; commands run by hand find them there."""


def find_credential(name: str) -> Path:
    """The path of a named file: a credential of the service, or, with a slash, the path itself; ~ is the home folder.

    Raises OSError where there is no home folder.
    """
    if "/" in name:
        return expand_home(name)
    places = [Path(os.environ.get("CREDENTIALS_DIRECTORY", ".")), Path(), CREDENTIALS]
    return next((place / name for place in places if (place / name).is_file()), Path(name))


def read_password(name: str) -> str:
    """The text of the file without the byte order mark and line break that editors add. Raises ConfigError."""
    try:
        return regular_file.read(find_credential(name)).decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError(f"[mqtt] password_file {name}: it is not in UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"[mqtt] password_file {name}: {error}") from None


def expand_home(name: str) -> Path:
    """A path in which ~ or ~user at the start is that home folder. Raises OSError where there is none."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise OSError(None, f"{error}") from None

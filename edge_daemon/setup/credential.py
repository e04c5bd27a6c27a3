"""The file of the broker's password: a credential of the service, or a file beside the configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_daemon.errors import ConfigError
from edge_daemon.system import atomic
from edge_daemon.system.credentials import CREDENTIALS
from edge_daemon.system.privileges import Action, keep

NAME = "mqtt-password"
"""The credential in the service's units (LoadCredential=)."""
MODE = 0o600
"""Only the owner, for the service root, can read it; systemd passes it on."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Where a password is stored."""

    name: str
    """The value of [mqtt] password_file."""
    write: Action
    """Stores a password, durably and for the owner alone."""

    def store(self, password: str) -> None:
        """Store a password. Raises ConfigError."""
        content = f"{password}\n".encode()
        try:
            self.write(content)
            # what this process was given instead of the file, if it is not root's any more
            if "/" not in self.name and (folder := os.environ.get("CREDENTIALS_DIRECTORY")):
                atomic.write(Path(folder) / self.name, content, 0o400)
        except OSError as error:
            raise ConfigError(f"the password cannot be stored: {error.strerror}") from None


def credential_of(config: Path) -> Credential:
    """Where the password of a configuration is stored, with the rights that this process has now (see keep)."""
    config = config.absolute()
    stem = "" if config.stem == "config" else f"{config.stem}."
    place = config.with_name(f"{stem}{NAME}")
    is_service = config.parent == CREDENTIALS
    return Credential(NAME if is_service else str(place), keep(partial(atomic.write, place, mode=MODE)))

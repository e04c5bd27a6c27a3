"""The configuration file of the daemon, and a copy of the last one that it ran with.

If the file is damaged, or half edited when the power returns, the daemon starts with the copy: a device that nobody
visits must go on publishing.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from edge_daemon.config import schema
from edge_daemon.config.schema import Config
from edge_daemon.errors import ConfigError
from edge_daemon.system import atomic
from edge_daemon.system.journal import event

log = logging.getLogger(__name__)

_HEAD = "# The last configuration that ran, a copy of "
"""The first line of the copy; the path of the file follows. State on devices: it must not change."""


class ConfigFile:
    """A configuration file (None: the defaults), and its last good copy."""

    def __init__(self, path: Path | None, copy: Path) -> None:
        """`copy` is the path of the copy; it is used only for this `path`."""
        self._path = path
        self._copy = copy
        self._head = f"{_HEAD}{path.resolve()}\n" if path else ""

    def load(self) -> Config:
        """The configuration in the file. Raises ConfigError."""
        return schema.load(self._path)

    def load_at_start(self) -> tuple[Config, str]:
        """The configuration to start with, and what is wrong with the file if it is the copy ("": nothing).

        Raises ConfigError if the file cannot be used and there is no good copy of it.
        """
        try:
            return self.load(), ""
        except ConfigError as error:
            copy = self._last_good()
            if copy is None:
                raise
            log.error("starting with the last good configuration, %s: %s", self._copy, error, extra=event("config"))
            return copy, str(error)

    def save_copy(self) -> None:
        """Copy the file, which the daemon runs with now. Writes only if it has changed."""
        if self._path is None:
            return
        with suppress(OSError, UnicodeDecodeError):  # a full disk: the old copy stays
            text = self._head + self._path.read_text(encoding="utf-8")
            if self._copy.is_file() and self._copy.read_text(encoding="utf-8") == text:
                return
            atomic.write(self._copy, text.encode(), mode=0o600)

    def _last_good(self) -> Config | None:
        if self._path is None:
            return None
        try:
            text = self._copy.read_text(encoding="utf-8")
            return schema.parse(str(self._copy), text) if text.startswith(self._head) else None
        except (OSError, ValueError):  # no copy, or one with keys that this version does not know
            return None

"""The configuration file of the daemon, and a copy of the last one with which it has read a frame.

If the file is damaged, or half edited when the power returns, the daemon starts with the copy: a device that nobody
visits must go on publishing.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from edge_daemon.config import schema
from edge_daemon.config.file import read_text
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
        self._unproven = ""
        """The text of the configuration that is running and was not copied yet."""

    def load(self) -> Config:
        """The configuration in the file, only to see whether it can be used. Raises ConfigError."""
        return schema.load(self._path)

    def load_to_run(self) -> Config:
        """The configuration in the file, which the daemon runs with next. Raises ConfigError."""
        if self._path is None:
            return schema.load(None)
        text = read_text(self._path)
        config = schema.parse(str(self._path), text)
        self._unproven = text
        return config

    def load_at_start(self) -> tuple[Config, str]:
        """The configuration to start with, and what is wrong with the file if it is the copy ("": nothing).

        Raises ConfigError if the file cannot be used and there is no good copy of it.
        """
        try:
            return self.load_to_run(), ""
        except ConfigError as error:
            copy = self._last_good()
            if copy is None:
                raise
            log.error("starting with the last good configuration, %s: %s", self._copy, error, extra=event("config"))
            return copy, str(error)

    def save_copy(self) -> None:
        """Copy the text of the running configuration: a frame was read with it. Writes only if it has changed."""
        if not self._unproven:
            return
        text, self._unproven = self._head + self._unproven, ""
        with suppress(OSError, UnicodeDecodeError):  # a full disk: the old copy stays
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

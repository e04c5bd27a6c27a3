"""The configuration the daemon was given, and behind it the last copy of it that ran.

A file that is damaged, or that somebody is in the middle of editing when the power returns, must not keep a device
silent that nobody visits.
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


class Configuration:
    """A configuration file (None: the defaults) and its last good copy."""

    def __init__(self, path: Path | None, copy: Path) -> None:
        """`copy` is where the copy lies, or will lie; it counts only for this `path`."""
        self._path = path
        self._copy = copy
        self._head = f"{_HEAD}{path.resolve()}\n" if path else ""

    def load(self) -> Config:
        """What the file says. Raises ConfigError."""
        return schema.load(self._path)

    def boot(self) -> tuple[Config, str]:
        """What is to run, and why that is not what the file says; empty: it is.

        Raises ConfigError where the file cannot be used and there is no good copy of it.
        """
        try:
            return self.load(), ""
        except ConfigError as error:
            copy = self._last_good()
            if copy is None:
                raise
            log.error("running with the last good one, %s: %s", self._copy, error, extra=event("config"))
            return copy, str(error)

    def keep(self) -> None:
        """The file, as it is now, runs: remember it. Written only when it has changed."""
        if self._path is None:
            return
        with suppress(OSError, UnicodeDecodeError):  # a full disk: the copy before stays
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
        except (OSError, ValueError):  # none, or an older version's, which says things that are not known any more
            return None

"""The configuration file of the daemon, and a copy of the last one with which it has read a frame.

If the file is damaged, or half edited when the power returns, the daemon starts with the copy: a device that nobody
visits must go on publishing.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from edge_daemon.config import schema
from edge_daemon.config.file import read_text
from edge_daemon.config.schema import Config
from edge_daemon.errors import ConfigError, StepError
from edge_daemon.system import atomic, regular_file
from edge_daemon.system.crash_guard import GUARD, step_of
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
        self._head = f"{_HEAD}{os.path.realpath(path)}\n" if path else ""  # not resolve(): a link to itself
        self._unproven = ""
        """The text of the configuration that is running and was not copied yet."""
        self._step = step_of("", "")
        """The use of that configuration until the first frame was read."""
        self._crashing: Config | None = None
        """A configuration that has ended the process twice."""

    def load(self) -> Config:
        """The configuration in the file, only to see whether it can be used. Raises ConfigError."""
        return schema.load(self._path)

    def load_to_run(self) -> Config:
        """The configuration in the file, which the daemon runs with next. Raises ConfigError."""
        if self._path is None:
            return schema.load(None)
        text = read_text(self._path)
        config = schema.parse(str(self._path), text)
        GUARD.end(self._step)
        if self._head + text != self._copied():
            self._step = step_of(f"starting with the configuration {self._path}", text)
            try:
                GUARD.begin(self._step)
            except StepError as error:
                self._crashing = config
                raise ConfigError(f"{error}, each time before a picture was read with it") from None
        self._unproven = text
        return config

    def load_at_start(self) -> tuple[Config, str]:
        """The configuration to start with, and what is wrong with the file if it is the copy ("": nothing).

        Raises ConfigError if the file cannot be used and there is no good copy of it.
        """
        try:
            return self.load_to_run(), ""
        except ConfigError as error:
            if copy := self._last_good():
                log.error("starting with the last good configuration, %s: %s", self._copy, error, extra=event("config"))
                return copy, str(error)
            if self._crashing:
                log.error("there is no other configuration: %s", error, extra=event("config"))
                return self._crashing, str(error)
            raise

    def save_copy(self) -> None:
        """Copy the text of the running configuration: a frame was read with it. Writes only if it has changed."""
        if not self._unproven:
            return
        GUARD.end(self._step, well=True)
        text, self._unproven = self._head + self._unproven, ""
        if text != self._copied():
            with suppress(OSError):  # a full disk: the old copy stays
                atomic.write(self._copy, text.encode(), mode=0o600)

    def _copied(self) -> str:
        """The text of the copy, with its first line; empty: there is none."""
        with suppress(OSError, UnicodeDecodeError):
            if self._copy.is_file():
                return regular_file.read(self._copy).decode()
        return ""

    def _last_good(self) -> Config | None:
        if self._path is None:
            return None
        text = self._copied()
        try:
            return schema.parse(str(self._copy), text) if text.startswith(self._head) else None
        except ConfigError:  # it has keys that this version does not know
            return None

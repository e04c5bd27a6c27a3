"""The draft of the configuration: a copy of the file that each step changes, until it replaces the file.

It stands in the state folder, so that a setup can be left and taken up again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from edge_daemon.config import edit, file, schema
from edge_daemon.config.schema import Config
from edge_daemon.errors import ConfigError
from edge_daemon.system import atomic, regular_file
from edge_daemon.system.privileges import Write

MODE = 0o600
"""Permissions of the draft: an address of a camera may be a secret."""


class Progress(msgspec.Struct):
    """How far a setup has come."""

    target: str
    """The path of the configuration."""
    began_with: str
    """The hash of its text when the setup began."""
    done: list[str] = []
    """The names of the steps that are done."""


class ConfigDraft:
    """The draft of one configuration file, and the steps that are done."""

    def __init__(self, target: Path, folder: Path) -> None:
        """Take up the draft in `folder`, or begin with the file `target`; with the default configuration if there is
        no such file. A draft of a file that was changed since is given up. Raises ConfigError or OSError."""
        self.target = target.absolute()
        self.path, self._progress_path = folder / "config.toml", folder / "progress.json"
        text = file.read_text(self.target) if self.target.exists() else file.default_text()
        schema.parse(str(self.target), text)
        began = hashlib.sha256(text.encode()).hexdigest()
        kept = self._kept()
        self.is_resumed = kept is not None and (kept.target, kept.began_with) == (str(self.target), began)
        """Whether steps of an earlier setup are taken up."""
        if kept is not None and self.is_resumed:
            self._progress = kept
            return
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write(self.path, text.encode(), MODE)
        self._progress = Progress(str(self.target), began)
        self._save_progress()

    @property
    def config(self) -> Config:
        """The configuration in the draft. Raises ConfigError."""
        return schema.load(self.path)

    @property
    def done(self) -> list[str]:
        """The names of the steps that are done."""
        return list(self._progress.done)

    def set(self, section: str, values: Mapping[str, Any]) -> None:
        """Set keys of [section]; None removes a key. Raises ConfigError: the draft stays as it was."""
        edit.store_keys(self.path, section, values)

    def mark_done(self, step: str) -> None:
        """Remember that a step is done. Raises OSError."""
        if step not in self._progress.done:
            self._progress.done.append(step)
            self._save_progress()

    def publish(self, write: Write) -> None:
        """Replace the configuration by the draft. Raises ConfigError."""
        text = file.read_text(self.path)
        edit.save(self.target, text, write)
        self._progress.began_with = hashlib.sha256(text.encode()).hexdigest()
        self._save_progress()

    def discard(self) -> None:
        """Remove the draft: the setup is finished."""
        for path in (self.path, self._progress_path):
            with suppress(OSError):
                path.unlink()

    def _kept(self) -> Progress | None:
        """The progress of an earlier setup, if its draft can be used."""
        try:
            schema.load(self.path)
            return msgspec.json.decode(regular_file.read(self._progress_path), type=Progress)
        except (OSError, ConfigError, msgspec.MsgspecError):
            return None

    def _save_progress(self) -> None:
        atomic.write(self._progress_path, msgspec.json.encode(self._progress), MODE)


def write_new_or_old(path: Path, content: bytes) -> None:
    """Replace a configuration file, or make it. Raises OSError."""
    if path.exists():
        atomic.rewrite(path, content)
    else:
        atomic.write(path, content)

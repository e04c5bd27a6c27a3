"""What the page can ask for, as plain functions: looks, drafts, saving, samples."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from edge_daemon.config import file, schema
from edge_daemon.errors import ConfigError, SampleError
from edge_daemon.images import data_url, encode_png
from edge_daemon.on_device import samples
from edge_daemon.preview import field_editor
from edge_daemon.preview.draft_view import Told, Trial
from edge_daemon.preview.field_editor import Draft
from edge_daemon.preview.frames import Eye

PAGE = 50
"""Samples that are handed out at once."""


class Desk:
    """One camera, one trial, one file. Asked from several threads: one at a time gets through."""

    def __init__(self, path: Path | None, state: Path, runtimes: Sequence[Path]) -> None:
        """Raises ConfigError, or ModelError."""
        self._path = path
        self._state, self._runtimes = state, runtimes
        self._config = schema.load(path)
        self._trial = Trial(self._config)
        self._eye = Eye(self._config.camera, runtimes)
        self._lock = Lock()

    def look(self, chosen: str | None) -> Told:
        """A new frame and all that is to be said of it. Raises CameraError."""
        with self._lock:
            told = self._trial.look(self._eye.look(), chosen)
            told["camera"] = "daemon" if self._eye.daemon else "own"
            return told

    def fields(self) -> Told:
        """The fields in the file, to begin with."""
        with self._lock:
            text = self._text()
            there = schema.parse(self._name, text).written["fields"]
            return {"fields": [field_editor.of(field) for field in there], "path": str(self._path or "")}

    def draft(self, fields: list[Draft]) -> Told:
        """Try these fields from now on; what is wrong with them is answered, and then the last good ones stay."""
        with self._lock:
            try:
                tried = schema.parse(self._name, field_editor.written(self._text(), fields))
            except ConfigError as error:
                return {"problems": problems(error)}
            if tried.fields != self._trial.config.fields:
                self._trial.begin(tried)
            return {"problems": []}

    def save(self, fields: list[Draft]) -> Told:
        """Write these fields into the file. Raises ConfigError."""
        if self._path is None:
            raise ConfigError("there is no file to save to. Start anew with: edge-daemon preview --config FILE")
        with self._lock:
            field_editor.save(self._path, field_editor.written(self._text(), fields))
            self._eye.find_daemon()
            return {"path": str(self._path), "daemon": bool(self._eye.daemon)}

    def reload(self) -> Told:
        """Have the daemon read the file anew."""
        with self._lock:
            self._eye.find_daemon()
            if not self._eye.daemon:
                return {"error": "no daemon runs here; start it with: edge-daemon run --config FILE"}
            try:
                os.kill(self._eye.daemon, signal.SIGHUP)
            except OSError as error:
                return {"error": f"{error.strerror}: run sudo systemctl reload edge-daemon"}
            return {}

    def samples(self) -> Told:
        """The next ones to label, and how far one has come."""
        try:
            store = samples.find_samples(self._state, self._runtimes)
        except SampleError as error:
            return {"samples": [], "labelled": 0, "left": 0, "note": str(error)}
        left, done = store.paths(labelled=False), store.paths(labelled=True)
        new = [_shown(name, sample) for (name, sample), _ in zip(store.all(labelled=False), range(PAGE), strict=False)]
        return {"samples": new, "labelled": len(done), "left": len(left)}

    def label(self, name: str, label: str | None) -> Told:
        """Raises SampleError."""
        samples.find_samples(self._state, self._runtimes).label(name, label)
        return {}

    def close(self) -> None:
        with self._lock:
            self._eye.close()

    @property
    def _name(self) -> str:
        return str(self._path or "defaults")

    def _text(self) -> str:
        """What the file holds now. Raises ConfigError where it is not valid."""
        text = file.text_of(self._path) if self._path else ""
        schema.parse(self._name, text)
        return text


def problems(error: ConfigError) -> list[str]:
    """Its lines, without the file and line that the page does not show."""
    return [line.split(": ", 1)[-1] for line in str(error).splitlines()]


def _shown(name: str, sample: samples.Sample) -> dict[str, Any]:
    return sample.as_json() | {"name": name, "picture": data_url(encode_png(sample.pixels), "png")}

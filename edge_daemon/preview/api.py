"""What the page can request, as plain functions: the live view, drafts of fields, saving, samples."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from edge_daemon.config import edit, file, schema
from edge_daemon.config.form import field_form
from edge_daemon.domain import Grey
from edge_daemon.errors import ConfigError, SampleError
from edge_daemon.images import data_url, encode_png
from edge_daemon.on_device import samples
from edge_daemon.preview import field_editor
from edge_daemon.preview.draft_view import DraftView, Json
from edge_daemon.preview.field_editor import Draft
from edge_daemon.preview.frames import LiveFrames
from edge_daemon.system import atomic
from edge_daemon.system.privileges import Write

SAMPLES = 50
"""The most samples that are sent at once."""


class PreviewApi:
    """One camera, one draft of the fields, one configuration file. Called from several threads; runs one call at a
    time. Each answer is a JSON object."""

    def __init__(self, path: Path | None, state: Path, runtimes: Sequence[Path], write: Write = atomic.rewrite) -> None:
        """`path` is the configuration (None: the defaults), `state` the state folder, `runtimes` the runtime folders
        of daemons on this machine; `write` replaces the configuration. Raises ConfigError or ModelError."""
        self._path, self._write = path, write
        self._state, self._runtimes = state, runtimes
        self._config = schema.load(path)
        self._view = DraftView(self._config)
        self._frames = LiveFrames(self._config.camera, runtimes)
        self._beside_daemon = True
        self._lock = Lock()

    def look(self, chosen: str | None) -> Json:
        """A new frame and what is read in it; focus is measured in the field named `chosen`. Raises CameraError."""
        with self._lock:
            answer = self._view.look(self._frames.next(), chosen)
            answer["camera"] = "daemon" if self._frames.daemon else "own"
            return answer

    @property
    def is_beside_daemon(self) -> bool:
        """Whether the frames come from a daemon here. Raises CameraError."""
        with self._lock:
            return self._frames.find_daemon() is not None

    def picture(self) -> Grey:
        """The pixels of a new frame. Raises CameraError."""
        with self._lock:
            return self._frames.next().pixels

    def fields(self) -> Json:
        """The fields in the file, and the form of a field (JSON Schema)."""
        with self._lock:
            written = schema.parse(self._name, self._text()).written["fields"]
            drafts = [field_editor.draft_of(field) for field in written]
            return {"fields": drafts, "form": field_form(), "path": str(self._path or "")}

    def draft(self, fields: list[Draft]) -> Json:
        """Use these fields from now on. If they are wrong the answer says why, and the last good ones stay."""
        with self._lock:
            try:
                config = schema.parse(self._name, field_editor.with_fields(self._text(), fields))
            except ConfigError as error:
                return {"problems": problems(error)}
            if config.fields != self._view.config.fields:
                self._view.begin(config)
            return {"problems": []}

    def save(self, fields: list[Draft]) -> Json:
        """Write these fields into the file. Raises ConfigError."""
        if self._path is None:
            raise ConfigError("there is no file to save to. Start again with: edge-daemon preview --config FILE")
        with self._lock:
            edit.save(self._path, field_editor.with_fields(self._text(), fields), self._write)
            self._frames.find_daemon()
            return {"path": str(self._path), "daemon": bool(self._frames.daemon)}

    def open_again(self, beside_daemon: bool = True) -> None:
        """Read the file again. A camera that is another one now is opened. `beside_daemon`: a daemon here has it too.

        Raises ConfigError."""
        with self._lock:
            config = schema.load(self._path)
            if (config.camera, beside_daemon) != (self._config.camera, self._beside_daemon):
                self._frames.close()
                self._frames = LiveFrames(config.camera, self._runtimes if beside_daemon else ())
            self._config, self._beside_daemon = config, beside_daemon
            self._view.begin(config)

    def reload(self) -> Json:
        """Make the daemon read the file again."""
        with self._lock:
            self._frames.find_daemon()
            if not self._frames.daemon:
                return {"error": "no daemon runs here; start it with: edge-daemon run --config FILE"}
            try:
                os.kill(self._frames.daemon, signal.SIGHUP)
            except OSError as error:
                return {"error": f"{error.strerror}: run sudo systemctl reload edge-daemon"}
            return {}

    def samples(self) -> Json:
        """The next samples to label, and how many are labelled and left."""
        try:
            store = samples.find_samples(self._state, self._runtimes)
        except SampleError as error:
            return {"samples": [], "labelled": 0, "left": 0, "note": str(error)}
        left, done = store.paths(labelled=False), store.paths(labelled=True)
        new = zip(store.all(labelled=False), range(SAMPLES), strict=False)
        return {
            "samples": [_with_picture(name, sample) for (name, sample), _ in new],
            "labelled": len(done),
            "left": len(left),
        }

    def label(self, name: str, label: str | None) -> Json:
        """Label a sample; None takes its label back. Raises SampleError."""
        samples.find_samples(self._state, self._runtimes).label(name, label)
        return {}

    def close(self) -> None:
        """Release the camera."""
        with self._lock:
            self._frames.close()

    @property
    def _name(self) -> str:
        return str(self._path or "defaults")

    def _text(self) -> str:
        """The text of the file. Raises ConfigError if it is not valid."""
        text = file.read_text(self._path) if self._path else ""
        schema.parse(self._name, text)
        return text


def problems(error: ConfigError) -> list[str]:
    """The lines of the error without file and line number, which the page does not show."""
    return [line.split(": ", 1)[-1] for line in str(error).splitlines()]


def _with_picture(name: str, sample: samples.Sample) -> dict[str, Any]:
    return sample.as_json() | {"name": name, "picture": data_url(encode_png(sample.pixels), "png")}

"""Where frames come from: one module a kind of camera, picked by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from edge_daemon.domain import Source

KINDS = {
    "picamera": ("picamera", "PiCamera"),
    "v4l2": ("v4l2.camera", "V4l2Camera"),
    "stream": ("stream", "StreamCamera"),
    "files": ("files", "FilesCamera"),
    "simulated": ("simulated.camera", "SimulatedCamera"),
}
"""[camera] source = ... -> module here, class in it. A module is imported when it is chosen."""

ONCE = frozenset({"picamera"})
"""Kinds that one process opens once: each Picamera2 keeps contiguous memory that only the process's end gives back."""

EXCLUSIVE = ONCE | {"v4l2"}
"""Kinds that only one process at a time can open."""

CALIBRATES = EXCLUSIVE
"""Kinds whose exposure, gain, focus and white balance can be locked."""


def options_type(kind: str) -> type[Any]:
    """The frozen Options of a kind of source. Raises KeyError for a kind that is not in KINDS."""
    return import_module(f"edge_daemon.sources.{KINDS[kind][0]}").Options  # type: ignore[no-any-return]


def open_source(kind: str, options: Any) -> Source:
    """A source, ready to give frames. `options` is of options_type(kind).

    Raises CameraError, PictureError or ConfigError, and KeyError for a kind that is not in KINDS.
    """
    module, name = KINDS[kind]
    source: Source = getattr(import_module(f"edge_daemon.sources.{module}"), name)(options)
    return source


def calibrated(kind: str, options: Any) -> Any:
    """The options of a kind that is in CALIBRATES, with what the camera now finds out for itself locked. Takes some
    seconds. Raises CameraError."""
    return import_module(f"edge_daemon.sources.{KINDS[kind][0]}").calibrated(options)

"""The kinds of source: one module for each, chosen by its name in [camera] source."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from edge_daemon.domain import Source
from edge_daemon.sources.mirrored import MirroredSource


class Kind(NamedTuple):
    """Where a kind of source is implemented."""

    module: str
    """Below edge_daemon.sources; imported only when the kind is chosen."""
    source: str
    """Name of the class that is a Source."""
    options: str
    """Name of the frozen dataclass that the class is made with."""


KINDS = {
    "picamera": Kind("picamera", "PiCamera", "PicameraOptions"),
    "v4l2": Kind("v4l2.camera", "V4l2Camera", "V4l2Options"),
    "stream": Kind("stream", "StreamCamera", "StreamOptions"),
    "files": Kind("files", "FilesCamera", "FilesOptions"),
    "simulated": Kind("simulated.camera", "SimulatedCamera", "SimulatedOptions"),
}
"""By the name in the configuration."""

OPENED_ONCE = frozenset({"picamera"})
"""Kinds that a process can open only once: each Picamera2 keeps contiguous memory until the process ends."""

EXCLUSIVE = OPENED_ONCE | {"v4l2"}
"""Kinds that only one process at a time can open."""

CALIBRATABLE = EXCLUSIVE
"""Kinds whose exposure, gain, focus and white balance can be locked."""

DETECTABLE = ("picamera", "v4l2")
"""Kinds whose cameras can be listed."""


def options_type(kind: str) -> type[Any]:
    """The options class of a kind. Raises KeyError for a kind that is not in KINDS."""
    return _named(kind, KINDS[kind].options)  # type: ignore[no-any-return]


def open_source(kind: str, options: Any) -> Source:
    """A source, ready to give frames, mirrored where the options say so. `options` is of options_type(kind).

    Raises CameraError, PictureError or ConfigError, and KeyError for a kind that is not in KINDS.
    """
    source: Source = _named(kind, KINDS[kind].source)(options)
    return MirroredSource(source) if options.mirror else source


def present_cameras() -> list[tuple[str, dict[str, Any]]]:
    """The name of each camera of this machine, and the keys of [camera] that choose it; none is opened."""
    return [(name, {"source": kind} | keys) for kind in DETECTABLE for name, keys in _named(kind, "present")()]


def calibrate(kind: str, options: Any) -> Any:
    """The options of a kind in CALIBRATABLE, with the present automatic settings of the camera locked.

    Takes some seconds. Raises CameraError.
    """
    return _named(kind, "calibrate")(options)


def _named(kind: str, name: str) -> Any:
    return getattr(import_module(f"edge_daemon.sources.{KINDS[kind].module}"), name)

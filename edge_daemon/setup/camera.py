"""Step 1, the camera: which ones are there, and which way up the picture is."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from edge_daemon.check.finding import Found, Level
from edge_daemon.config import file
from edge_daemon.setup.session import Session
from edge_daemon.sources.kinds import DETECTABLE, present_cameras

SIMULATED = {"source": "simulated", "surface": "paper", "hold": 600.0}
"""The keys of [camera] without a camera: numbers that stand still for ten minutes."""
SAME = ("source", "camera", "device", "url", "path")
"""Keys that say which camera it is; all others are settings of that camera."""


class Camera(NamedTuple):
    """A camera that can be chosen."""

    name: str
    keys: Mapping[str, Any]
    """The keys of [camera] that choose it."""


def cameras(session: Session) -> list[Camera]:
    """The cameras of this machine, the configured one first if it is another kind; at least the simulated one."""
    found = [Camera(*each) for each in present_cameras()]
    written = _written(session)
    if written.get("source") not in (None, *DETECTABLE):
        found.insert(0, Camera(f"as configured: {written['source']}", {k: written[k] for k in SAME if k in written}))
    return found or [Camera("no camera is here: the simulated one draws numbers", SIMULATED)]


def is_chosen(session: Session, keys: Mapping[str, Any]) -> bool:
    """Whether the draft uses the camera that these keys choose."""
    written = _written(session)
    return all(written.get(key) == keys[key] for key in SAME if key in keys)


def choose(session: Session, keys: Mapping[str, Any]) -> Iterator[Found]:
    """Use the camera that these keys of [camera] describe, and look at a picture.

    Settings of another camera (exposure, rotation, ...) are removed. Raises ConfigError.
    """
    before = _written(session)
    gone = {} if is_chosen(session, keys) else dict.fromkeys(before)
    wanted = gone | dict(keys)
    if any(before.get(key) != value for key, value in wanted.items()):
        session.draft.set("camera", wanted)
        session.open_picture()
    look = session.api.look(None)
    width, height = look["size"]
    yield Level.OK, f"{session.draft.config.camera.kind}: a picture of {width}x{height}"
    if session.draft.config.camera.kind == "simulated":
        what = "this is the simulated camera: what it shows is drawn"
        yield Level.WARN, what, "With a camera connected, take this step again."


def _written(session: Session) -> dict[str, Any]:
    """The keys of [camera] in the draft."""
    found: dict[str, Any] = tomllib.loads(file.read_text(session.draft.path)).get("camera", {})
    return found

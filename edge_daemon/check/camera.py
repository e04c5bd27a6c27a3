"""Checks the camera: is it present, and does it deliver frames?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from edge_daemon.check import running
from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.sources import kinds
from edge_daemon.sources.kinds import open_source

FLAT = 16
"""Grey levels: a frame whose darkest and lightest pixel differ by less shows nothing."""
FIRST_FRAME = 5.0
"""Seconds in which a camera must deliver its first frame."""
PROBLEM = "camera"
"""The code of the running daemon's problem with the camera."""
OLD_FRAME = 30.0
"""Seconds: if the running daemon's newest frame is older, its camera delivers none."""


def check(config: Config) -> Iterator[Found]:
    kind = config.camera.kind
    daemon = running.health()
    if daemon is not None and kind in kinds.EXCLUSIVE:
        yield _from_daemon(daemon)
        return
    start = time.monotonic()
    source = open_source(kind, config.camera.options)
    with closing(source.frames(tick=0.2)) as frames:  # type: ignore[type-var]
        for frame in frames:
            seconds = time.monotonic() - start
            if frame:
                height, width = frame.pixels.shape
                what = f" ({found})" if (found := getattr(source, "found", "")) else ""
                yield Level.OK, f"{kind}{what} delivered a frame of {width}x{height} after {seconds:.1f} s"
                if np.ptp(frame.pixels) < FLAT:
                    yield Level.WARN, "the frame has one shade of grey only", "Is the lens covered, or the light off?"
                return
            if seconds > FIRST_FRAME:
                break
    yield (
        Level.FAIL,
        f"{kind} delivered no frame within {FIRST_FRAME:.0f} s",
        "Is there a picture in the folder?" if kind == "files" else "Check its cable and power.",
    )


def _from_daemon(daemon: running.Health) -> Found:
    """The finding where the running daemon has the camera, which only one process can: from its health."""
    if problem := daemon.problems.get(PROBLEM):
        return Level.FAIL, f"the running daemon reports: {problem}", running.LOG_REMEDY
    if daemon.frame_age > OLD_FRAME:
        remedy = "Check its cable and power; sudo systemctl restart edge-daemon"
        return Level.FAIL, f"the running daemon has received no frame for {daemon.frame_age:.0f} s", remedy
    return Level.OK, f"the running daemon uses it: {daemon.frames} frames so far"

"""The camera: is it there, and does it give pictures?"""

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
"""Grey levels: a frame that spans less shows nothing."""
FIRST_FRAME = 5.0
"""Seconds in which a camera must have delivered one."""
PROBLEM = "camera"
"""The code of a running daemon's problem with it."""
OLD = 30.0
"""Seconds: a daemon whose newest picture is older has a camera that gives none."""


def check(config: Config) -> Iterator[Found]:
    kind = config.camera.kind
    daemon = running.health()
    if daemon is not None and kind in kinds.EXCLUSIVE:
        yield _asked(daemon)
        return
    start = time.monotonic()
    with closing(open_source(kind, config.camera.options).frames(tick=0.2)) as frames:  # type: ignore[type-var]
        for frame in frames:
            seconds = time.monotonic() - start
            if frame:
                height, width = frame.pixels.shape
                yield Level.OK, f"{kind} gave a frame of {width}x{height} after {seconds:.1f} s"
                if np.ptp(frame.pixels) < FLAT:
                    yield Level.WARN, "the frame is one flat shade", "Is the lens covered, or the light off?"
                return
            if seconds > FIRST_FRAME:
                break
    yield Level.FAIL, f"{kind} gave no frame within {FIRST_FRAME:.0f} s", "Check its cable and power, then try again."


def _asked(daemon: running.Health) -> Found:
    """The daemon has the camera, and only one can: what it says of it."""
    if trouble := daemon.problems.get(PROBLEM):
        return Level.FAIL, f"the running daemon says: {trouble}", running.SINCE_WHEN
    if daemon.frame_age > OLD:
        remedy = "Check its cable and power; sudo systemctl restart edge-daemon"
        return Level.FAIL, f"the running daemon has had no picture for {daemon.frame_age:.0f} s", remedy
    return Level.OK, f"the running daemon has it: {daemon.frames} pictures so far"

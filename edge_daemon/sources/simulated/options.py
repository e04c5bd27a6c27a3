"""The options of the simulated camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from edge_daemon.sources.simulated.disturbances import Disturbance

Side = Annotated[int, Meta(ge=160, le=4096)]
"""Pixels on a side of the frame."""


@dataclass(frozen=True, slots=True)
class SimulatedOptions:
    """[camera] with source = "simulated"."""

    seed: Annotated[int, Meta(ge=0, le=2**31)] = 0
    """Chooses page, light, writers and numbers; the same seed shows the same pictures."""
    size: tuple[Side, Side] = (640, 480)
    """Width and height of the frames in pixels."""
    active_fps: Annotated[float, Meta(gt=0, le=1000)] = 5.0
    """Frames per second while something changes."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=1000)] = 1.0
    """Frames per second while nothing changes: of the pictures at active_fps only every n-th is shown."""
    mirror: bool = False
    """Swap left and right."""
    surface: Literal["paper", "whiteboard", "blackboard", "mixed"] = "mixed"
    """The surface; mixed: the seed chooses."""
    writer: Annotated[int, Meta(ge=0, le=2**31)] = 0
    """0: each number is written by another person, with usual digits. Any other: all numbers, on every page, by this
    one person, with unusual digits."""
    numbers: Annotated[int, Meta(ge=0, le=6)] = 3
    """Numbers on the page at the same time; 0: an empty page."""
    hold: Annotated[float, Meta(gt=0, le=1e6)] = 8.0
    """Seconds from one writing of a number to the next, plus or minus a quarter."""
    trouble: Disturbance = "none"
    """A disturbance in the last quarter of each minute: night, glare that moves over the page, a lens out of focus, the
    camera nudged a little or knocked out of place; hand: a hand is visible whenever something is written."""
    truth: str = ""
    """A file to which each change of what is written is appended as one line of JSON."""
    realtime: bool = True
    """False: frames come as fast as they are read, and their clocks advance by one frame time each."""
    frames: Annotated[int, Meta(ge=0)] = 0
    """Number of frames after which it stops; 0: never."""

"""Frames of a camera that is mounted on its side or on its head."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edge_daemon.domain import Grey

Rotation = Literal[0, 90, 180, 270]
"""Degrees clockwise."""


def turned(pixels: Grey, rotation: Rotation) -> Grey:
    """A frame (h, w) turned clockwise, as an array of its own unless nothing is to be turned."""
    return pixels if rotation == 0 else np.ascontiguousarray(np.rot90(pixels, -rotation // 90))

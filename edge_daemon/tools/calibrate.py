"""Calibrates a camera: lets it find exposure, gain, focus and white balance automatically, and proposes to lock them.

An automatic camera changes the picture whenever somebody walks by, and searches for focus in an empty picture.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_daemon.config.schema import CameraOptions
from edge_daemon.errors import CameraError
from edge_daemon.sources import kinds as sources

DARK = 60
"""Grey level: a picture of which nine tenths are darker is too dark."""
WHITE = 250
"""Grey level from which a pixel is saturated."""
WASHED_OUT = 0.2
"""Share of saturated pixels that is too much."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The result of a calibration."""

    keys: Mapping[str, Any]
    """Keys of [camera] with values that differ from the configured ones."""
    brightest: int
    """The 90th percentile of the grey levels with these values, 0..255."""
    white: float
    """Share of saturated pixels with these values, 0..1."""

    @property
    def advice(self) -> str:
        """What could be improved, in a sentence; empty: nothing."""
        if self.brightest < DARK:
            return "The picture is dark: more light on the numbers makes reading more reliable."
        if self.white > WASHED_OUT:
            return f"{self.white:.0%} of the picture is washed out: move the light, or lower exposure by hand."
        return ""


def propose(camera: CameraOptions) -> Proposal:
    """Calibrate the camera, which no other program may have open. Raises CameraError."""
    if camera.kind not in sources.CALIBRATABLE:
        kinds = " or ".join(sorted(sources.CALIBRATABLE))
        raise CameraError(f'[camera] source = "{camera.kind}": only {kinds} can be calibrated')
    locked = sources.calibrate(camera.kind, camera.options)
    with closing(sources.open_source(camera.kind, locked).frames(1.0)) as frames:  # type: ignore[type-var]
        pixels = next(frame.pixels for frame in frames if frame is not None)
    before, after = dataclasses.asdict(camera.options), dataclasses.asdict(locked)
    keys = {key: value for key, value in after.items() if value != before[key] and value is not None}
    return Proposal(keys, int(np.percentile(pixels, 90)), float((pixels >= WHITE).mean()))


def lines(keys: Mapping[str, Any]) -> list[str]:
    """The keys as lines of a configuration file."""
    return [f"{key} = {json.dumps(value)}" for key, value in keys.items()]

"""Exposure, gain, focus and white balance: let the camera find them, and lock them.

A camera that goes on finding them changes the picture whenever somebody walks by, and hunts for focus in an empty one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_daemon.config import schema
from edge_daemon.config.edit import set_keys
from edge_daemon.config.schema import CameraOptions
from edge_daemon.errors import CameraError, ConfigError
from edge_daemon.sources import kinds as sources
from edge_daemon.system import atomic

DARK, WHITE, WASHED_OUT = 60, 250, 0.2
"""Grey levels: a picture whose lightest tenth is darker is too dark; a pixel from WHITE on is saturated. The share of
those that is too much."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What calibrating has found."""

    keys: Mapping[str, Any]
    """Of [camera], that differ from what is configured."""
    brightest: int
    """With them: of the pixels all but the lightest tenth are darker, 0..255."""
    white: float
    """Share of saturated pixels."""

    @property
    def advice(self) -> str:
        """What a person could better; empty: nothing."""
        if self.brightest < DARK:
            return "It is dark: more light on the numbers makes reading sure."
        if self.white > WASHED_OUT:
            return f"{self.white:.0%} of the picture is washed out: turn the light aside, or lower exposure by hand."
        return ""


def propose(camera: CameraOptions) -> Proposal:
    """Look through the camera, which nobody else may have open, first free and then locked. Raises CameraError."""
    if camera.kind not in sources.CALIBRATES:
        kinds = " or ".join(sorted(sources.CALIBRATES))
        raise CameraError(f'[camera] source = "{camera.kind}": only {kinds} can be calibrated')
    locked = sources.calibrate(camera.kind, camera.options)
    with closing(sources.open_source(camera.kind, locked).frames(1.0)) as frames:  # type: ignore[type-var]
        seen = next(frame.pixels for frame in frames if frame is not None)
    before, after = dataclasses.asdict(camera.options), dataclasses.asdict(locked)
    keys = {key: value for key, value in after.items() if value != before[key] and value is not None}
    return Proposal(keys, int(np.percentile(seen, 90)), float((seen >= WHITE).mean()))


def lines(keys: Mapping[str, Any]) -> list[str]:
    """As they stand in the file."""
    return [f"{key} = {json.dumps(value)}" for key, value in keys.items()]


def store(path: Path, keys: Mapping[str, Any]) -> None:
    """Write them into the [camera] section of a configuration; everything else in it stays as it is.

    Raises ConfigError when the file cannot be written, or would be wrong afterwards: it is as before then.
    """
    try:
        text = set_keys(path.read_text(encoding="utf-8"), "camera", keys)
        schema.parse(str(path), text)
        atomic.rewrite(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None

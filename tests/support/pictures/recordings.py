"""Recordings of the simulated camera, as a person would have made them: JPEGs with the times at which they were taken,
a clock that is not regular, frames that are missing, hours between two pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_daemon.sources.simulated.disturbances import CLEAR, Conditions
from edge_daemon.sources.simulated.scene import Scene
from tests.support.pictures.scenarios import EPOCH, FPS, REGION, SIZE, write

HOUR = 3600.0
JPEG = 85
"""JPEG quality."""
UNEVEN, LOST = 0.3, 0.15
"""Jitter of a frame's time, as a share of the frame interval; share of lost frames."""
LATE = 2.0
"""Seconds after the settle time within which a reading must be published: at least three frames are needed."""
COMING = Conditions(hand=(150.0, 70.0))
"""A hand over the second half of the number."""
OVER = Conditions(hand=(20.0, 20.0))
"""A hand over the whole field."""
NIGHT = Conditions(light=0.01)
LAMP = Conditions(glare=(110.0, 70.0))

Row = tuple[float, str, Conditions]


@dataclass(frozen=True)
class Recorded:
    """One table: (from which second, what is written, under which conditions), ended by a row without a text. `said` is
    what is published, as (because of what happened in which second, what): texts in the words
    of scenarios.py."""

    name: str
    rows: Sequence[tuple[float, str | None, Conditions]]
    said: Sequence[tuple[float, str]]
    keys: Mapping[str, object] = field(default_factory=dict)
    every: Mapping[float, float] = field(default_factory=dict)
    """From a row's second on so many seconds lie between two frames; else a fifth."""


def times(scenario: Recorded, rng: np.random.Generator) -> Iterator[tuple[float, str, Conditions]]:
    """The times of a recording's frames, and what they show."""
    for (begins, text, conditions), (ends, *_) in zip(scenario.rows, scenario.rows[1:], strict=False):
        step, now = scenario.every.get(begins, 1 / FPS), begins
        while text is not None and now < ends - step / 2:
            if now == begins or rng.random() > LOST:
                yield now, text, conditions
            now += step * float(1 + rng.uniform(-UNEVEN, UNEVEN))


def record(scenario: Recorded, folder: Path, seed: int = 5) -> None:
    """Writes the pictures; the modification time of each is the time of the frame."""
    scene, written = Scene(seed, "whiteboard", SIZE), ""
    for seq, (at, text, conditions) in enumerate(times(scenario, np.random.default_rng(seed))):
        if text != written:
            write(scene, text)
            written = text
        path = folder / f"{seq:05}.jpg"
        cv2.imwrite(str(path), scene.shot(seq, conditions), [cv2.IMWRITE_JPEG_QUALITY, JPEG])
        os.utime(path, (EPOCH + at, EPOCH + at))


def configuration(scenario: Recorded) -> str:
    """The field's configuration."""
    keys: dict[str, object] = {"settle": "1s", **scenario.keys}
    lines = [f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in keys.items()]
    return "\n".join(["[[field]]", 'name = "units"', f"region = {list(REGION)}", *lines, ""])


def told(payloads: Sequence[dict[str, Any]]) -> list[tuple[float, str]]:
    """Payloads as (second, "status text" or "event text"); the same reading once more, as a heartbeat, is left out."""
    said = []
    for payload in payloads:
        if payload.get("event_type") == "reading_changed":
            continue
        at = datetime.fromisoformat(payload.get("captured_at") or payload["at"]).timestamp() - EPOCH
        said.append((at, f"{payload.get('event_type') or payload['status']} {payload.get('text', '-')}"))
    return [next(same) for _, same in groupby(said, key=lambda s: s[1])]


__all__ = ["CLEAR", "COMING", "HOUR", "LAMP", "LATE", "NIGHT", "OVER", "Recorded", "configuration", "record", "told"]

"""What the pictures show: a page of the simulated camera, and a recorded day of one field."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from edge_daemon.domain import Frame, Grey, Number
from edge_daemon.fields.extract import whole_frame
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import open_reader
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.disturbances import CLEAR, Conditions
from edge_daemon.sources.simulated.handwriting import Writer
from edge_daemon.sources.simulated.options import SimulatedOptions
from edge_daemon.sources.simulated.scene import Pen, Scene

PAGE = SimulatedOptions(seed=3, surface="paper", hold=3000.0)
"""A page that stands still."""
CAMERA = f'[camera]\nsource = "simulated"\nseed = {PAGE.seed}\nsurface = "{PAGE.surface}"\nhold = {PAGE.hold:g}\n'
"""The same in a configuration."""

FIELD = '[[field]]\nname = "meter"\nregion = [20, 30, 280, 90]\nformat = "####"\nunit = "kWh"\n'
RULES = 'settle = "1s"\nmonotone = true\nmax_rate = "100/h"\naccept_after = "5m"\n'
DAY = 1_790_028_000.0
"""When the recorded day begins, in seconds since 1970."""
NIGHT, HAND = Conditions(light=0.01), Conditions(hand=(150.0, 70.0))
WRITTEN: Sequence[tuple[float, int, Conditions]] = [
    (0, 2847, CLEAR), (2, 2851, CLEAR), (3.5, 2851, HAND), (3.8, 2858, CLEAR), (5, 2862, CLEAR), (7, 2862, NIGHT),
    (11, 2862, CLEAR), (12, 2866, CLEAR), (13, 7866, CLEAR), (13.05, 2866, CLEAR), (14.5, 2871, CLEAR),
    (16, 2868, CLEAR), (16.02, 2874, CLEAR), (17, 2879, CLEAR),
]  # fmt: skip
"""(from which hour, what is written, under which conditions)."""
ENDS = 18.0
"""The hour in which the day ends."""


def page() -> Grey:
    """The page."""
    return SimulatedCamera(PAGE).picture(0)


@cache
def numbers() -> Sequence[Number]:
    """What the program reads on it, in reading order."""
    return open_reader(ModelOptions()).read(whole_frame(Frame(0, 0.0, 0.0, page())))


def record_day(folder: Path) -> Path:
    """Write the recorded day into `folder`/day, and its configuration, whose path is returned."""
    scene, shown = Scene(5, "whiteboard", (320, 160)), 0
    (folder / "day").mkdir()
    for seq, (at, value, conditions) in enumerate(_shots()):
        if value != shown:
            _write(scene, str(value))
            shown = value
        path = folder / f"day/{seq:05}.jpg"
        cv2.imwrite(str(path), scene.shot(seq, conditions))
        os.utime(path, (DAY + at, DAY + at))
    config = folder / "edge.toml"
    config.write_text(FIELD + RULES)
    return config


def _shots() -> Iterator[tuple[float, int, Conditions]]:
    """Five pictures a second for a few seconds after each change, then one in ten minutes."""
    ends = [hour for hour, *_ in WRITTEN[1:]] + [ENDS]
    for (begins, value, conditions), end in zip(WRITTEN, ends, strict=True):
        first, last = begins * 3600, end * 3600
        times = [*np.arange(first, first + 6, 0.2), *np.arange(first + 60, last, 600)]
        yield from ((float(at), value, conditions) for at in times if at < last)


def _write(scene: Scene, text: str) -> None:
    strokes = Writer(3).number(text, 44).strokes
    home = np.array([60, 50], np.float32)
    scene.write((20, 30, 280, 90), [([stroke + home for stroke in strokes], 4.0, Pen(0.1, 0.05))])

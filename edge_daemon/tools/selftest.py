"""Tests an installation: the simulated camera draws numbers, and the reader reads them.

The pages are easy on purpose: only damaged, missing or unfit parts make it fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from edge_daemon.domain import Frame
from edge_daemon.fields.extract import whole_frame
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions

SAMPLES = 10
"""Pages that are drawn."""


class Sample(NamedTuple):
    """The numbers on one drawn page, and those that were read."""

    written: list[str]
    read: list[str]

    @property
    def is_right(self) -> bool:
        return self.read == self.written


def samples(model: ModelOptions) -> Iterator[Sample]:
    """Draw and read SAMPLES pages. Raises ModelError, or RuntimeMissingError."""
    reader = open_reader(model)
    for seed in range(1, SAMPLES + 1):
        yield sample(reader, seed)


def sample(reader: Reader, seed: int) -> Sample:
    """Draw and read one number on well-lit paper."""
    camera = SimulatedCamera(SimulatedOptions(seed=seed, surface="paper", numbers=1, realtime=False))
    with closing(camera.frames(1.0)) as frames:  # type: ignore[type-var]
        frame = next(frame for frame in frames if isinstance(frame, Frame) and camera.truth_at(frame.seq))
    numbers = reader.read(whole_frame(frame))
    return Sample([truth.text for truth in camera.truth_at(frame.seq)], [number.text for number in numbers])

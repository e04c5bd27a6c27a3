"""Do the parts of this installation work together? The simulated camera draws numbers, the reader reads them back.

It measures nothing: the pages are easy on purpose. What is damaged, missing or does not fit fails it.
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


class Sample(NamedTuple):
    """What one drawn page holds, and what was read on it."""

    written: list[str]
    read: list[str]

    @property
    def is_right(self) -> bool:
        return self.read == self.written


def samples(model: ModelOptions) -> Iterator[Sample]:
    """Draw and read page after page. Raises ModelError, or RuntimeMissingError."""
    reader = open_reader(model)
    for seed in range(1, SAMPLES + 1):
        yield sample(reader, seed)


def sample(reader: Reader, seed: int) -> Sample:
    """One number on paper, in full light."""
    camera = SimulatedCamera(SimulatedOptions(seed=seed, surface="paper", numbers=1, realtime=False))
    with closing(camera.frames(1.0)) as frames:  # type: ignore[type-var]
        frame = next(frame for frame in frames if isinstance(frame, Frame) and camera.truth_at(frame.seq))
    numbers = reader.read(whole_frame(frame))
    return Sample([truth.text for truth in camera.truth_at(frame.seq)], [number.text for number in numbers])

"""A voter that is fed with numbers, frame by frame, without pictures being read."""

from __future__ import annotations

from functools import cache

import numpy as np

from edge_daemon.decision.rules import FieldOptions
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Box, Digit, Event, Frame, Grey, Number, Patch, Reading, Status

FPS = 5.0
"""Frames in a second."""


def number(text: str, confidence: float = 0.95, box: Box = (100, 100, 80, 40)) -> Number:
    """A number whose digits all have this confidence."""
    return Number(box, ((text, confidence),), tuple(Digit(((c, confidence),), box) for c in text))


@cache
def pixels_of(written: str) -> Grey:
    """(480, 640): pixels that differ for each text; the change detector sees no more than that."""
    return np.random.default_rng(list(written.encode())).integers(0, 255, (480, 640), np.uint8)


class VoterRun:
    """Feeds a voter frame by frame and keeps its readings and events."""

    def __init__(self, *options: FieldOptions) -> None:
        self.voter = Voter(options, "digits@1", "cpu")
        self.field = options[0].name if options else None
        self.seq = 0
        self.said: list[Reading] = []
        self.events: list[Event] = []

    def show(
        self, *numbers: Number, seconds: float = 0.2, status: Status = Status.OK, written: str = ""
    ) -> list[Reading]:
        """Feeds the same numbers for some time; returns the new readings. `written`: the text that is really there."""
        before = len(self.said)
        pixels = pixels_of(written or " ".join(n.text for n in numbers))
        for _ in range(round(seconds * FPS)):
            frame = Frame(self.seq, 1e9 + self.seq / FPS, self.seq / FPS, pixels)
            self.voter.observe(Patch(self.field, frame, pixels, np.eye(3), status), numbers)
            for record in self.voter.due(frame.mono):
                (self.said if isinstance(record, Reading) else self.events).append(record)  # type: ignore[arg-type]
            self.seq += 1
        return self.said[before:]


def units(**keys: object) -> FieldOptions:
    """A field named `units` that covers the whole frame."""
    return FieldOptions("units", (0, 0, 640, 480), **keys)  # type: ignore[arg-type]

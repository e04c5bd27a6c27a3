"""What the frames of the last moments say together, and whether that is enough.

Each frame gives its candidates with calibrated confidences. Frames in which the paper looks the same are one view:
their words are averaged and count once, so that a still picture cannot make a consistent misread certain. Views add
up, up to a few. A text is accepted when, over the whole settle time, nearly all frames say it and it lies ahead of
every other text, and of the chance that it is none of them, by a margin: a wide one to change what was accepted, a
narrower one to stay with it.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Candidate, Digit, Grey, Status

MIN_FRAMES = 3
"""No text is accepted on fewer frames."""
AGREEMENT = 0.8
"""Share of the frames of the settle time that must say the same."""
CHANGE = math.log(0.85 / 0.15)
"""How far, in log-odds, a new text must lie ahead."""
STAY = math.log(0.6 / 0.4)
"""How far the accepted one must."""
MOST_VIEWS = 3.0
"""More views than these do not add to the evidence: all were read by the same eyes."""
FLOOR = 0.01
"""No frame holds a text, or that it is none, for less likely than this."""
MOMENT = 1e-3
"""Seconds by which the times of frames may be rounded."""
THUMBNAIL = (48, 24)
"""Columns and rows to which a picture is shrunk before it is compared; sensor noise averages out."""
ALIKE = 4.0
"""Grey levels that two thumbnails of the same view differ at most, light aside, where they differ clearly."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one frame said of one field: the candidates that fit, or why there is none."""

    mono: float
    at: float
    status: Status
    candidates: tuple[Candidate, ...] = ()
    digits: tuple[Digit, ...] = ()
    view: int = 0

    @property
    def text(self) -> str | None:
        return self.candidates[0][0] if self.status is Status.OK else None

    def weight(self, text: str | None) -> float:
        """The log-likelihood of a text, or (None) of it being none of the candidates."""
        if self.status is not Status.OK:
            return 0.0 if text is None else math.log(FLOOR)
        said = dict(self.candidates)
        chance = said.get(text, 0.0) if text is not None else 1 - sum(said.values())
        return math.log(min(1.0, max(FLOOR, chance)))


@dataclass(frozen=True, slots=True)
class Decision:
    """What the frames agree on."""

    status: Status
    text: str | None
    """With OK the text, otherwise None."""
    votes: tuple[int, int]
    """Frames that agreed, frames that were asked."""


@dataclass(slots=True)
class Evidence:
    """The opinions of the settle time on one field."""

    settle: float
    opinions: deque[Opinion] = field(default_factory=deque)

    def add(self, opinion: Opinion) -> None:
        """Take an opinion; those older than the settle time make room, down to the fewest we need."""
        self.opinions.append(opinion)
        while len(self.opinions) > MIN_FRAMES and opinion.mono - self.opinions[1].mono >= self.settle - MOMENT:
            self.opinions.popleft()

    def decision(self, accepted: str | None) -> Decision | None:
        """What the frames agree on; None while they do not."""
        asked = len(self.opinions)
        if asked < MIN_FRAMES:
            return None
        (status, text), votes = Counter((o.status, o.text) for o in self.opinions).most_common(1)[0]
        times = [o.mono for o in self.opinions if (o.status, o.text) == (status, text)]
        # from the first to the last that agree: what stood there before must not help to fill the time
        if votes < AGREEMENT * asked or times[-1] - times[0] < self.settle - MOMENT:
            return None
        if text is None or self.lead(text) >= (STAY if text == accepted else CHANGE):
            return Decision(status, text, (votes, asked))
        return Decision(Status.LOW_CONFIDENCE, None, (votes, asked))

    def lead(self, text: str) -> float:
        """By how much, in log-odds, the text lies ahead of the best of all others."""
        others: set[str | None] = {rival for o in self.opinions for rival, _ in o.candidates}
        return self._weight(text) - max(self._weight(rival) for rival in (others | {None}) - {text})

    def _weight(self, text: str | None) -> float:
        views = [float(np.mean([o.weight(text) for o in view])) for view in self._views()]
        return sum(views) * min(1.0, MOST_VIEWS / len(views))

    def _views(self) -> Iterator[list[Opinion]]:
        return (list(opinions) for _, opinions in groupby(self.opinions, key=lambda o: o.view))

    @property
    def latest(self) -> Opinion:
        return self.opinions[-1]


@dataclass(slots=True)
class Views:
    """Tells whether a picture shows something new, or the last view once more."""

    count: int = 0
    _last: NDArray[np.float32] | None = None
    _box: Box | None = None
    _seen: int = 0

    def number(self, pixels: Grey) -> int:
        """The number of the view that these pixels show."""
        small = thumbnail(pixels)
        if self._last is None or not alike(small, self._last):
            self.count += 1
            self._last = small
        return self.count

    def count_in(self, frame: Grey, box: Box) -> int:
        """The same for a box that follows its number: compared is the place where the last view was."""
        if self._box is None or self.number(cropped(frame, self._box)) != self._seen:
            self._box = box
            self._last = thumbnail(cropped(frame, box))
            self.count = self._seen = max(1, self.count)
        return self.count


def cropped(frame: Grey, box: Box) -> Grey:
    x, y, w, h = box
    part = frame[max(0, y) : y + h, max(0, x) : x + w]
    return part if part.size else frame


def thumbnail(pixels: Grey) -> NDArray[np.float32]:
    small = cv2.resize(pixels, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - small.mean(), np.float32)


def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether they differ by no more than noise does. The highest hundredth is left out, for hot pixels."""
    difference = np.abs(a - b).ravel()
    most = int(0.99 * difference.size)
    return float(np.partition(difference, most)[most]) <= ALIKE

"""Numbers over time -> Readings and Events: say what many frames agree on, and nothing else.

Each field has a ballot: the texts of its recent frames. A text is accepted when nearly all frames of the `settle`
time agree on it with enough confidence. With no field configured every number in the picture has a ballot of its own
that follows it as it moves, named auto-1 ... auto-16.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon import fields
from edge_daemon.domain import (
    Box,
    Candidate,
    Digit,
    Event,
    Frame,
    Number,
    Patch,
    Reading,
    Record,
    Status,
    outline,
)
from edge_daemon.units import seconds

MIN_FRAMES = 3
"""No text is accepted on fewer frames."""
AGREEMENT = 0.8
"""Share of the frames of the settle time that must say the same."""
SURE = 0.7
"""Mean confidence of those frames below which the text is not said."""
HEARTBEAT = 600.0
"""Seconds after which an unchanged reading is said again."""
AUTO_SETTLE = 1.0
"""Seconds of agreement for numbers of the whole frame."""
AUTO_LIMIT = 16
"""So many numbers of the whole frame are followed at once."""
LEAVES = 3.0
"""Seconds out of sight after which a followed number is gone."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one frame said of one field: the best text, or None where there was no number that fits."""

    mono: float
    at: float
    status: Status
    candidates: tuple[Candidate, ...] = ()
    digits: tuple[Digit, ...] = ()

    @property
    def text(self) -> str | None:
        return self.candidates[0][0] if self.status is Status.OK else None


@dataclass(slots=True)
class Ballot:
    """The opinions of the last frames on one field, and what was accepted."""

    settle: float
    text: bool = False
    unit: str | None = None
    opinions: deque[Opinion] = field(default_factory=deque)
    accepted: str | None = None
    value_at: float | None = None
    said: Status | None = None
    said_mono: float = -1e9

    def add(self, opinion: Opinion) -> None:
        """Take an opinion; those older than the settle time make room, down to the fewest we need."""
        self.opinions.append(opinion)
        while len(self.opinions) > MIN_FRAMES and opinion.mono - self.opinions[1].mono >= self.settle:
            self.opinions.popleft()

    def decision(self) -> tuple[Status, str | None, tuple[int, int]] | None:
        """Status, text and votes once the frames agree; None while they do not."""
        asked = len(self.opinions)
        if asked < MIN_FRAMES or self.opinions[-1].mono - self.opinions[0].mono < self.settle:
            return None
        (status, text), votes = Counter((o.status, o.text) for o in self.opinions).most_common(1)[0]
        if votes < AGREEMENT * asked:
            return None
        if text is None:
            return status, None, (votes, asked)
        sureness = float(np.mean([o.candidates[0][1] for o in self.opinions if o.text == text]))
        return (Status.OK, text, (votes, asked)) if sureness >= SURE else (Status.LOW_CONFIDENCE, None, (votes, asked))

    def due(self, mono: float) -> tuple[Status, tuple[int, int], bool] | None:
        """Status, votes and whether the text changed, when there is something to say; None otherwise."""
        decision = self.decision()
        if decision is None:
            return None
        status, text, votes = decision
        changed = text is not None and text != self.accepted
        if changed:
            self.accepted = text
        if text is not None:
            self.value_at = self.opinions[-1].at
        if not changed and status is self.said and mono - self.said_mono < HEARTBEAT:
            return None
        self.said, self.said_mono = status, mono
        return status, votes, changed

    def latest(self, status: Status) -> Opinion:
        """The newest opinion that a reading of this status speaks of."""
        fitting = (o for o in reversed(self.opinions) if status is not Status.OK or o.text == self.accepted)
        return next(fitting, self.opinions[-1])

    @property
    def value(self) -> int | None:
        return None if self.text or self.accepted is None else int(self.accepted)


@dataclass(slots=True)
class Track:
    """A number of the whole frame, followed as it moves."""

    box: Box
    seen: float
    ballot: Ballot
    name: str | None = None


class Voter:
    """Holds the ballots. `observe` takes what a frame said; `due` returns what there is to say now."""

    def __init__(self, options: Sequence[fields.Options], model: str, backend: str) -> None:
        self.model, self.backend = model, backend
        self._options = {o.name: o for o in options}
        self._ballots = {o.name: Ballot(seconds(o.settle), o.text, o.unit or None) for o in options}
        self._tracks: list[Track] = []
        self._mono = 0.0

    def observe(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Take what `read` found in a patch (boxes in patch pixels)."""
        self._mono = patch.frame.mono
        seen = [in_frame(n, patch.to_frame) for n in numbers]
        if patch.status is not Status.OK:
            self._cannot_see(patch)
        elif patch.field is None:
            self._follow(patch.frame, seen)
        else:
            opinion = opinion_on(seen, self._options[patch.field].format, patch.frame)
            self._ballots[patch.field].add(opinion)

    def due(self, mono: float) -> list[Record]:
        """Readings and events that are to be said at monotonic time `mono`; each is returned once."""
        records: list[Record] = []
        for name, ballot in self._ballots.items():
            records += self._say(name, ballot, mono)
        for track in self._tracks:
            if track.name is None and (decision := track.ballot.decision()) and decision[0] is Status.OK:
                track.name = self._free_name()
            if track.name is not None:
                records += self._say(track.name, track.ballot, mono)
        return records + self._leave()

    @property
    def undecided(self) -> frozenset[str]:
        """Fields that want to be looked at although they have not changed: their frames do not agree yet.

        Also a number of the whole frame that is out of sight, until it is back or gone.
        """
        fields = {name for name, ballot in self._ballots.items() if ballot.decision() is None}
        tracks = [t for t in self._tracks if t.ballot.decision() is None or t.seen < self._mono]
        return frozenset(fields | {t.name or "auto" for t in tracks})

    def _cannot_see(self, patch: Patch) -> None:
        """The quality gate's word is an opinion. Numbers of the whole frame that cannot be seen have not left."""
        if patch.field is not None:
            self._ballots[patch.field].add(Opinion(patch.frame.mono, patch.frame.at, patch.status))
        for track in self._tracks:
            track.seen = patch.frame.mono

    def _say(self, name: str, ballot: Ballot, mono: float) -> list[Record]:
        due = ballot.due(mono)
        if due is None:
            return []
        status, votes, changed = due
        reading = self._reading(name, ballot, status, votes)
        if not changed:
            return [reading]
        event = Event("reading_changed", name, reading.captured_at, {"text": reading.text, "value": reading.value})
        return [reading, event]

    def _reading(self, name: str, ballot: Ballot, status: Status, votes: tuple[int, int]) -> Reading:
        latest = ballot.latest(status)
        return Reading(
            field=name,
            status=status,
            text=ballot.accepted,
            value=ballot.value,
            unit=ballot.unit,
            confidence=latest.candidates[0][1] if latest.candidates else 0.0,
            candidates=latest.candidates,
            digits=latest.digits,
            votes=votes,
            captured_at=latest.at,
            value_at=ballot.value_at,
            model=self.model,
            backend=self.backend,
        )

    def _follow(self, frame: Frame, numbers: Sequence[Number]) -> None:
        """Give each number to the track it continues, or a new one; what is not seen has no opinion."""
        free = list(self._tracks)
        pairs = sorted(
            ((distance(t.box, n.box), i, j) for i, t in enumerate(free) for j, n in enumerate(numbers)),
        )
        homes: dict[int, Track] = {}
        taken: set[int] = set()
        for cost, i, j in pairs:
            if cost < 1.0 and i not in taken and j not in homes:
                taken.add(i)
                homes[j] = free[i]
        for j, n in enumerate(numbers):
            track = homes.get(j)
            if track is None:
                track = Track(n.box, frame.mono, Ballot(AUTO_SETTLE))
                self._tracks.append(track)
            track.box, track.seen = n.box, frame.mono
            track.ballot.add(Opinion(frame.mono, frame.at, Status.OK, n.candidates, n.digits))

    def _leave(self) -> list[Record]:
        """Forget tracks that are out of sight; those that had a name are said to be gone."""
        lost = [t for t in self._tracks if self._mono - t.seen > (LEAVES if t.name else AUTO_SETTLE)]
        self._tracks = [t for t in self._tracks if t not in lost]
        return [replace(self._reading(t.name, t.ballot, Status.NO_DIGITS, (0, 0)), gone=True) for t in lost if t.name]

    def _free_name(self) -> str | None:
        used = {t.name for t in self._tracks}
        return next((name for name in (f"auto-{n + 1}" for n in range(AUTO_LIMIT)) if name not in used), None)


def opinion_on(numbers: Sequence[Number], pattern: str, frame: Frame) -> Opinion:
    """What a frame says of a field that holds one number: the pieces on its main line belong together."""
    if not numbers:
        return Opinion(frame.mono, frame.at, Status.NO_DIGITS)
    whole = joined(main_line(numbers))
    fitting = tuple(c for c in whole.candidates if fits(c[0], pattern))
    if not fitting:
        return Opinion(frame.mono, frame.at, Status.WRONG_FORMAT, whole.candidates, whole.digits)
    return Opinion(frame.mono, frame.at, Status.OK, fitting, whole.digits)


def fits(text: str, pattern: str) -> bool:
    """Whether a text has the form of a field: '#' a digit, '?' a digit that may be missing, '' anything."""
    return not pattern or re.fullmatch(pattern.replace("#", "[0-9]").replace("?", "[0-9]?"), text) is not None


def main_line(numbers: Sequence[Number]) -> list[Number]:
    """The numbers that stand on one line with the tallest, left to right."""
    tallest = max(numbers, key=lambda n: n.box[3])
    centre = tallest.box[1] + tallest.box[3] / 2
    line = [n for n in numbers if n.box[1] < centre < n.box[1] + n.box[3]]
    return sorted(line, key=lambda n: n.box[0])


def joined(numbers: Sequence[Number]) -> Number:
    """Several numbers as one: texts joined, confidences multiplied."""
    if len(numbers) == 1:
        return numbers[0]
    combinations = itertools.product(*(n.candidates for n in numbers))
    texts = [("".join(t for t, _ in c), float(np.prod([p for _, p in c]))) for c in combinations]
    best = sorted(texts, key=lambda c: -c[1])[:3]
    return Number(outline(n.box for n in numbers), tuple(best), tuple(d for n in numbers for d in n.digits))


def in_frame(number: Number, to_frame: NDArray[np.float64]) -> Number:
    """The same number with its boxes in pixels of the frame."""
    digits = tuple(replace(d, box=box_in_frame(d.box, to_frame)) for d in number.digits)
    return replace(number, box=box_in_frame(number.box, to_frame), digits=digits)


def box_in_frame(box: Box, to_frame: NDArray[np.float64]) -> Box:
    """The upright box around a patch box after the transform."""
    x, y, w, h = box
    corners = np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]]], np.float64)
    points = cv2.perspectiveTransform(corners, to_frame)[0]
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return round(left), round(top), round(right - left), round(bottom - top)


def distance(a: Box, b: Box) -> float:
    """Between the centres of two boxes, in heights of the taller; infinite when their heights are not alike."""
    taller = max(a[3], b[3])
    if min(a[3], b[3]) < 0.5 * taller:
        return float("inf")
    across = (a[0] + a[2] / 2) - (b[0] + b[2] / 2)
    down = (a[1] + a[3] / 2) - (b[1] + b[3] / 2)
    return float(np.hypot(across, down)) / taller

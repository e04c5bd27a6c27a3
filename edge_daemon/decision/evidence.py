"""What the frames of the last moments say together, and whether that is enough.

Each frame gives its candidates with calibrated confidences. Frames in which the paper looks the same are one view:
their words are averaged and count once, so that a still picture cannot make a consistent misread certain. Views add
up, up to a few. A text is accepted when, over the whole settle time, nearly all frames say it and it lies ahead of
every other text, and of the chance that it is none of them, by a margin: a wide one to change what was accepted, a
narrower one to stay with it. A second opinion, where one was asked for, is a part of a view more as long as the view
lasts; what it confirms need not be what nearly all frames say.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from edge_daemon.domain import Box, Candidate, Digit, Grey, Status
from edge_daemon.fields.change import differs
from edge_daemon.images import crop_around, half_size

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
SECOND = 0.3
"""What a second opinion's word weighs of a view of our own: its eyes look at the same ink, and err with ours. So it can
confirm what our frames hold likeliest, and never overrule it. Chosen on photos, where in full weight nearly half of
what it settled was false."""
FLOOR = 0.01
"""No frame holds a text, or that it is none, for less likely than this."""
MOMENT = 1e-3
"""Seconds by which the times of frames may be rounded."""
MOST_FRAMES = 50
"""Of one view so many frames are remembered; what is written anew is a new view, and waits for none of them."""
NOISE = 3.0
"""Standard deviation of the difference of two frames at half size, in grey levels, where nothing has changed."""


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
    second: Opinion | None = None
    """What somebody else says of the present view; only of texts that our own frames held possible."""
    _in_view: deque[str | None] = field(default_factory=lambda: deque(maxlen=MOST_FRAMES))
    """What the frames of the present view have said, also before the settle time."""
    _decided: dict[str | None, Decision | None] = field(default_factory=dict)
    """What was decided since the last opinion came, by what had been accepted: a still frame costs no second count."""

    def add(self, opinion: Opinion) -> None:
        """Take an opinion; those older than the settle time make room, down to the fewest we need."""
        self._decided.clear()
        if self.opinions and opinion.view != self.latest.view:
            self._in_view.clear()
            self.second = None
        self._in_view.append(opinion.text)
        self.opinions.append(opinion)
        while len(self.opinions) > MIN_FRAMES and opinion.mono - self.opinions[1].mono >= self.settle - MOMENT:
            self.opinions.popleft()

    def decision(self, accepted: str | None) -> Decision | None:
        """What the frames agree on; None while they do not."""
        if accepted not in self._decided:
            self._decided[accepted] = self._decide(accepted)
        return self._decided[accepted]

    def _decide(self, accepted: str | None) -> Decision | None:
        asked = len(self.opinions)
        if asked < MIN_FRAMES:
            return None
        if self.second and (text := self.second.text) and self._is_clear(text, accepted):
            return Decision(Status.OK, text, (sum(o.text == text for o in self.opinions), asked))
        (status, text), votes = Counter((o.status, o.text) for o in self.opinions).most_common(1)[0]
        times = [o.mono for o in self.opinions if (o.status, o.text) == (status, text)]
        # from the first to the last that agree: what stood there before must not help to fill the time
        if votes < AGREEMENT * asked or times[-1] - times[0] < self.settle - MOMENT:
            return None
        if text is not None and self._has_been_read_better(text, accepted):
            return None
        if text is None or self._is_clear(text, accepted):
            return Decision(status, text, (votes, asked))
        return Decision(Status.LOW_CONFIDENCE, None, (votes, asked))

    def _is_clear(self, text: str, accepted: str | None) -> bool:
        return self.lead(text) >= (STAY if text == accepted else CHANGE)

    def _has_been_read_better(self, text: str, accepted: str | None) -> bool:
        """Whether most of what the present view has said so far is what was accepted: nothing was written since."""
        return text != accepted is not None and self._in_view.count(text) <= self._in_view.count(accepted)

    def lead(self, text: str) -> float:
        """By how much, in log-odds, the text lies ahead of the best of all others."""
        return self._weight(text) - max(self._weight(rival) for rival in (self._texts | {None}) - {text})

    @property
    def _texts(self) -> set[str | None]:
        return {text for o in self.opinions for text, _ in o.candidates}

    def hear(self, said: Sequence[Candidate], digits_of: Callable[[str], str]) -> bool:
        """Take a second opinion (digits only) on the present view; False where it says none of our own texts."""
        chances = dict(said)
        known = {text: chances.get(digits_of(text), 0.0) for o in self._present for text, _ in o.candidates}
        best = sorted(known.items(), key=lambda item: -item[1])
        if not best or not said or best[0][1] < said[0][1]:
            return False
        self.second = replace(self.latest, status=Status.OK, candidates=tuple(best))
        self._decided.clear()
        return True

    @property
    def _present(self) -> list[Opinion]:
        """Those of the present view that saw a number."""
        return [o for o in self.opinions if o.view == self.latest.view and o.status is Status.OK]

    def joint(self) -> tuple[Candidate, ...]:
        """What frames and second opinion say together: up to three texts and their chances."""
        weights = {text: math.exp(self._weight(text)) for text in self._texts | {None}}
        total = sum(weights.values())
        best = sorted(((text, w / total) for text, w in weights.items() if text), key=lambda item: -item[1])
        return tuple(best[:3])

    def _weight(self, text: str | None) -> float:
        views = [[o.weight(text) for o in view] for view in self._views()]
        full = [min(1.0, len(view) / MIN_FRAMES) for view in views]  # a glimpse is no whole view
        said = sum(share * float(np.mean(view)) for share, view in zip(full, views, strict=True))
        ours = said * min(1.0, MOST_VIEWS / sum(full))
        return ours + SECOND * self.second.weight(text) if self.second else ours

    def _views(self) -> Iterator[list[Opinion]]:
        return (list(opinions) for _, opinions in groupby(self.opinions, key=lambda o: o.view))

    @property
    def latest(self) -> Opinion:
        return self.opinions[-1]


@dataclass(slots=True)
class Views:
    """Tells whether a picture shows something new, or the last view once more."""

    count: int = 0
    _last: Grey | None = None
    _box: Box | None = None

    def number(self, pixels: Grey) -> int:
        """The number of the view that these pixels show."""
        small = half_size(pixels)
        if self._last is None or small.shape != self._last.shape or differs(small, self._last, NOISE):
            self.count += 1
            self._last = small
        return self.count

    def number_in(self, frame: Grey, box: Box) -> int:
        """The same for a box that follows its number: compared is the place where the last view was."""
        before = self.count
        if self._box is None or self.number(crop_around(frame, self._box)) != before:
            self.count, self._box = before + 1, box
            self._last = half_size(crop_around(frame, box))
        return self.count

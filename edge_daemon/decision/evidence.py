"""What the recent frames together say about one number, and whether that is enough to accept a text.

Each frame gives its candidates with calibrated confidences. Frames in which the paper looks the same are one view:
their log-likelihoods are averaged and count once, so that a still picture cannot make a consistent misread certain.
Views add up, to a limit. A text is accepted when, over the whole settle time, nearly all frames agree on it, and when
it leads every other text, and the chance that it is none of them, by a margin: a wide one to replace the accepted
text, a narrower one to keep it. A second opinion, where one was requested, counts for as long as the view lasts; the
text that it confirms is a candidate of our own frames, but need not be the one that nearly all of them agree on.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from edge_daemon.decision import confirmation
from edge_daemon.domain import Box, Candidate, Digit, Grey, Status
from edge_daemon.fields.change import differs
from edge_daemon.images import crop_around, half_size

MIN_FRAMES = 3
"""The fewest frames on which a text is accepted."""
AGREEMENT = 0.8
"""The share of the frames of the settle time that must agree."""
LEAD_TO_CHANGE = math.log(0.85 / 0.15)
"""The lead, in log-odds, that a new text needs: a probability of 0.85."""
LEAD_TO_STAY = math.log(0.6 / 0.4)
"""The lead, in log-odds, that the accepted text needs to stay: a probability of 0.6."""
MOST_VIEWS = 3.0
"""More views than these add no evidence: the same network has read them all."""
FLOOR = 0.01
"""The lowest probability that a frame gives to a text, or to it being none of its candidates."""
ROUNDING = 1e-3
"""Seconds: the rounding of frame times."""
MOST_FRAMES = 50
"""The frames of one view that are remembered. A rewritten number is a new view, and is compared with none of them."""
NOISE = 3.0
"""Standard deviation, in grey levels, of the difference of two frames at half size where nothing has changed."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one frame for one number: the candidates that fit the format, or the status without any."""

    mono: float
    at: float
    status: Status
    candidates: tuple[Candidate, ...] = ()
    digits: tuple[Digit, ...] = ()
    view: int = 0

    @property
    def text(self) -> str | None:
        """The best candidate; None where the frame has none that fits."""
        return self.candidates[0][0] if self.status is Status.OK else None

    def log_likelihood(self, text: str | None) -> float:
        """The log-likelihood of a text, or (None) of it being none of the candidates."""
        if self.status is not Status.OK:
            return 0.0 if text is None else math.log(FLOOR)
        chances = dict(self.candidates)
        chance = chances.get(text, 0.0) if text is not None else 1 - sum(chances.values())
        return math.log(min(1.0, max(FLOOR, chance)))


@dataclass(frozen=True, slots=True)
class Decision:
    """What the frames agree on."""

    status: Status
    text: str | None
    """The text if the status is OK, else None."""
    votes: tuple[int, int]
    """Frames that agreed, frames that counted."""


@dataclass(slots=True)
class Evidence:
    """The observations of one number within the settle time."""

    settle: float
    observations: deque[Observation] = field(default_factory=deque)
    second_opinion: Candidate | None = None
    """A second opinion on the present view: one of our own frames' candidates, and the confidence of the engine."""
    _in_view: deque[str | None] = field(default_factory=lambda: deque(maxlen=MOST_FRAMES))
    """The texts of the frames of the present view, also of those before the settle time."""
    _decided: dict[str | None, Decision | None] = field(default_factory=dict)
    """Accepted text -> the decision since the last observation: while frames do not change nothing is counted again."""

    def add(self, observation: Observation) -> None:
        """Add an observation; drops those older than the settle time, but keeps at least MIN_FRAMES."""
        self._decided.clear()
        if self.observations and observation.view != self.latest.view:
            self._in_view.clear()
            self.second_opinion = None
        self._in_view.append(observation.text)
        self.observations.append(observation)
        oldest = observation.mono - self.settle + ROUNDING
        while len(self.observations) > MIN_FRAMES and self.observations[1].mono <= oldest:
            self.observations.popleft()

    def decision(self, accepted: str | None) -> Decision | None:
        """What the frames agree on; None while they do not."""
        if accepted not in self._decided:
            self._decided[accepted] = self._decide(accepted)
        return self._decided[accepted]

    def _decide(self, accepted: str | None) -> Decision | None:
        count = len(self.observations)
        if count < MIN_FRAMES:
            return None
        if self.second_opinion and confirmation.log_odds(*self.confirmed_by()) >= confirmation.LEAD:
            confirmed = self.second_opinion[0]
            return Decision(Status.OK, confirmed, (sum(o.text == confirmed for o in self.observations), count))
        (status, text), votes = Counter((o.status, o.text) for o in self.observations).most_common(1)[0]
        times = [o.mono for o in self.observations if (o.status, o.text) == (status, text)]
        # from the first to the last that agree: the time of the text before must not count
        if votes < AGREEMENT * count or times[-1] - times[0] < self.settle - ROUNDING:
            return None
        if text is not None and self._is_misread_of(text, accepted):
            return None
        if text is None or self._is_clear(text, accepted):
            return Decision(status, text, (votes, count))
        return Decision(Status.LOW_CONFIDENCE, None, (votes, count))

    def _is_clear(self, text: str, accepted: str | None) -> bool:
        return self.lead(text) >= (LEAD_TO_STAY if text == accepted else LEAD_TO_CHANGE)

    def _is_misread_of(self, text: str, accepted: str | None) -> bool:
        """Whether the present view was read as the accepted text more often: nothing was written since, so `text` is
        a misread."""
        return text != accepted is not None and self._in_view.count(text) <= self._in_view.count(accepted)

    def lead(self, text: str) -> float:
        """The lead of the text over the best of all others, in log-odds."""
        return self._weight(text) - max(self._weight(rival) for rival in (self._texts | {None}) - {text})

    @property
    def _texts(self) -> set[str | None]:
        return {text for o in self.observations for text, _ in o.candidates}

    def add_second_opinion(self, candidates: Sequence[Candidate], digits_of: Callable[[str], str]) -> bool:
        """Add a second opinion (texts of digits only) on the present view; returns whether it counts.

        It counts only if its best candidate is one of our own texts.
        """
        known = {digits_of(text): text for o in self._present for text, _ in reversed(o.candidates)}
        if not candidates or candidates[0][0] not in known:
            return False
        self.second_opinion = known[candidates[0][0]], candidates[0][1]
        self._decided.clear()
        return True

    def confirmed_by(self) -> tuple[float, float, float]:
        """What speaks for the text of the second opinion: the arguments of confirmation.log_odds."""
        assert self.second_opinion is not None
        text, confidence = self.second_opinion
        texts = {candidate for o in self._present for candidate, _ in o.candidates}
        own = {t: float(np.mean([o.log_likelihood(t) for o in self._present])) for t in texts}
        rival = max((weight for other, weight in own.items() if other != text), default=math.log(FLOOR))
        return confidence, own.get(text, math.log(FLOOR)), rival

    @property
    def _present(self) -> list[Observation]:
        """The observations of the present view that have a number."""
        return [o for o in self.observations if o.view == self.latest.view and o.status is Status.OK]

    def combined_candidates(self) -> tuple[Candidate, ...]:
        """Up to three texts, best first: that of the second opinion, and those of our frames, which share the rest."""
        assert self.second_opinion is not None
        text = self.second_opinion[0]
        chance = 1 / (1 + math.exp(-confirmation.log_odds(*self.confirmed_by())))
        weights = {other: math.exp(self._weight(other)) for other in (self._texts | {None}) - {text}}
        scale = (1 - chance) / sum(weights.values())
        rest = sorted(((other, w * scale) for other, w in weights.items() if other), key=lambda item: -item[1])
        return ((text, chance), *rest[:2])

    def _weight(self, text: str | None) -> float:
        """The log-likelihood of a text by all views; of None: it is none of the texts."""
        views = [[o.log_likelihood(text) for o in view] for view in self._views()]
        full = [min(1.0, len(view) / MIN_FRAMES) for view in views]  # few frames are less than a view
        total = sum(share * float(np.mean(view)) for share, view in zip(full, views, strict=True))
        return total * min(1.0, MOST_VIEWS / sum(full))

    def _views(self) -> Iterator[list[Observation]]:
        return (list(view) for _, view in groupby(self.observations, key=lambda o: o.view))

    @property
    def latest(self) -> Observation:
        """The newest observation. Raises IndexError where there is none."""
        return self.observations[-1]


@dataclass(slots=True)
class ViewCounter:
    """Numbers the views: a picture that differs from the last view is the next one."""

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
        """The same for a box that moves with its number: the place where the box was at the last view is compared."""
        before = self.count
        if self._box is None or self.number(crop_around(frame, self._box)) != before:
            self.count, self._box = before + 1, box
            self._last = half_size(crop_around(frame, box))
        return self.count

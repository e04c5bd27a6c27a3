"""One field over time: the accepted text, the value that a rule holds back, and what is due to be published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_daemon.decision.evidence import ROUNDING, Decision, Evidence, Observation
from edge_daemon.decision.formats import Format
from edge_daemon.decision.rules import FieldOptions, Rules
from edge_daemon.domain import Candidate, Status, digits_of

CONFIRM_AGAIN = 60.0
"""Seconds of agreement before perturbed views that did not read the pending value are tried again."""
DISAGREEMENT = 10.0
"""Seconds without agreement after which low_confidence is published; at least three settle times."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The text that was accepted last."""

    text: str
    at: float
    """Wall clock when it was accepted; elapsed time for rates counts from here."""
    mono: float | None
    """The same on the monotonic clock; None where that was before a restart."""

    def elapsed(self, observation: Observation) -> float:
        """Seconds from the acceptance to the observation."""
        return observation.mono - self.mono if self.mono is not None else max(0.0, observation.at - self.at)


@dataclass(slots=True)
class PendingValue:
    """A text that breaks a rule, and for how long it, and the values that led to it, have been read."""

    text: str
    status: Status
    """The status of the rule that it breaks."""
    value: float
    last: float
    """Monotonic time at which it was read last."""
    confirm_at: float
    """Seconds of agreement after which perturbed views are to confirm it."""
    agreed: float = 0.0
    """Seconds for which frames have agreed on it, up to `last`. Night, blur and other interruptions do not count."""
    interrupted: bool = False

    def agreed_at(self, mono: float) -> float:
        """Seconds of agreement at monotonic time `mono`."""
        return self.agreed if self.interrupted else self.agreed + mono - self.last


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to be published of a field now."""

    status: Status
    votes: tuple[int, int]
    """Frames that agreed, frames that counted."""
    event: str | None = None
    """The type of the event that is published with the reading."""


class FieldState:
    """The evidence on one field, and what has been accepted and published by it."""

    def __init__(self, options: FieldOptions) -> None:
        self.options = options
        self.form = Format(options.format)
        self.rules = Rules(options)
        self.evidence = Evidence(options.settle)
        self.accepted: Accepted | None = None
        self.value_at: float | None = None
        """Wall clock when the accepted text was read last."""
        self.pending: PendingValue | None = None
        self.overruled: str | None = None
        """A text that a person has corrected: it is not accepted until something else has been read."""
        self.second_opinion_by = ""
        """The model that gave the last second opinion."""
        self._published: Status | None = None
        self._published_value: float | None = None
        self._published_mono = -1e9
        self._disagreeing_since: float | None = None
        """Monotonic time; None while frames agree."""
        self._event: tuple[str, tuple[int, int]] | None = None
        """Type and votes of the event that is to be published."""

    def add(self, observation: Observation) -> None:
        """Take an observation; accept, or hold back, what the evidence decides then."""
        self.evidence.add(observation)
        self._update(observation, "reading_changed")

    def add_second_opinion(self, candidates: Sequence[Candidate], model: str) -> bool:
        """Take a second opinion (texts of digits only) on the present view; returns whether it counts as evidence.

        It is no more than evidence: only texts of our own frames count, and rules hold back what they would have held.
        """
        if not self.evidence.add_second_opinion(candidates, digits_of):
            return False
        self.second_opinion_by = model
        self._update(self.evidence.latest, "reading_corrected")
        return True

    def _update(self, observation: Observation, event: str) -> None:
        """Accept, or hold back, what the evidence decides now."""
        decision = self.decision
        if self.pending and (decision is None or decision.text is None):
            self.pending.interrupted = True
        if decision is None:
            if self._disagreeing_since is None:
                self._disagreeing_since = observation.mono
            return
        self._disagreeing_since = None
        if decision.status in (Status.NO_DIGITS, Status.WRONG_FORMAT):
            self.pending = None  # wiped: the next text starts from zero. Darkness or blur for a while wipes nothing
        if decision.text is None or decision.text == self.overruled:
            return
        self.overruled = None
        if self.accepted and decision.text == self.accepted.text:
            self.pending, self.value_at = None, observation.at
            return
        objection = self._objection(decision.text, observation)
        if objection is None:
            self._accept(decision.text, observation, event, decision.votes)
        else:
            self._hold_back(decision, objection, observation.mono)

    def _hold_back(self, decision: Decision, objection: Status, mono: float) -> None:
        """Keep a value that breaks a rule as pending. If the rules allow it as the next value of the one that was
        pending, it inherits that one's time: a meter that was misread once and keeps counting must not be refused
        for ever."""
        before, text = self.pending, decision.text or ""
        value = self.form.value(text) or 0
        if before is None or (before.text, before.status) != (text, objection):
            self._event = ("reading_rejected", decision.votes)
        self.pending = PendingValue(text, objection, value, mono, self.options.accept_after)
        if before and self.rules.objection_to_change(value, before.value, mono - before.last) is None:
            self.pending.agreed, self.pending.confirm_at = before.agreed_at(mono), before.confirm_at

    def _accept(self, text: str, observation: Observation, event: str, votes: tuple[int, int]) -> None:
        self.accepted = Accepted(text, observation.at, observation.mono)
        self.value_at, self.pending = observation.at, None
        self._event = (event, votes)

    def set(self, text: str, at: float, mono: float) -> None:
        """Accept what a person says is written there."""
        self.accepted, self.value_at, self.pending = Accepted(text, at, mono), at, None
        self._event = ("value_set", (0, 0))
        decision = self.decision
        self.overruled = decision.text if decision and decision.text != text else None

    def forget_evidence(self) -> None:
        """Forget the evidence: what the next frames agree on is published, also if it is the same."""
        self.evidence, self._published, self._disagreeing_since = Evidence(self.options.settle), None, None

    def needs_confirmation(self, mono: float) -> bool:
        """Whether the pending value has been read for so long that perturbed views decide on it now."""
        pending, decision = self.pending, self.decision
        if pending is None or decision is None or decision.text != pending.text:
            return False
        return pending.agreed_at(mono) >= pending.confirm_at - ROUNDING

    def confirm(self, agree: bool, observation: Observation) -> None:
        """Accept the pending value if the perturbed views `agree`; otherwise try again later."""
        if self.pending and agree and (decision := self.decision):
            self._accept(self.pending.text, observation, "reading_corrected", decision.votes)
        elif self.pending:
            wait = min(CONFIRM_AGAIN, self.options.accept_after)
            self.pending.confirm_at = self.pending.agreed_at(observation.mono) + wait

    def current(self, mono: float) -> Publication:
        """The present state, whether it is due to be published or not."""
        status, votes = self._status(mono)
        return Publication(status or Status.LOW_CONFIDENCE, votes)

    def due(self, mono: float) -> Publication | None:
        """What is to be published at monotonic time `mono`; each is returned once."""
        status, votes = self._status(mono)
        event, self._event = self._event, None
        if event and (event[0] != "reading_changed" or self._is_outside_deadband or self._published is None):
            return self._publish(status or Status.OK, event[1], mono, event[0])
        heartbeat = self.options.heartbeat or float("inf")
        if status is None or (status is self._published and mono - self._published_mono < heartbeat):
            return None
        return self._publish(status, votes, mono)

    def _publish(self, status: Status, votes: tuple[int, int], mono: float, event: str | None = None) -> Publication:
        self._published, self._published_mono, self._published_value = status, mono, self.value
        return Publication(status, votes, event)

    @property
    def _is_outside_deadband(self) -> bool:
        value, before = self.value, self._published_value
        return value is None or before is None or abs(value - before) >= self.options.deadband

    def _status(self, mono: float) -> tuple[Status | None, tuple[int, int]]:
        """Status (None: frames do not agree, but not for long) and votes."""
        decision = self.decision
        if decision is None:
            return (Status.LOW_CONFIDENCE if self._is_lost(mono) else None), (0, len(self.evidence.observations))
        if self.pending is not None and decision.text == self.pending.text:
            return self.pending.status, decision.votes
        if decision.text is not None and decision.text == self.overruled:
            return Status.LOW_CONFIDENCE, decision.votes
        return decision.status, decision.votes

    def _is_lost(self, mono: float) -> bool:
        """Whether frames have disagreed for long. A field that was not looked at meanwhile is not lost."""
        since = self._disagreeing_since
        return since is not None and mono - since > max(DISAGREEMENT, 3 * self.options.settle)

    @property
    def decision(self) -> Decision | None:
        """What the frames agree on; None while they do not."""
        return self.evidence.decision(self.accepted.text if self.accepted else None)

    @property
    def is_ok(self) -> bool:
        """Whether frames agree on a text."""
        return (decision := self.decision) is not None and decision.status is Status.OK

    def wants_second_opinion(self, mono: float) -> bool:
        """Whether a number is in view that the frames cannot decide on, and no second opinion has come yet."""
        return self._status(mono)[0] is Status.LOW_CONFIDENCE and self.evidence.second_opinion is None

    def is_undecided(self, mono: float) -> bool:
        """Whether more frames are needed although nothing changes."""
        return self.decision is None or self.needs_confirmation(mono)

    def _objection(self, text: str, observation: Observation) -> Status | None:
        """The status of the rule that a text breaks."""
        value = self.form.value(text)
        if self.options.text or value is None:
            return None
        before = self.accepted
        elapsed = before.elapsed(observation) if before else 0.0
        return self.rules.objection(value, self.value if before else None, elapsed)

    @property
    def value(self) -> int | float | None:
        """The accepted text as a number; None for identifiers, and before the first."""
        return None if self.options.text or self.accepted is None else self.form.value(self.accepted.text)

    def latest(self, status: Status) -> Observation | None:
        """The newest observation that a reading of this status is about; None before the first."""
        observations, second = self.evidence.observations, self.evidence.second_opinion
        accepted = self.accepted.text if self.accepted else None
        if second and observations and status is Status.OK and second[0] == accepted:
            return replace(observations[-1], candidates=self.evidence.combined_candidates())
        fitting = (o for o in reversed(observations) if status is not Status.OK or o.text == accepted)
        return next(fitting, observations[-1] if observations else None)

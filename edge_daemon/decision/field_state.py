"""One field over time: what was accepted, what is held back, and what is due to be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edge_daemon.decision.evidence import MOMENT, Decision, Evidence, Opinion
from edge_daemon.decision.formats import Format, digits_of
from edge_daemon.decision.rules import Rules
from edge_daemon.domain import Candidate, Status

HEARTBEAT = 600.0
"""Seconds after which an unchanged reading is said again."""
ACCEPT_AFTER = 600.0
"""Seconds of agreement after which a value that broke a rule is believed."""
PROOF_AGAIN = 60.0
"""Seconds of agreement until perturbed views that did not say the same are asked again."""
DOUBT = 10.0
"""Seconds, or three settle times, without agreement after which low_confidence is said."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The last text that was believed."""

    text: str
    at: float
    """Wall clock when it was accepted; elapsed time for rates counts from here."""
    mono: float | None
    """The same on the monotonic clock; None where that was before a restart."""

    def elapsed(self, opinion: Opinion) -> float:
        return opinion.mono - self.mono if self.mono is not None else max(0.0, opinion.at - self.at)


@dataclass(slots=True)
class Held:
    """A text that breaks a rule, and for how long it, and what it may have come from, has been read."""

    text: str
    status: Status
    value: float
    last: float
    """Monotonic time at which it was read last."""
    proof_due: float
    """Seconds of agreement after which it is put to the proof."""
    agreed: float = 0.0
    """Seconds for which it has been agreed on, up to `last`. Night, blur and other interruptions do not count."""
    interrupted: bool = False

    def agreed_at(self, mono: float) -> float:
        return self.agreed if self.interrupted else self.agreed + mono - self.last


@dataclass(frozen=True, slots=True)
class Said:
    """What is due to be published."""

    status: Status
    votes: tuple[int, int]
    event: str | None = None
    """Type of the event that goes with it."""


@dataclass(slots=True)
class Ballot:
    """The evidence on one field, and what became of it."""

    settle: float
    form: Format = field(default_factory=lambda: Format(""))
    rules: Rules = field(default_factory=Rules)
    text: bool = False
    unit: str | None = None
    accept_after: float = ACCEPT_AFTER
    heartbeat: float = HEARTBEAT
    deadband: float = 0.0
    evidence: Evidence = field(init=False)
    accepted: Accepted | None = None
    value_at: float | None = None
    held: Held | None = None
    overruled: str | None = None
    """What a person said is not what is written there: not believed until something else has been read."""
    second_by: str = ""
    """The model whose second opinion was heard last."""
    _said: Status | None = None
    _said_value: float | None = None
    _said_mono: float = -1e9
    _doubted: float | None = None
    """Since when frames have not agreed; a field that was not looked at meanwhile is not in doubt."""
    _announce: tuple[str, tuple[int, int]] | None = None

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.settle)

    def add(self, opinion: Opinion) -> None:
        """Take what a frame said; accept, or hold back, what that decides."""
        self.evidence.add(opinion)
        self._weigh(opinion, "reading_changed")

    def hear(self, said: Sequence[Candidate], by: str) -> bool:
        """Take a second opinion on what is in view (digits only) of the model `by`; whether it counts for anything.

        It is evidence, and no more: the format has chosen our own texts, and rules hold back what they would have.
        """
        if not self.evidence.hear(said, digits_of):
            return False
        self.second_by = by
        self._weigh(self.evidence.latest, "reading_corrected")
        return True

    def _weigh(self, opinion: Opinion, event: str) -> None:
        """What the evidence says now, accepted or held back."""
        decision = self.decision
        if self.held and (decision is None or decision.text is None):
            self.held.interrupted = True
        if decision is None:
            self._doubted = opinion.mono if self._doubted is None else self._doubted
            return
        self._doubted = None
        if decision.status in (Status.NO_DIGITS, Status.WRONG_FORMAT):
            self.held = None  # wiped: what comes next begins anew. Being dark or blurred for a while wipes nothing
        if decision.text is None or decision.text == self.overruled:
            return
        self.overruled = None
        if self.accepted and decision.text == self.accepted.text:
            self.held, self.value_at = None, opinion.at
            return
        objection = self._objection(decision.text, opinion)
        if objection is None:
            self.accept(decision.text, opinion, event, decision.votes)
        else:
            self._hold(decision, objection, opinion.mono)

    def _hold(self, decision: Decision, objection: Status, mono: float) -> None:
        """A value that goes on from the one that was held goes on with its time: a meter that was read falsely once
        and keeps counting must not be refused for ever."""
        before, text = self.held, decision.text or ""
        value = self.form.value(text) or 0
        if before is None or (before.text, before.status) != (text, objection):
            self._announce = ("reading_rejected", decision.votes)
        self.held = Held(text, objection, value, mono, self.accept_after)
        if before and self.rules.objection_to_change(value, before.value, mono - before.last) is None:
            self.held.agreed, self.held.proof_due = before.agreed_at(mono), before.proof_due

    def accept(self, text: str, opinion: Opinion, event: str, votes: tuple[int, int]) -> None:
        self.accepted, self.value_at, self.held = Accepted(text, opinion.at, opinion.mono), opinion.at, None
        self._announce = (event, votes)

    def set(self, text: str, at: float, mono: float) -> None:
        """What a person says is written there."""
        self.accepted, self.value_at, self.held = Accepted(text, at, mono), at, None
        self._announce = ("value_set", (0, 0))
        decision = self.decision
        self.overruled = decision.text if decision and decision.text != text else None

    def look_again(self) -> None:
        """What the frames agree on from now on is said, also where it is what they said before."""
        self.evidence, self._said, self._doubted = Evidence(self.settle), None, None

    def needs_proof(self, mono: float) -> bool:
        """Whether what is held back was read for so long that it is to be believed if perturbed views agree."""
        return self.held is not None and self.held.agreed_at(mono) >= self.held.proof_due - MOMENT and self._reads_held

    def prove(self, agree: bool, opinion: Opinion) -> None:
        """What the perturbed views said; another try comes later where they did not agree."""
        if self.held and agree and (decision := self.decision):
            self.accept(self.held.text, opinion, "reading_corrected", decision.votes)
        elif self.held:
            self.held.proof_due = self.held.agreed_at(opinion.mono) + min(PROOF_AGAIN, self.accept_after)

    @property
    def _reads_held(self) -> bool:
        return self.held is not None and (decision := self.decision) is not None and decision.text == self.held.text

    def present(self, mono: float) -> Said:
        """What there is to say, due or not."""
        status, votes = self._state(mono)
        return Said(status or Status.LOW_CONFIDENCE, votes)

    def due(self, mono: float) -> Said | None:
        """What there is to say now; returned once."""
        status, votes = self._state(mono)
        announce, self._announce = self._announce, None
        if announce and (announce[0] != "reading_changed" or self._outside_deadband or self._said is None):
            return self._say(status or Status.OK, announce[1], mono, announce[0])
        if status is None or (status is self._said and mono - self._said_mono < (self.heartbeat or float("inf"))):
            return None
        return self._say(status, votes, mono)

    def _say(self, status: Status, votes: tuple[int, int], mono: float, event: str | None = None) -> Said:
        self._said, self._said_mono, self._said_value = status, mono, self.value
        return Said(status, votes, event)

    @property
    def _outside_deadband(self) -> bool:
        value = self.value
        return value is None or self._said_value is None or abs(value - self._said_value) >= self.deadband

    def _state(self, mono: float) -> tuple[Status | None, tuple[int, int]]:
        decision = self.decision
        if decision is None:
            lost = self._doubted is not None and mono - self._doubted > max(DOUBT, 3 * self.settle)
            return (Status.LOW_CONFIDENCE if lost else None), (0, len(self.evidence.opinions))
        if self.held is not None and decision.text == self.held.text:
            return self.held.status, decision.votes
        if decision.text is not None and decision.text == self.overruled:
            return Status.LOW_CONFIDENCE, decision.votes
        return decision.status, decision.votes

    @property
    def decision(self) -> Decision | None:
        return self.evidence.decision(self.accepted.text if self.accepted else None)

    @property
    def is_ok(self) -> bool:
        """Whether a text has been agreed on."""
        return (decision := self.decision) is not None and decision.status is Status.OK

    def is_doubtful(self, mono: float) -> bool:
        """Whether a number is in view of which frames cannot make enough."""
        return self._state(mono)[0] is Status.LOW_CONFIDENCE and self.evidence.second is None

    def is_undecided(self, mono: float) -> bool:
        """Whether more frames are wanted although nothing changes."""
        return self.decision is None or self.needs_proof(mono)

    def _objection(self, text: str, opinion: Opinion) -> Status | None:
        value = self.form.value(text)
        if self.text or value is None:
            return None
        before = self.accepted
        return self.rules.objection(value, self.value if before else None, before.elapsed(opinion) if before else 0.0)

    @property
    def value(self) -> int | float | None:
        return None if self.text or self.accepted is None else self.form.value(self.accepted.text)

    def latest(self, status: Status) -> Opinion | None:
        """The newest opinion that a reading of this status speaks of; None where nobody has looked yet."""
        opinions, second = self.evidence.opinions, self.evidence.second
        accepted = self.accepted.text if self.accepted else None
        if second and opinions and status is Status.OK and second.text == accepted:
            return replace(opinions[-1], candidates=self.evidence.joint())
        fitting = (o for o in reversed(opinions) if status is not Status.OK or o.text == accepted)
        return next(fitting, opinions[-1] if opinions else None)

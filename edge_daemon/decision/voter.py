"""Numbers over time -> Readings and Events: publishes what many frames agree on, and nothing else.

Each configured field has a state (field_state.py): evidence from its recent frames (evidence.py), weighed with its
format (formats.py) and checked against its rules (rules.py). With no field configured every number in the frame has a
state of its own that follows it as it moves (tracks.py), named auto-1 ... auto-16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from edge_daemon.decision.evidence import Observation, ViewCounter
from edge_daemon.decision.field_state import Accepted, FieldState, Publication
from edge_daemon.decision.formats import Format
from edge_daemon.decision.observations import in_frame, observation_of
from edge_daemon.decision.perturbation import agree
from edge_daemon.decision.rules import FieldOptions
from edge_daemon.decision.tracks import Tracks
from edge_daemon.domain import Box, Event, Number, Patch, Reading, Record, Status

Read = Callable[[Patch], Sequence[Number]]
"""Reads a patch: the numbers in it, boxes in its pixels."""


@dataclass(frozen=True, slots=True)
class UncertainNumber:
    """A number in view that the frames cannot decide on: a second opinion may be requested."""

    name: str
    state: FieldState
    box: Box | None
    """In pixels of the frame; None: the whole field."""


class Voter:
    """Holds the state of every field. `observe` takes the numbers of a frame, `due` returns what is to be published."""

    def __init__(
        self,
        options: Sequence[FieldOptions],
        model: str,
        backend: str,
        read: Read | None = None,
        accepted: Iterable[Reading] = (),
    ) -> None:
        """`read` reads perturbed views of a value that breaks a rule (None: time alone decides); `accepted` are the
        last accepted readings from before a restart."""
        self.model, self.backend, self._read = model, backend, read
        self._states = {o.name: FieldState(o) for o in options}
        self._views = {o.name: ViewCounter() for o in options}
        self._tracks = Tracks()
        self._observed_at = self._now = 0.0
        for reading in accepted:
            self._restore(reading)

    def _restore(self, reading: Reading) -> None:
        """Go on from a reading that was accepted before a restart, if the format still accepts it."""
        state = self._states.get(reading.field)
        if state and reading.text is not None and reading.value_at is not None and state.form.accepts(reading.text):
            state.accepted, state.value_at = Accepted(reading.text, reading.value_at, None), reading.value_at
            state.overruled = reading.overruled

    def observe(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Take the numbers that were read in a patch (boxes in its pixels); none for a patch that cannot be read."""
        self._observed_at = self._now = patch.frame.mono
        if patch.field is None:
            if patch.status is Status.OK:
                self._tracks.follow(patch.frame, [in_frame(n, patch.to_frame) for n in numbers])
            else:
                self._tracks.wait(self._observed_at)
            return
        state = self._states[patch.field]
        observation = self._observation(patch, numbers, state.form)
        state.add(observation)
        if state.pending and state.needs_confirmation(self._observed_at):
            agrees = self._read is None or agree(patch, state.pending.text, state.form, self._read)
            state.confirm(agrees, observation)

    def _observation(self, patch: Patch, numbers: Sequence[Number], form: Format) -> Observation:
        view = self._views[patch.field or ""].number(patch.pixels)
        if patch.status is not Status.OK:
            return Observation(patch.frame.mono, patch.frame.at, patch.status, view=view)
        return observation_of(numbers, form, patch, view)

    @property
    def undecided(self) -> frozenset[str]:
        """Fields that need more frames although nothing has changed.

        Also a number of the whole frame that is out of view, until it is back or gone.
        """
        fields = {name for name, state in self._states.items() if state.is_undecided(self._now)}
        tracks = [
            t for t in self._tracks.all if t.state.is_undecided(self._observed_at) or not self._is_in_view(t.seen)
        ]
        return frozenset(fields | {t.name or "auto" for t in tracks})

    def due(self, mono: float) -> list[Record]:
        """Readings and events that are to be published at monotonic time `mono`; each is returned once."""
        self._now = mono
        self._tracks.name_decided()
        # a number of the whole frame that is out of view is soon back, or gone: no_digits is not published for it
        in_view = ((t.name, t.state) for t in self._tracks.all if t.name and self._is_in_view(t.seen))
        records: list[Record] = []
        for name, state in [*self._states.items(), *in_view]:
            if publication := state.due(mono):
                records += self._records(name, state, publication)
        for track in self._tracks.leave(self._observed_at):
            if track.name:
                gone = self._reading(track.name, track.state, Publication(Status.NO_DIGITS, (0, 0)))
                records.append(replace(gone, gone=True))
        return records

    def _is_in_view(self, seen: float) -> bool:
        return seen >= self._observed_at

    def forget_evidence(self) -> None:
        """Decide again by the next frames, and publish the result even if it is the same."""
        for state in (*self._states.values(), *(track.state for track in self._tracks.all)):
            state.forget_evidence()

    def current(self) -> list[Reading]:
        """The present reading of each field, whether it has been published or not."""
        named = [*self._states.items(), *((t.name, t.state) for t in self._tracks.all if t.name)]
        return [self._reading(name, state, state.current(self._now)) for name, state in named]

    def set_value(self, field: str, value: str | int | float, at: float, mono: float) -> str:
        """Accept what a person says is written in a field; returns its text.

        Raises KeyError, or ValueError if it does not fit the format.
        """
        state = self._states[field]
        text = state.form.written(value)
        if text is None:
            raise ValueError(f"{value!r} does not fit the format {state.form.pattern!r} of {field}")
        state.set(text, at, mono)
        return text

    def uncertain_numbers(self, field: str | None) -> list[UncertainNumber]:
        """The numbers in view of a field, or (None) of the whole frame, that the frames cannot decide on."""
        if field is not None:
            numbers = [UncertainNumber(field, self._states[field], None)]
        else:
            in_view = [t for t in self._tracks.all if self._is_in_view(t.seen)]
            numbers = [UncertainNumber(t.name, t.state, t.box) for t in in_view if t.name]
        return [number for number in numbers if number.state.wants_second_opinion(self._now)]

    def _records(self, name: str, state: FieldState, publication: Publication) -> list[Record]:
        """The reading, and the event that goes with it."""
        reading = self._reading(name, state, publication)
        if publication.event is None:
            return [reading]
        at = reading.captured_at
        detail: dict[str, str | int | float | None] = {"text": reading.text, "value": reading.value}
        if publication.event == "reading_rejected" and state.pending:
            text = state.pending.text
            detail = {"text": text, "value": None if state.options.text else state.form.value(text)}
            detail["status"] = publication.status.value
        if publication.event == "reading_corrected" and state.evidence.second_opinion:
            detail["second_opinion"] = state.second_opinion_by
        if publication.event == "value_set" and state.value_at:
            at = state.value_at
        return [reading, Event(publication.event, name, at, detail)]

    def _reading(self, name: str, state: FieldState, publication: Publication) -> Reading:
        latest = state.latest(publication.status)
        candidates = latest.candidates if latest else ()
        return Reading(
            field=name,
            status=publication.status,
            text=state.accepted.text if state.accepted else None,
            value=state.value,
            unit=state.options.unit or None,
            confidence=candidates[0][1] if candidates else 0.0,
            candidates=candidates,
            digits=latest.digits if latest else (),
            votes=publication.votes,
            captured_at=latest.at if latest else state.value_at or 0.0,
            value_at=state.value_at,
            model=self.model,
            backend=self.backend,
            overruled=state.overruled,
        )

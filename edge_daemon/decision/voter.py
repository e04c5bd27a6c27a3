"""Numbers over time -> Readings and Events: say what many frames agree on, and nothing else.

Each configured field has a ballot (ballot.py): evidence from its recent frames (evidence.py), weighed with its format
(formats.py) and held against its rules (rules.py). With no field configured every number in the picture has a ballot of
its own that follows it as it moves (tracks.py), named auto-1 ... auto-16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from edge_daemon.decision.evidence import Opinion, Views
from edge_daemon.decision.field_state import Accepted, Ballot
from edge_daemon.decision.formats import Format
from edge_daemon.decision.observations import in_frame, opinion_on
from edge_daemon.decision.perturbation import agree
from edge_daemon.decision.rules import Rules
from edge_daemon.decision.tracks import Tracks
from edge_daemon.domain import Box, Event, Number, Patch, Reading, Record, Status
from edge_daemon.fields import extract

Read = Callable[[Patch], Sequence[Number]]


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A number that somebody else may be asked about."""

    name: str
    ballot: Ballot
    box: Box | None
    """In pixels of the frame; None: it is all that the field holds."""


class Voter:
    """Holds the ballots. `observe` takes what a frame said; `due` returns what there is to say now."""

    def __init__(
        self,
        options: Sequence[extract.Options],
        model: str,
        backend: str,
        read: Read | None = None,
        accepted: Iterable[Reading] = (),
    ) -> None:
        """`read` looks once more at perturbed views of a value that breaks a rule (None: time alone decides);
        `accepted` are the readings that were accepted last before a restart."""
        self.model, self.backend, self._read = model, backend, read
        self._ballots = {o.name: ballot(o) for o in options}
        self._views = {o.name: Views() for o in options}
        self._tracks = Tracks()
        self._mono = self._now = 0.0
        for reading in accepted:
            kept = self._ballots.get(reading.field)
            # the format may be another now
            if kept and reading.text is not None and reading.value_at is not None and kept.form.accepts(reading.text):
                kept.accepted, kept.value_at = Accepted(reading.text, reading.value_at, None), reading.value_at
                kept.overruled = reading.overruled

    def observe(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Take what `read` found in a patch (boxes in patch pixels); nothing of one that could not be read."""
        self._mono = self._now = patch.frame.mono
        if patch.field is None:
            if patch.status is Status.OK:
                self._tracks.follow(patch.frame, [in_frame(n, patch.to_frame) for n in numbers])
            else:
                self._tracks.wait(self._mono)
            return
        there = self._ballots[patch.field]
        opinion = self._opinion(patch, numbers, there.form)
        there.add(opinion)
        if there.held and there.needs_proof(self._mono):
            there.prove(self._read is None or agree(patch, there.held.text, there.form, self._read), opinion)

    def _opinion(self, patch: Patch, numbers: Sequence[Number], form: Format) -> Opinion:
        view = self._views[patch.field or ""].number(patch.pixels)
        if patch.status is not Status.OK:
            return Opinion(patch.frame.mono, patch.frame.at, patch.status, view=view)
        return opinion_on(numbers, form, patch, view)

    @property
    def undecided(self) -> frozenset[str]:
        """Fields that want to be looked at although they have not changed.

        Also a number of the whole frame that is out of sight, until it is back or gone.
        """
        wanted = {name for name, ballot in self._ballots.items() if ballot.is_undecided(self._now)}
        tracks = [t for t in self._tracks.all if t.ballot.is_undecided(self._mono) or t.seen < self._mono]
        return frozenset(wanted | {t.name or "auto" for t in tracks})

    def due(self, mono: float) -> list[Record]:
        """Readings and events that are to be said at monotonic time `mono`; each is returned once."""
        self._now = mono
        self._tracks.name_decided()
        # a number of the whole frame that is out of sight is soon back, or gone: no_digits is not said of it
        in_sight = ((t.name, t.ballot) for t in self._tracks.all if t.name and t.seen >= self._mono)
        said = [*self._ballots.items(), *in_sight]
        records = [record for name, ballot in said for record in self._say(name, ballot, mono)]
        for track in self._tracks.leave(self._mono):
            if track.name:
                gone = self._reading(track.name, track.ballot, Status.NO_DIGITS, (0, 0))
                records.append(replace(gone, gone=True))
        return records

    def look_again(self) -> None:
        """Decide anew on what the next frames show, and say it even if it is the same."""
        for there in (*self._ballots.values(), *(track.ballot for track in self._tracks.all)):
            there.look_again()

    def present(self) -> list[Reading]:
        """How it stands with each field, said or not."""
        named = [*self._ballots.items(), *((t.name, t.ballot) for t in self._tracks.all if t.name)]
        states = [(name, ballot, ballot.present(self._now)) for name, ballot in named]
        return [self._reading(name, ballot, said.status, said.votes) for name, ballot, said in states]

    def set_value(self, field: str, value: str | int | float, at: float, mono: float) -> str:
        """Accept what a person says is written in a field; the text is returned.

        Raises KeyError, or ValueError if it does not fit.
        """
        there = self._ballots[field]
        text = there.form.written(value)
        if text is None:
            raise ValueError(f"{value!r} does not fit the format {there.form.pattern!r} of {field}")
        there.set(text, at, mono)
        return text

    def doubtful(self, field: str | None) -> list[Doubtful]:
        """Of a field, or (None) of the whole frame: the numbers in view that the frames cannot agree on."""
        if field is not None:
            there = [Doubtful(field, self._ballots[field], None)]
        else:
            in_sight = [t for t in self._tracks.all if t.seen >= self._mono]
            there = [Doubtful(t.name, t.ballot, t.box) for t in in_sight if t.name]
        return [one for one in there if one.ballot.is_doubtful(self._now)]

    def _say(self, name: str, ballot: Ballot, mono: float) -> list[Record]:
        said = ballot.due(mono)
        if said is None:
            return []
        reading = self._reading(name, ballot, said.status, said.votes)
        if said.event is None:
            return [reading]
        detail: dict[str, str | int | float | None] = {"text": reading.text, "value": reading.value}
        at = reading.captured_at
        if said.event == "reading_rejected" and ballot.held:
            text = ballot.held.text
            detail = {"text": text, "value": None if ballot.text else ballot.form.value(text)}
            detail["status"] = said.status.value
        if said.event == "reading_corrected" and ballot.evidence.second:
            detail["second_opinion"] = ballot.second_by
        if said.event == "value_set" and ballot.value_at:
            at = ballot.value_at
        return [reading, Event(said.event, name, at, detail)]

    def _reading(self, name: str, ballot: Ballot, status: Status, votes: tuple[int, int]) -> Reading:
        latest = ballot.latest(status)
        candidates = latest.candidates if latest else ()
        return Reading(
            field=name,
            status=status,
            text=ballot.accepted.text if ballot.accepted else None,
            value=ballot.value,
            unit=ballot.unit,
            confidence=candidates[0][1] if candidates else 0.0,
            candidates=candidates,
            digits=latest.digits if latest else (),
            votes=votes,
            captured_at=latest.at if latest else ballot.value_at or 0.0,
            value_at=ballot.value_at,
            model=self.model,
            backend=self.backend,
            overruled=ballot.overruled,
        )


def ballot(options: extract.Options) -> Ballot:
    """An empty ballot for a field, as the configuration wants it."""
    form = Format(options.format)
    rules = Rules(
        low=options.min,
        high=options.max,
        monotone=options.monotone,
        rate=options.max_rate,
        turn=form.turn if options.wrap else None,
        step=10.0**-form.decimals,
    )
    return Ballot(
        settle=options.settle,
        form=form,
        rules=rules,
        text=options.text,
        unit=options.unit or None,
        accept_after=options.accept_after,
        heartbeat=options.heartbeat,
        deadband=options.deadband,
    )

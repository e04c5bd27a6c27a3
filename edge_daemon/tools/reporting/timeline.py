"""What was published of each field over a time: its values, and the spans in which a value was withheld."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from edge_daemon.decision.rules import RULES
from edge_daemon.domain import Reading, Status

BREAKS_A_RULE = frozenset(rule.status for rule in RULES.values())
"""Statuses of a value that was read, and is withheld because of a rule."""


@dataclass(frozen=True, slots=True)
class Step:
    """An accepted value, until the next step."""

    at: float
    """Seconds since 1970."""
    text: str | None
    """None: nothing was accepted yet, or the number has left the picture."""
    value: float | None
    """None also for identifiers."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the field was not `ok`; in seconds since 1970."""

    begin: float
    end: float
    status: Status
    seen: str
    """The text that was withheld because of a rule; empty for other statuses."""
    read_at: float
    """`captured_at` of the reading with which it began."""


@dataclass(slots=True)
class Timeline:
    """One field."""

    name: str
    unit: str = ""
    steps: list[Step] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    read_at: list[float] = field(default_factory=list)
    """When readings were published, seconds since 1970."""

    def totals(self) -> dict[Status, tuple[int, float]]:
        """Status -> how often it occurred, and for how many seconds altogether; the longest first."""
        found: dict[Status, tuple[int, float]] = {}
        for span in self.spans:
            count, length = found.get(span.status, (0, 0.0))
            found[span.status] = count + 1, length + span.end - span.begin
        return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def timelines(readings: Iterable[Reading], begin: float, end: float) -> list[Timeline]:
    """The fields, by name, from `begin` to `end` (seconds since 1970).

    What was published before `begin` gives the state with which a field begins.
    """
    by_field: dict[str, list[Reading]] = {}
    for reading in sorted(readings, key=lambda reading: reading.captured_at):
        if reading.captured_at <= end:
            by_field.setdefault(reading.field, []).append(reading)
    return [_timeline(name, found, begin, end) for name, found in sorted(by_field.items())]


def _timeline(name: str, readings: Sequence[Reading], begin: float, end: float) -> Timeline:
    timeline = Timeline(name, readings[-1].unit or "")
    for reading, until in _with_ends(readings, end):
        if until < begin:
            continue
        step = Step(max(begin, reading.captured_at), None if reading.gone else reading.text, reading.value)
        if not timeline.steps or timeline.steps[-1].text != step.text:
            timeline.steps.append(step)
        if reading.captured_at >= begin:
            timeline.read_at.append(reading.captured_at)
        if reading.status is not Status.OK and not reading.gone:
            _extend(timeline.spans, span_of(reading, begin, until))
    return timeline


def _with_ends(readings: Sequence[Reading], end: float) -> Iterator[tuple[Reading, float]]:
    """Each reading with the time up to which it holds: that of the next one."""
    ends = [reading.captured_at for reading in readings[1:]] + [end]
    return zip(readings, ends, strict=True)


def _extend(spans: list[Span], span: Span) -> None:
    """Add a span, or lengthen the last one if it only goes on."""
    last = spans[-1] if spans else None
    if last and (last.end, last.status, last.seen) == (span.begin, span.status, span.seen):
        spans[-1] = Span(last.begin, span.end, last.status, last.seen, last.read_at)
    else:
        spans.append(span)


def span_of(reading: Reading, begin: float, until: float) -> Span:
    """The span of one reading that is not `ok`, which holds until then."""
    seen = reading.candidates[0][0] if reading.candidates and reading.status in BREAKS_A_RULE else ""
    return Span(max(begin, reading.captured_at), until, reading.status, seen, reading.captured_at)

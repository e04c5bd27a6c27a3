"""The options of one [[field]], and the rules among them: each is declared once, here.

The configuration and its errors, the page's form, `explain`, hard samples and the test of default.toml all read
FieldOptions. To add a rule: add its key to FieldOptions, with a Rule in the key's type, and describe it in
default.toml. The bounds of a key that may be None belong to the number: `Annotated[float, Meta(gt=0)] | None`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_type_hints

from msgspec import Meta

from edge_daemon.decision.formats import Format
from edge_daemon.domain import Status
from edge_daemon.fields.extract import FieldRegion
from edge_daemon.mqtt import sensor_classes
from edge_daemon.mqtt.sensor_classes import DeviceClass, StateClass
from edge_daemon.system.units import Duration, Rate

ROLL_OVER = 0.1
"""The largest step over 0, as a share of the counter's range: 9990 -> 0005 rolls over, 9990 -> 5000 is a misread."""


@dataclass(frozen=True, slots=True)
class Change:
    """The step from the accepted value to a new one."""

    delta: float
    """New minus accepted; a counter that rolls over goes on counting."""
    elapsed: float
    """Seconds since the accepted value was accepted."""
    smallest: float
    """One unit of the last digit: the smallest change there can be."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The type annotation of a FieldOptions key that is a rule: when it is broken, and what is published then.

    A check takes the key's value and returns whether the rule is broken. It runs only where the key is set.
    """

    status: Status
    """The status of a reading that breaks the rule. Several rules may have the same one."""
    words: str
    """What `explain` and the page say then."""
    of_value: Callable[[Any, float], bool] | None = None
    """Checks the new value itself."""
    of_change: Callable[[Any, Change], bool] | None = None
    """Checks the change from the value that was accepted before."""


def _is_too_fast(rate: float, change: Change) -> bool:
    """Whether a change is faster than `rate` per second. The smallest change is always allowed: a slow rate would
    otherwise forbid every change that is quick to follow. Half of it more is for the rounding of decimals."""
    return abs(change.delta) > rate * max(0.0, change.elapsed) + 1.5 * change.smallest


@dataclass(frozen=True, slots=True)
class FieldOptions(FieldRegion):
    """One [[field]] of the configuration. `title` and `description` are what the page shows beside a key.

    A check that calls min(), max() or format() must stand outside of the class: inside, these names are keys.
    """

    format: Annotated[
        str,
        Meta(
            title="Format",
            description="# a digit, ? a digit that may be missing, ###.# a decimal, -## a sign",
            examples=["####"],
        ),
    ] = ""
    """What may be written there, see formats.py. Empty: any number of digits."""
    text: Annotated[bool, Meta(title="An identifier, not a number")] = False
    """Leading zeros matter: it is published as text and has no value."""
    settle: Annotated[
        float, Duration("0s", "1h"), Meta(title="Settle time", description="how long a new value must stay")
    ] = 2.0
    """Seconds for which a new value must stand unchanged before it is published."""
    unit: Annotated[str, Meta(title="Unit", examples=["kWh"])] = ""
    """Published with the value as it is."""
    device_class: Annotated[DeviceClass, Meta(title="Device class in Home Assistant")] = "auto"
    """What Home Assistant takes the number for."""
    state_class: Annotated[StateClass, Meta(title="State class in Home Assistant")] = "auto"
    """How Home Assistant makes statistics of the number."""
    min: Annotated[
        float | None,
        Meta(title="Lowest value"),
        Rule(Status.OUT_OF_RANGE, "it is below `min`", of_value=lambda lowest, value: value < lowest),
    ] = None
    """The lowest value there can be."""
    max: Annotated[
        float | None,
        Meta(title="Highest value"),
        Rule(Status.OUT_OF_RANGE, "it is above `max`", of_value=lambda highest, value: value > highest),
    ] = None
    """The highest value there can be."""
    monotone: Annotated[
        bool,
        Meta(title="Never falls"),
        Rule(
            Status.NOT_MONOTONE,
            "it is lower than the value before, which `monotone` rules out",
            of_change=lambda _, change: change.delta < 0,
        ),
    ] = False
    """A value is never lower than the one before."""
    max_rate: Annotated[
        float | None,
        Rate(),
        Meta(title="Fastest change", examples=["100/h"]),
        Rule(
            Status.RATE_TOO_HIGH,
            "it has changed faster than `max_rate` allows",
            of_change=_is_too_fast,
        ),
    ] = None
    """The fastest change per second, counted from when the value before was accepted."""
    wrap: Annotated[bool, Meta(title="Rolls over to 0")] = False
    """After the highest value of the format comes 0 again."""
    accept_after: Annotated[
        float,
        Duration("1s", "365d"),
        Meta(title="Accept after", description="how long a value that breaks a rule must be read"),
    ] = 600.0
    """Seconds for which a value that breaks a rule must be read until it is accepted all the same."""
    heartbeat: Annotated[
        float,
        Duration("0s", "30d"),
        Meta(title="Heartbeat", description="how often an unchanged value is published; 0s: never"),
    ] = 600.0
    """Seconds after which an unchanged reading is published again; 0: never."""
    deadband: Annotated[float, Meta(ge=0, title="Deadband", description="a smaller change waits for the heartbeat")] = (
        0.0
    )
    """A smaller change is not published before the next heartbeat."""


def _find_rules() -> Mapping[str, Rule]:
    hints = get_type_hints(FieldOptions, include_extras=True)
    return {key: meta for key, hint in hints.items() for meta in get_args(hint) if isinstance(meta, Rule)}


RULES = _find_rules()
"""Key -> its rule, in the order in which they are checked."""


def explanations() -> dict[str, str]:
    """Status -> what held a reading back, for the statuses that rules lead to."""
    statuses = dict.fromkeys(rule.status for rule in RULES.values())
    return {status: " or ".join(rule.words for rule in RULES.values() if rule.status is status) for status in statuses}


def contradictions(options: FieldOptions) -> Iterator[tuple[str, str]]:
    """Keys of a field that contradict each other: one of them, and the problem, "expected ...; got ..."."""
    form = Format(options.format)
    if options.min is not None and options.max is not None and options.min > options.max:
        yield "max", f"expected at least min, {options.min:g}; got {options.max:g}"
    if options.wrap and form.rollover is None:
        yield "wrap", 'expected a format without "?", such as "#####"; got none to roll over from'
    if not form.holds_numbers and not options.text:
        yield "format", f'expected text = true beside it; got none, and "{options.format}" is no number'
    if form.is_ambiguous and form.holds_numbers and not options.text:
        decimal, whole = options.format.replace(",", "."), options.format.replace(",", "")
        problem = f'expected "{decimal}" if the comma is a decimal comma, or "{whole}" if it separates thousands: the'
        problem += f' comma need not be in the format; got "{options.format}", which could be either'
        yield "format", problem
    yield from sensor_classes.contradictions(options.unit, options.device_class, options.state_class)
    numeric = [key for key in RULES if _is_set(getattr(options, key))]
    numeric += [key for key in ("wrap", "deadband") if getattr(options, key)]
    if options.text and numeric:
        yield numeric[0], "expected a field that holds numbers; got text = true, which has no value"


def _is_set(value: object) -> bool:
    return value is not None and value is not False


class Rules:
    """The rules that one field has set."""

    def __init__(self, options: FieldOptions) -> None:
        form = Format(options.format)
        self._set = [(rule, limit) for key, rule in RULES.items() if _is_set(limit := getattr(options, key))]
        self._smallest = 10.0**-form.decimals
        self._range = form.rollover if options.wrap else None
        self._rolls_back = not options.monotone

    def objection(self, value: float, before: float | None, elapsed: float) -> Status | None:
        """The status of the first rule that `value` breaks; None if it breaks none.

        `before` is the accepted value (None: there is none yet), `elapsed` the seconds since it was accepted.
        """
        for rule, limit in self._set:
            if rule.of_value and rule.of_value(limit, value):
                return rule.status
        return None if before is None else self.objection_to_change(value, before, elapsed)

    def objection_to_change(self, value: float, before: float, elapsed: float) -> Status | None:
        """The same for the change alone, wherever the two values lie."""
        change = Change(self._delta(value, before), elapsed, self._smallest)
        for rule, limit in self._set:
            if rule.of_change and rule.of_change(limit, change):
                return rule.status
        return None

    def _delta(self, value: float, before: float) -> float:
        delta = value - before
        if self._range and delta < 0 and delta + self._range <= ROLL_OVER * self._range:
            return delta + self._range
        if self._range and self._rolls_back and delta > 0 and self._range - delta <= ROLL_OVER * self._range:
            return delta - self._range
        return delta

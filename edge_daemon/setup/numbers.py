"""Step 3, the numbers: which of those that are found matter, with their names, units and formats."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge_daemon.check.finding import Found, Level
from edge_daemon.preview.field_editor import Corners, Draft
from edge_daemon.setup.session import Session

SEARCH = 10.0
"""Seconds in which numbers must be found, and read as fields."""
SURE = 0.5
"""Confidence of a number that is offered."""


class FoundNumber(NamedTuple):
    """A number in the picture, and the field that is proposed for it."""

    text: str
    confidence: float
    region: Corners
    format: str


def found(session: Session) -> list[FoundNumber]:
    """The numbers in the picture, in reading order; waits until there is one, up to SEARCH. Raises CameraError."""
    deadline = time.monotonic() + SEARCH
    while True:
        numbers = [
            FoundNumber(text, confidence, number["field"]["region"], number["field"]["format"])
            for number in session.api.look(None)["numbers"]
            for text, confidence in number["candidates"][:1]
            if confidence >= SURE
        ]
        if numbers or time.monotonic() > deadline:
            return numbers


def field(number: FoundNumber, name: str, unit: str = "", format: str | None = None) -> Draft:
    """The field of a number, with its format unless another one is given."""
    return Draft(
        {"name": name, "unit": unit, "format": number.format if format is None else format}, None, number.region
    )


def choose(session: Session, fields: Sequence[Draft]) -> Iterator[Found]:
    """Read these fields and no others; each is tried. Without any, every number in the picture is read.

    Raises ConfigError or CameraError.
    """
    session.api.save(list(fields))
    session.open_picture()
    if not fields:
        remedy = "A field around a number is read much better: choose the numbers that matter."
        yield Level.WARN, "no fields: every number in the picture is published", remedy
    yield from _try_out(session, len(fields))


def _try_out(session: Session, count: int) -> Iterator[Found]:
    """What would be published of each field, in up to SEARCH seconds."""
    deadline, views = time.monotonic() + SEARCH, list[dict[str, object]]()
    while count and time.monotonic() < deadline:
        views = session.api.look(None)["fields"]
        if all(view["published"] for view in views):
            break
    for view in views:
        published = view["published"]
        if isinstance(published, dict) and published["status"] == "ok":
            yield Level.OK, f"{view['name']}: {published['text']} {published['unit'] or ''}".rstrip()
        else:
            remedy = "Draw its field larger, improve light and focus, or correct its format."
            yield Level.WARN, f"{view['name']} is not read yet: {str(view['why']).replace('`', '')}", remedy

"""Step 7, the first reading: what a subscriber of the broker receives from the new daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from edge_daemon.check.finding import Found, Level
from edge_daemon.domain import Status
from edge_daemon.errors import SetupError
from edge_daemon.mqtt import messages
from edge_daemon.setup import broker
from edge_daemon.setup.session import Session
from edge_daemon.tools.board import seconds
from edge_daemon.tools.explain import WHY
from edge_daemon.tools.watch import watch

PATIENCE = 300.0
"""Seconds in which the first reading must arrive: a start takes minutes on a small Pi."""


class Received(NamedTuple):
    """A reading as a subscriber receives it."""

    field: str
    text: str
    unit: str
    status: str

    @property
    def why(self) -> str:
        """What held it back."""
        return WHY.get(self.status, self.status).replace("`", "")


def received(session: Session, stopped: Callable[[], bool] = lambda: False) -> Iterator[Received]:
    """The readings of the daemon since its start, as they arrive at the broker, until stopped.

    Raises BrokerError, or SetupError where the daemon ends or nothing is accepted for long.
    """
    topic = f"{messages.base(session.draft.config.device)}/reading/+"
    deadline, accepted = time.monotonic() + PATIENCE, False

    def is_over() -> bool:
        is_late = not accepted and time.monotonic() > deadline
        return stopped() or is_late or bool(session.rights.launcher.failure())

    for name, payload in watch(broker.address(session), is_over, [topic]):
        if isinstance(payload, dict) and _is_new(payload, session.started_at):
            accepted = accepted or payload.get("status") == Status.OK
            yield Received(
                name.rsplit("/", 1)[1], payload.get("text") or "", payload.get("unit", ""), payload.get("status", "")
            )
    if stopped():
        return
    raise SetupError(session.rights.launcher.failure() or f"no reading has arrived within {PATIENCE:.0f} s")


def first(session: Session) -> Iterator[Found]:
    """Wait for the first valid reading; what is withheld meanwhile is a warning. Raises as `received` does."""
    for reading in received(session):
        if reading.status == Status.OK:
            yield Level.OK, f"the broker has accepted {reading.field}: {reading.text} {reading.unit}".rstrip()
            return
        yield (
            Level.WARN,
            f"{reading.field} is withheld: {reading.why}",
            "Look at the picture again: edge-daemon preview",
        )


def _is_new(payload: dict[str, object], since: float) -> bool:
    """Whether a reading was taken after `since`, seconds since 1970; the broker may retain an older one."""
    at = seconds(payload.get("captured_at"))
    return at is not None and at >= since

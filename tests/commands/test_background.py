"""Work in a thread, one at a time, whose result or error is the answer."""

from __future__ import annotations

import threading

import pytest

from edge_daemon.commands.background import BackgroundWork
from edge_daemon.errors import CommandError, OutboxError
from tests.support.brokers.mosquitto import until


def test_one_at_a_time() -> None:
    """A second one is refused while the first runs; then it is carried out."""
    work, go = BackgroundWork(), threading.Event()
    first = work.start(go.wait, lambda found: {"found": found})
    assert first() is None
    with pytest.raises(CommandError, match="still being carried out"):
        work.start(go.wait, lambda _: {})
    go.set()
    until(lambda: first() == {"found": True})
    until(lambda: not work._thread or not work._thread.is_alive())
    second = work.start(lambda: 7, lambda found: {"found": found})
    until(lambda: second() == {"found": 7})


@pytest.mark.parametrize("error", [OutboxError("full"), OSError("gone"), ZeroDivisionError("oh")])
def test_errors(error: Exception) -> None:
    """An error of the work is raised where its result is asked for, as one that is answered."""

    def fail() -> None:
        raise error

    work = BackgroundWork()
    result = work.start(fail, lambda _: {})
    until(lambda: not work._thread or not work._thread.is_alive())
    with pytest.raises((CommandError, OutboxError), match=str(error)):
        result()

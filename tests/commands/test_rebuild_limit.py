"""`reload` and `restart` by command: once a minute, also across the restart."""

from __future__ import annotations

import pytest

from edge_daemon.commands.rebuild_limit import RebuildLimit
from edge_daemon.errors import CommandError
from tests.support.clock import FakeClock


def test_across_a_restart() -> None:
    """The next process knows when this one was told to restart; the clock goes on."""
    clock = FakeClock()
    before = RebuildLimit(clock.now, {})
    before.check("restart")
    before.note("restart")
    clock.time += 20
    after = RebuildLimit(clock.now, before.environment())
    with pytest.raises(CommandError, match="again in 40 s"):
        after.check("restart")
    after.check("reload")
    clock.time += 40
    after.check("restart")


@pytest.mark.parametrize("text", ["", "x", "nan", "-1", "1e9", "99999999999", "1.2.3"])
def test_any_environment(text: str) -> None:
    """Whatever the variable holds, a restart is possible at the first start."""
    clock = FakeClock()
    RebuildLimit(clock.now, {"EDGE_DAEMON_RESTARTED_AT": text}).check("restart")

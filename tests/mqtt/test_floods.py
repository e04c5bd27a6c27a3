"""A subscription on which too much arrives is left for a minute."""

from __future__ import annotations

from edge_daemon.mqtt.floods import MOST, PAUSE, WINDOW, FloodGuard
from tests.support.clock import FakeClock

FILTERS = ["edge_daemon/bench/availability", "edge_daemon/bench/request/#"]


def flood(guard: FloodGuard, topic: str) -> list[str]:
    return [found for _ in range(MOST + 5) if (found := guard.arrived(topic)) is not None]


def test_flood() -> None:
    """The flooded subscription is left once, the others stay; after a minute it is taken up again."""
    clock = FakeClock()
    guard = FloodGuard(FILTERS, clock.now)
    assert flood(guard, "edge_daemon/bench/request/read_now") == [FILTERS[1]]
    assert guard.left == [FILTERS[1]]
    assert guard.is_left("edge_daemon/bench/request/reload")
    assert not guard.is_left(FILTERS[0])
    clock.time += PAUSE - 1
    assert guard.take_due() == []
    clock.time += 1
    assert guard.take_due() == [FILTERS[1]]
    assert guard.left == []


def test_what_is_allowed_is_no_flood() -> None:
    """Many messages over a long time are no flood."""
    clock = FakeClock()
    guard = FloodGuard(FILTERS, clock.now)
    for _ in range(5 * MOST):
        clock.time += 1.1 * WINDOW / MOST
        assert guard.arrived("edge_daemon/bench/request/read_now") is None


def test_messages_that_nobody_subscribed_to() -> None:
    """They are counted as well; there is no subscription to take up again."""
    clock = FakeClock()
    guard = FloodGuard(FILTERS, clock.now)
    assert flood(guard, "somewhere/else") == [""]
    clock.time += PAUSE
    assert guard.take_due() == []


def test_a_flood_that_goes_on() -> None:
    """The topic is left for longer each time, up to a limit."""
    clock = FakeClock()
    guard = FloodGuard(FILTERS, clock.now)
    for pause in (60, 120, 240, 480, 960, 960):
        assert flood(guard, FILTERS[0]) == [FILTERS[0]]
        clock.time += pause - 1
        assert guard.take_due() == []
        clock.time += 1
        assert guard.take_due() == [FILTERS[0]]

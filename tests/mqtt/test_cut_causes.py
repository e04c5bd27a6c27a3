"""What a broker cuts the connection for is found, and only that."""

from __future__ import annotations

from edge_daemon.mqtt.cut_causes import CutCauses
from tests.support.clock import FakeClock


def cut_alone(causes: CutCauses, key: str, size: int, times: int = 3) -> None:
    for _ in range(times):
        causes.cut({key: size}, answered_others=True)


def test_together_they_are_suspects() -> None:
    """All that was on its way is suspect, and nothing is left out yet; an answer clears."""
    causes = CutCauses()
    for _ in range(10):
        causes.cut({"a": 10, "b": 10}, answered_others=True)
    assert (causes.is_suspect("a"), causes.is_suspect("c"), causes.left_out) == (True, False, [])
    causes.answered("a", 10)
    assert not causes.is_suspect("a")


def test_alone_three_times() -> None:
    """A small message is left out by its topic after the third cut, for ten minutes, then longer."""
    clock = FakeClock()
    causes = CutCauses(clock.now)
    cut_alone(causes, "a", 10, times=2)
    assert not causes.leaves_out("a")
    cut_alone(causes, "a", 10, times=1)
    assert (causes.leaves_out("a"), causes.left_out, causes.size_limit) == (True, ["a"], 0)
    clock.time += 600
    assert not causes.leaves_out("a")
    cut_alone(causes, "a", 10, times=1)
    clock.time += 599
    assert causes.leaves_out("a")
    causes.answered("a", 10)
    assert causes.left_out == []


def test_a_broker_that_answers_nothing() -> None:
    """A broker that ends every connection before it answers anything is no reason to leave a message out."""
    causes = CutCauses()
    for _ in range(20):
        causes.cut({"a": 10}, answered_others=False)
    assert causes.left_out == []


def test_size() -> None:
    """If the cause is longer than all that was answered, it is its size; shorter messages go on."""
    clock = FakeClock()
    causes = CutCauses(clock.now)
    causes.answered("b", 2000)
    cut_alone(causes, "a", 5000)
    assert (causes.size_limit, causes.left_out) == (4999, [])
    clock.time += 600
    assert causes.size_limit == 0
    cut_alone(causes, "a", 5000, times=1)
    assert causes.size_limit == 4999


def test_not_its_size() -> None:
    """If the broker has answered a longer message, it is the topic."""
    causes = CutCauses()
    causes.answered("b", 6000)
    cut_alone(causes, "a", 5000)
    assert (causes.size_limit, causes.left_out) == (0, ["a"])


def test_many_suspects() -> None:
    """The number of suspects is bounded."""
    causes = CutCauses()
    for number in range(1000):
        causes.cut({f"response/{number}": 10}, answered_others=True)
    assert sum(causes.is_suspect(f"response/{number}") for number in range(1000)) == 64

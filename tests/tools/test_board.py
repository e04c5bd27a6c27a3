"""What `edge-daemon watch` shows of each field in a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from edge_daemon.mqtt.messages import timestamp
from edge_daemon.tools.board import CELLS, Board, Row, age, sparkline

NOW = 1_795_485_000.0


def payload(value: object, ago: float = 0.0, **more: Any) -> dict[str, Any]:
    at = timestamp(NOW - ago)
    good = {"value": value, "text": str(value), "unit": "pcs", "status": "ok", "confidence": 0.98}
    return good | {"captured_at": at, "value_at": at} | more


def rows(*messages: tuple[str, Any]) -> list[Row]:
    board = Board()
    for topic, content in messages:
        board.take(f"edge_daemon/{topic}", content)
    return list(board.rows(NOW))


def test_a_field_is_one_row() -> None:
    """The newest value, how old it is, how sure, its status, and the way it took in the last hour."""
    [row] = rows(("dock3/reading/units", payload(10, ago=1800)), ("dock3/reading/units", payload(20, ago=12)))
    assert row == ("units", "20 pcs", "12 s ago", "98%", "ok", " " * 10 + "▁" * 9 + "█")


def test_devices_are_named_where_there_are_several() -> None:
    """Fields stand in order of device and name."""
    found = rows(*((f"{device}/reading/units", payload(1)) for device in ("dock4", "dock3")))
    assert [row.name for row in found] == ["dock3/units", "dock4/units"]


def test_a_device_that_is_gone() -> None:
    """Its fields keep their value and are offline; a field whose topic is cleared has no row."""
    field, away = ("dock3/reading/units", payload(1)), ("dock3/availability", "offline")
    assert [(row.value, row.status) for row in rows(field, away)] == [("1 pcs", "offline")]
    assert [row.status for row in rows(field, away, ("dock3/availability", "online"))] == ["ok"]
    assert rows(field, ("dock3/reading/units", "")) == []


def test_late_readings_belong_to_the_trend() -> None:
    """What comes on `history` does not change the present value."""
    late = ("dock3/history", payload(5, ago=3000, field="units"))
    [row] = rows(("dock3/reading/units", payload(10)), late)
    assert (row.value, row.trend.strip()[0], row.trend[-1]) == ("10 pcs", "▁", "█")


def test_the_trend_begins_with_the_value_before() -> None:
    """A value that has not changed for hours is a flat line; without any value it is empty."""
    assert sparkline([(NOW - 9000, 7.0)], NOW) == "▁" * CELLS
    assert sparkline([(NOW - 9000, 7.0), (NOW + 60, 8.0)], NOW) == "▁" * (CELLS - 1) + "█"
    assert sparkline([], NOW) == " " * CELLS


@pytest.mark.parametrize(("passed", "words"), [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (2e5, "2 d")])
def test_ages(passed: float, words: str) -> None:
    """One unit, rounded down; a device whose clock is ahead was read now."""
    assert age(passed) == words


def test_what_no_daemon_sends_is_harmless() -> None:
    """Codes for the terminal are not passed on; wrong types are left out."""
    bad = {"value": 10**400, "text": "\x1b[2J1", "confidence": "high", "captured_at": 7, "status": ["ok"]}
    [row] = rows(("dock3/reading/units", bad), ("dock3/event", "\x1b]0;x"), ("dock3/history", {"field": {}}))
    assert row == ("units", "?[2J1", "", "", "['ok']", " " * CELLS)

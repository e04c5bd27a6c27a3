"""Payloads that anybody on the broker may send, and how they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from edge_daemon.commands.parsing import CommandRequest, match_arguments, parse

REFUSED = {
    "too long": (b'{"a":"' + b"x" * 4096 + b'"}', "at most 4096 bytes"),
    "10 MB": (b"x" * 10_000_000, "at most 4096 bytes"),
    "not UTF-8": (b'{"a":"\xff"}', "not UTF-8"),
    "too deep": (b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", "more than 4 brackets"),
    "five deep": (b'{"a":[[[[1]]]]}', "more than 4 brackets"),
    "deep and open": (b"[" * 4000, "more than 4 brackets"),
    "4,000 digits": (b'{"a":' + b"9" * 4000 + b"}", "a number is too large"),
    "beyond what JSON readers agree on": (b'{"a":9007199254740993}', "a number is too large"),
    "NaN": (b'{"a":NaN}', "NaN is not a number"),
    "Infinity": (b'{"a":-Infinity}', "-Infinity is not a number"),
    "overflow": (b'{"a":1e999}', "a number is too large"),
    "a key twice": (b'{"a":1,"a":2}', "a key is given twice"),
    "a key twice inside": (b'{"a":{"b":1,"b":2}}', "a key is given twice"),
    "half a surrogate pair": (b'{"a":"\\ud800"}', "half a surrogate pair"),
    "half a surrogate pair, as a key": (b'{"\\udfff":1}', "half a surrogate pair"),
    "half a surrogate pair, inside": (b'{"a":[["\\ud83d"]]}', "half a surrogate pair"),
    "half": (b'{"a":', "not JSON"),
    "more behind it": (b"{} {}", "not JSON"),
    "a list": (b"[]", "expected a JSON object"),
    "text": (b'"restart"', "expected a JSON object"),
    "Home Assistant's default": (b"PRESS", "not JSON"),
    "NUL": (b"\0", "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "not JSON"),
    "transaction: a list": (b'{"transaction":[1]}', "transaction: expected"),
    "transaction: true": (b'{"transaction":true}', "transaction: expected"),
    "transaction: long": (b'{"transaction":"' + b"x" * 65 + b'"}', "transaction: expected"),
}


@pytest.mark.parametrize(("payload", "told"), REFUSED.values(), ids=REFUSED)
def test_refused(payload: bytes, told: str) -> None:
    """With a message for the sender; the only exception is ValueError."""
    with pytest.raises(ValueError, match=told):
        parse(payload)


@pytest.mark.parametrize(
    ("payload", "asked"),
    [
        (b"", CommandRequest(None, {})),
        (b" {} ", CommandRequest(None, {})),
        (b'{"transaction":"a-1","field":"tank"}', CommandRequest("a-1", {"field": "tank"})),
        (b'{"transaction":7,"value":1.5}', CommandRequest(7, {"value": 1.5})),
        (b'{"a":[[[1]]]}', CommandRequest(None, {"a": [[[1]]]})),
        ('{"a":"größer"}'.encode(), CommandRequest(None, {"a": "größer"})),
        (b'{"a":"\\ud83d\\ude00"}', CommandRequest(None, {"a": "😀"})),
    ],
)
def test_accepted(payload: bytes, asked: CommandRequest) -> None:
    """Nothing, or an object of at most four brackets, with a transaction or without."""
    assert parse(payload) == asked


def command(controls: object, *, field: str, value: float = 1.0) -> dict[str, Any]:
    """Any command with arguments."""
    return {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "missing required field `field`"),
        ({"field": 3}, "Expected `str`, got `int`"),
        ({"field": "a", "value": "3"}, "Expected `float`, got `str`"),
        ({"field": "a", "value": True}, "Expected `float`, got `bool`"),
        ({"field": None}, "Expected `str`, got `null`"),
        ({"field": "a", "colour": "red"}, "unknown field `colour`"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], told: str) -> None:
    """A function's keywords are what a command takes: missing, of another type or unknown is refused."""
    with pytest.raises(ValueError, match=told):
        match_arguments(command, arguments)


def test_arguments_that_fit() -> None:
    """Missing arguments get the function's defaults."""
    assert match_arguments(command, {"field": "a", "value": 2}) == {"field": "a", "value": 2.0}
    assert match_arguments(command, {"field": "a"}) == {"field": "a", "value": 1.0}

"""Parses the payload of a request. It is strict: anybody on the broker may send one."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, get_type_hints

import msgspec

from edge_daemon.mqtt.payloads import LONGEST_TRANSACTION

LARGEST = 4096
"""Bytes of a payload."""
DEEPEST = 4
"""Brackets inside each other."""
LARGEST_NUMBER = 2**53
"""Integers beyond it are not exact in every JSON reader."""


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """The contents of a request."""

    transaction: str | int | None
    arguments: dict[str, Any]


def parse(payload: bytes) -> CommandRequest:
    """The request in a payload. Raises ValueError, in words for its sender."""
    if len(payload) > LARGEST:
        raise ValueError(f"expected at most {LARGEST} bytes, got {len(payload)}")
    try:
        text = payload.decode() or "{}"
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    if _depth(text) > DEEPEST:
        raise ValueError(f"more than {DEEPEST} brackets inside each other")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_int=_whole, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object, or nothing")
    _check_encodable(found)
    transaction = found.pop("transaction", None)
    known = transaction is None or type(transaction) in (int, str)  # a bool is an int, too
    if not known or len(str(transaction)) > LONGEST_TRANSACTION:
        raise ValueError(f"transaction: expected a number, or text of at most {LONGEST_TRANSACTION} characters")
    return CommandRequest(transaction, found)


def match_arguments(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Check the arguments against the keyword-only parameters of a function, names and types. Raises ValueError."""
    hints = get_type_hints(function)
    keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    fields = [(p.name, hints[p.name]) if p.default is p.empty else (p.name, hints[p.name], p.default) for p in keywords]
    form = msgspec.defstruct("Arguments", fields, forbid_unknown_fields=True)
    return msgspec.structs.asdict(msgspec.convert(arguments, form, strict=True))


def _depth(text: str) -> int:
    """Brackets inside each other, those in strings included: this bound needs no parser."""
    deepest = depth = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _check_encodable(found: dict[str, Any]) -> None:
    """Refuse an escaped half of a surrogate pair: json.loads accepts it, but no answer that repeats it can be sent."""
    try:
        msgspec.json.encode(found)
    except UnicodeEncodeError:
        raise ValueError("text with half a surrogate pair is not Unicode") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError("a number is too large")
    return number


def _whole(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > LARGEST_NUMBER:
        raise ValueError("a number is too large")
    return int(digits)

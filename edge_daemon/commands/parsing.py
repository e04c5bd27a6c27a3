"""A request's payload -> transaction and arguments; strict, since anybody on the broker may send one."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, get_type_hints

import msgspec

LARGEST = 4096
"""Bytes of a payload."""
DEEPEST = 4
"""Brackets inside each other."""
LONGEST_TRANSACTION = 64
LARGEST_NUMBER = 2**53


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What a request says."""

    transaction: str | int | None
    arguments: dict[str, Any]


def parse(payload: bytes) -> CommandRequest:
    """Raises ValueError, in words for who sent it."""
    if len(payload) > LARGEST:
        raise ValueError(f"at most {LARGEST} bytes, please; these are {len(payload)}")
    try:
        text = payload.decode() or "{}"
    except UnicodeDecodeError:
        raise ValueError("no UTF-8") from None
    if _depth(text) > DEEPEST:
        raise ValueError(f"more than {DEEPEST} brackets inside each other")
    try:
        said = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_int=_whole, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(said, dict):
        raise ValueError("expected a JSON object, or nothing")
    transaction = said.pop("transaction", None)
    known = transaction is None or type(transaction) in (int, str)  # a bool is an int, too
    if not known or len(str(transaction)) > LONGEST_TRANSACTION:
        raise ValueError(f"transaction: expected a number, or text of at most {LONGEST_TRANSACTION} characters")
    return CommandRequest(transaction, said)


def match_arguments(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, of the types that the function's keywords have; none more, none less. Raises ValueError."""
    hints = get_type_hints(function)
    keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    fields = [(p.name, hints[p.name]) if p.default is p.empty else (p.name, hints[p.name], p.default) for p in keywords]
    form = msgspec.defstruct("Arguments", fields, forbid_unknown_fields=True)
    return msgspec.structs.asdict(msgspec.convert(arguments, form, strict=True))


def _depth(text: str) -> int:
    """Of brackets, those in texts included: a bound that needs no parser."""
    deepest = depth = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError("a number is too large")
    return number


def _whole(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > LARGEST_NUMBER:
        raise ValueError("a number is too large")
    return int(digits)

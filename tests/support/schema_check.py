"""Checks messages against the JSON Schemas of their topics; keys that a schema does not name are errors."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from edge_daemon.mqtt.payloads import PAYLOADS
from edge_daemon.mqtt.schemas import schema

PLAIN = {"availability", "enabled"}


def check_all(heard: Iterable[tuple[str, bytes]]) -> set[str]:
    """Checks every message of an edge_daemon; returns the names of the schemas that occurred."""
    return {check(topic, payload) for topic, payload in heard if topic.startswith("edge_daemon/")}


def check(topic: str, payload: bytes) -> str:
    """Checks one message; returns the name of its schema. Raises AssertionError or ValidationError."""
    name = named(topic)
    if name == "snapshot":
        assert payload.startswith(b"\xff\xd8\xff"), "no JPEG"
    elif payload:  # empty clears a retained topic
        validator(name).validate(payload.decode() if name in PLAIN else json.loads(payload, parse_constant=refuse))
    return name


def named(topic: str) -> str:
    """The name of the schema for a topic."""
    said = topic.split("/")[2:]
    for name, (pattern, _) in PAYLOADS.items():
        parts = pattern.split("/")
        if len(parts) == len(said) and all(p.startswith("<") or p == s for p, s in zip(parts, said, strict=True)):
            return name
    raise AssertionError(f"no schema for {topic}")


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@cache
def validator(name: str) -> Draft202012Validator:
    strict = closed(schema(name))
    Draft202012Validator.check_schema(strict)
    return Draft202012Validator(strict)


def closed(part: Any) -> Any:
    """The schema with additionalProperties false everywhere: every key that is sent must be documented."""
    if isinstance(part, list):
        return [closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    inner = {key: closed(value) for key, value in part.items()}
    return {"additionalProperties": False} | inner if isinstance(part.get("properties"), dict) else inner

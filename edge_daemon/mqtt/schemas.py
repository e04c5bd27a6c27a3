"""The JSON Schema (draft 2020-12) of every payload, generated from its type: the engine of `edge-daemon schema`."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_daemon.mqtt.payloads import PAYLOADS

Schema = dict[str, Any]

COMMENTS = {
    "availability": "plain text, no JSON",
    "enabled": "plain text, no JSON",
    "snapshot": "a JPEG as it is, no JSON",
}
"""Payloads that are not JSON; their schema describes the text."""


def schema(name: str) -> Schema:
    """The schema of one payload, complete in itself. Raises KeyError."""
    topic, payload = PAYLOADS[name]
    (generated,), parts = msgspec.json.schema_components([payload], ref_template="{name}")
    body: Schema = _inline(generated, parts)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"edge_daemon/<device>/{topic}",
    }
    return head | ({"$comment": COMMENTS[name]} if name in COMMENTS else {}) | body


def _inline(part: Any, parts: dict[str, Schema]) -> Any:
    """Put each type where it is referred to, so that a reader finds everything in its place."""
    if isinstance(part, list):
        return [_inline(item, parts) for item in part]
    if not isinstance(part, dict):
        return part
    named = {key: value for key, value in parts.get(part.get("$ref", ""), {}).items() if key != "title"}
    own = {key: value for key, value in part.items() if key not in ("$ref", "discriminator")}  # the latter: OpenAPI's
    return {key: _inline(value, parts) for key, value in (named | own).items()}

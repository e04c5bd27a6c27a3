"""The contract of every payload as JSON Schema (draft 2020-12): the engine of `edge-daemon schema`.

Keys may be added in later versions: a consumer ignores those that it does not know.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STATUSES = (
    "ok", "low_confidence", "no_digits", "wrong_format", "not_monotone", "rate_too_high", "out_of_range", "too_dark",
    "too_bright", "glare", "blurred", "obstructed", "camera_moved", "stale", "disabled",
)  # fmt: skip
EVENTS = (
    "reading_changed", "reading_rejected", "reading_corrected", "camera_problem", "model_changed", "value_set",
)  # fmt: skip

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
CONFIDENCE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}


def _object(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(of: Schema, least: int = 0, most: int | None = None) -> Schema:
    return {"type": "array", "items": of, "minItems": least} | ({} if most is None else {"maxItems": most})


def _said(words: str, schema: Schema) -> Schema:
    return schema | {"description": words}


CANDIDATES = _list(
    {"type": "array", "prefixItems": [TEXT, CONFIDENCE], "items": False, "minItems": 2, "maxItems": 2}, most=3
)
BOX = _said("x, y, width, height in pixels of the frame", _list({"type": "integer"}, 4, 4))
SENT = {
    "time_quality": _said("estimated: the clock had not been set", {"enum": ["synced", "estimated"]}),
    "id": _said(
        "device/epoch/seq; delivery is at least once: ignore an id that you have seen",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}/[0-9a-f]{8}/[0-9]+$"},
    ),
    "seq": _said("never goes back", COUNT),
}

READING = _object(
    "status", "confidence", "captured_at", "time_quality", "votes", "id", "seq", "model", "backend", "replayed",
    value=_said("the last accepted one; absent before the first, and for identifiers", {"type": "number"}),
    text=_said("the same as it is written", TEXT),
    unit=TEXT,
    status={"enum": list(STATUSES)},
    confidence=CONFIDENCE,
    candidates=_said("what was just seen: text and confidence, best first", CANDIDATES),
    digits=_list(_object("top", "box", top=CANDIDATES, box=BOX)),
    captured_at=_said("when the picture was taken that this speaks of", TIME),
    value_at=_said("when `value` and `text` were read", TIME),
    votes=_said("frames that agreed, frames that were asked", _list(COUNT, 2, 2)),
    model=TEXT,
    backend={"enum": ["cpu", "edgetpu"]},
    replayed={"type": "boolean"},
    **SENT,
)  # fmt: skip
HISTORY = READING | {
    "properties": READING["properties"] | {"field": NAME, "replayed": {"const": True}},
    "required": ["field", *READING["required"]],
}
EVENT = _object(
    "event_type", "at", "time_quality", "id", "seq", event_type={"enum": list(EVENTS)}, field=NAME, at=TIME, **SENT
) | _said("further keys tell what happened", {"additionalProperties": {"type": ["string", "number", "null"]}})
INFO = _object(
    "version", "model", "backend", "fields",
    version=TEXT, model=TEXT, backend=TEXT, camera=TEXT, fields=_list(NAME), config={"type": "object"},
)  # fmt: skip
HEALTH = _object(
    "uptime_s", "frames", "accepted", "rejected", "queue", "connects", "threads",
    uptime_s=COUNT,
    frames=_said("looked at since the start", COUNT),
    accepted=COUNT,
    rejected=_said("status -> count", {"type": "object", "additionalProperties": COUNT}),
    frame_ms=_said(
        "from the frame to what it says", _object("median", "p95", median={"type": "number"}, p95={"type": "number"})
    ),
    queue=_object(
        "waiting", "dropped", "refused", "salvaged", "lost",
        waiting=_said("records not yet acknowledged by the broker", COUNT),
        dropped=_said("too many or too old, never sent", COUNT),
        refused=_said("the broker will not take them", COUNT),
        salvaged=_said("carried over from a damaged outbox", COUNT),
        lost=_said("of which only remains were found there", COUNT),
    ),
    frame_age_s=_said("since the newest picture of the camera", {"type": "number", "minimum": 0}),
    last_good_age_s=_said("since the last reading that was ok", COUNT),
    connects=_said("connections to the broker since the start", COUNT),
    temperature_c={"type": "number"},
    throttled=_said("Raspberry Pi: bits of `vcgencmd get_throttled`", {"type": "string", "pattern": "^0x[0-9a-f]+$"}),
    under_voltage=_said("Raspberry Pi: the supply is too weak right now", {"type": "boolean"}),
    rss_bytes=COUNT,
    written_bytes=_said("to disks since the start", COUNT),
    written_bytes_per_day=_said("the same at its present rate; after half an hour", COUNT),
    fds=COUNT,
    threads=COUNT,
    opinions=_said(
        "second opinions since the start; only where they are asked for",
        _object(
            "asked", "counted", "ignored", "refused", "unanswered", "left_today",
            asked=COUNT,
            counted=_said("answers that are evidence", COUNT),
            ignored=_said("answers that came too late, twice, unasked, or say none of our own texts", COUNT),
            refused=_said("answers that are none", COUNT),
            unanswered=COUNT,
            left_today=COUNT,
        ),
    ),
)  # fmt: skip
PROBLEM = _object("state", "codes", "text", state={"enum": ["ON", "OFF"]}, codes=_list(NAME), text=TEXT)
UPDATE = _object(
    "installed_version", "latest_version", "in_progress", "update_percentage", "release_summary",
    installed_version=_said("the model that runs", TEXT),
    latest_version=_said("the newest that is to be had and has not been refused", TEXT),
    in_progress={"type": "boolean"},
    update_percentage={"type": ["integer", "null"], "minimum": 0, "maximum": 100},
    release_summary=_said("why the newest is not used, or why the last look failed", {"type": "string"}),
)  # fmt: skip
QUESTION_ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
QUESTION = _object(
    "id", "picture",
    id=QUESTION_ID,
    picture=_said(
        "a cut-out of the number, nothing else: a grey JPEG of at most 12,000 bytes, 320 pixels on a side",
        {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/jpeg", "maxLength": 16_000},
    ),
)  # fmt: skip
ANSWER = _object(
    "id", "candidates", "model",
    id=_said("that of the question", QUESTION_ID),
    candidates=_said("digits only, best first; empty: no number can be read", CANDIDATES),
    model=_said("whose opinion it is", {"type": "string", "maxLength": 128}),
) | _said("at most 1,024 bytes", {"additionalProperties": False})  # fmt: skip
TRANSACTION: Schema = {"type": ["string", "integer"], "maxLength": 64}
REQUEST = _object(transaction=_said("seen in the last 10 minutes, it is answered from memory", TRANSACTION)) | {
    "additionalProperties": True
}
SNAPSHOT: Schema = {"type": "string", "contentMediaType": "image/jpeg"}
RESPONSE: Schema = {
    "oneOf": [
        _object("status", "data", status={"const": "ok"}, data={"type": "object"}, transaction=TRANSACTION),
        _object("status", "error", status={"const": "error"}, error=TEXT, transaction=TRANSACTION),
    ]
}

SCHEMAS: dict[str, tuple[str, Schema]] = {
    "availability": ("availability", {"enum": ["online", "offline"]}),
    "reading": ("reading/<field>", READING),
    "value": ("reading/<field>/value", {"type": "number"}),
    "history": ("history", HISTORY),
    "event": ("event", EVENT),
    "info": ("info", INFO),
    "health": ("health", HEALTH),
    "problem": ("problem", PROBLEM),
    "update": ("update", UPDATE),
    "enabled": ("enabled/state", {"enum": ["ON", "OFF"]}),
    "snapshot": ("snapshot/<field>", SNAPSHOT),
    "request": ("request/<command>", REQUEST),
    "response": ("response/<command>", RESPONSE),
    "question": ("opinion/request", QUESTION),
    "answer": ("opinion/response", ANSWER),
}
"""Name -> its topic below edge_daemon/<device>, and what is sent there. An empty payload clears a retained topic."""


def schema(name: str) -> Schema:
    """The schema of one payload, complete in itself. Raises KeyError."""
    topic, body = SCHEMAS[name]
    plain = dict.fromkeys(("availability", "enabled"), "plain text, no JSON") | {"snapshot": "a JPEG as it is, no JSON"}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"edge_daemon/<device>/{topic}",
    }
    return head | ({"$comment": plain[name]} if name in plain else {}) | body

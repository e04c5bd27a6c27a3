"""Records -> MQTT messages and back: the only file that knows topics and JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from edge_daemon.domain import Candidate, Entry, Event, Message, Reading, ReceivedMessage

Detail = Literal["value", "candidates", "digits"]
"""How much a reading tells: only what is said, also the runners-up, or every digit."""

SUBSCRIPTIONS = tuple(f"edge_daemon/+/{kind}" for kind in ("reading/+", "history", "event", "availability"))
"""What a subscriber to readings listens to."""

RESPONSE_EXPIRY = 300
SNAPSHOT_EXPIRY = 600
EVENT_EXPIRY = 3600
"""Seconds after which the broker may forget an event that nobody fetched."""


def base(device: str) -> str:
    """What all topics of a device begin with."""
    return f"edge_daemon/{device}"


def availability(device: str, online: bool, session: int = 0) -> Message:
    """Whether the daemon is there, in plain text. `session` tells an `offline` that comes late, from a connection
    that has been replaced, from one that counts: each connection has its own."""
    payload, user = b"online" if online else b"offline", (("session", str(session)),)
    return Message(f"{base(device)}/availability", payload, retain=True, user=user)


def info(device: str, facts: Mapping[str, Any]) -> Message:
    """What runs there: version, model, fields. `facts` must hold no secrets."""
    return Message(f"{base(device)}/info", msgspec.json.encode(facts), retain=True)


def health(device: str, facts: Mapping[str, Any]) -> Message:
    """How it is doing; said every minute, so that a lost one does no harm."""
    return Message(f"{base(device)}/health", msgspec.json.encode(facts), qos=0, retain=True)


def problem(device: str, problems: Mapping[str, str]) -> Message:
    """What is wrong, as code -> text for a person; empty: nothing."""
    said = {"state": "ON" if problems else "OFF", "codes": list(problems), "text": "; ".join(problems.values())}
    return Message(f"{base(device)}/problem", msgspec.json.encode(said), retain=True)


def update(device: str, facts: Mapping[str, Any]) -> Message:
    """Which model runs, which is the newest, and how an update goes."""
    return Message(f"{base(device)}/update", msgspec.json.encode(facts), retain=True)


def bare_value(device: str, reading: Reading) -> Message:
    """The value alone, for consumers that cannot read JSON. Empty, which clears the topic, when it is gone."""
    payload = b"" if reading.gone else msgspec.json.encode(reading.value)
    return Message(f"{base(device)}/reading/{reading.field}/value", payload, retain=True)


def enabled(device: str, on: bool) -> Message:
    """Whether frames are read; in plain text, as switches want it."""
    return Message(f"{base(device)}/enabled/state", b"ON" if on else b"OFF", retain=True)


def enabled_topic(device: str) -> str:
    """Where that is asked for, in the same words."""
    return f"{base(device)}/enabled/set"


def request_topics(device: str) -> list[str]:
    """What the daemon listens to."""
    return [f"{base(device)}/request/#", enabled_topic(device)]


def requested_command(device: str, topic: str) -> str | None:
    """The command that is asked for on a topic; None: it is not for us."""
    before = f"{base(device)}/request/"
    if not topic.startswith(before):
        return None
    name = topic.removeprefix(before)
    return name if re.fullmatch("[A-Za-z0-9_-]{1,64}", name) else "unknown"


def command_topics(device: str, command: str) -> tuple[str, str]:
    """The topic to ask for a command on, and the one of its answer."""
    return f"{base(device)}/request/{command}", f"{base(device)}/response/{command}"


def success(data: Mapping[str, Any], transaction: str | int | None = None) -> str:
    """A response's payload."""
    return _response({"status": "ok", "data": data}, transaction)


def failure(why: str, transaction: str | int | None = None) -> str:
    """A response's payload."""
    return _response({"status": "error", "error": why}, transaction)


def response(device: str, name: str, said: str, to: ReceivedMessage) -> Message:
    """To the topic that was asked for, if it is one of our responses'; else to the command's own."""
    before = f"{base(device)}/response/"
    own = re.fullmatch(re.escape(before) + "[A-Za-z0-9_/-]{1,128}", to.response_topic)
    topic = to.response_topic if own else before + name
    return Message(topic, said.encode(), expiry=RESPONSE_EXPIRY, correlation=to.correlation)


def snapshot(device: str, field: str, picture: bytes) -> Message:
    """A JPEG of one field. Nobody need wait for it, and nobody keeps it."""
    return Message(f"{base(device)}/snapshot/{field}", picture, qos=0, expiry=SNAPSHOT_EXPIRY)


def current_reading(reading: Reading) -> dict[str, Any]:
    """What the answer to `read_now` says of one field."""
    said: dict[str, Any] = {"field": reading.field, "status": reading.status, "votes": reading.votes}
    if reading.text is not None:
        said["text"] = reading.text
    if reading.value is not None:
        said["value"] = reading.value
    return said | {"confidence": _rounded(reading.confidence), "candidates": _candidates(reading.candidates)}


def encode_record(device: str, detail: Detail, entry: Entry, replayed: bool) -> Message:
    """One record. A replayed reading goes to `history`, so that it never overwrites the retained state."""
    record = entry.record
    if isinstance(record, Event):
        return Message(f"{base(device)}/event", msgspec.json.encode(_event(record, entry)), expiry=EVENT_EXPIRY)
    said = _reading(record, entry, replayed, detail)
    if replayed:
        # one topic for all fields, so here the payload must name the field
        return Message(f"{base(device)}/history", msgspec.json.encode({"field": record.field} | said))
    # an empty retained payload is how MQTT clears a retained topic
    payload = b"" if record.gone else msgspec.json.encode(said)
    return Message(f"{base(device)}/reading/{record.field}", payload, retain=True)


def shortened(message: Message) -> Message | None:
    """The same reading with less beside it, for a broker that takes no long messages: first without its digits, then
    without its candidates; None where there is no more to leave out."""
    if not message.payload or not re.fullmatch("edge_daemon/[^/]+/(history|reading/[^/]+)", message.topic):
        return None
    said = msgspec.json.decode(message.payload, type=dict[str, Any])
    for spare in ("digits", "candidates"):
        if spare in said:
            del said[spare]
            return replace(message, payload=msgspec.json.encode(said))
    return None


def decode(topic: str, payload: bytes) -> dict[str, Any] | str:
    """What a subscriber received: the JSON object, or plain text for `availability` and a cleared topic ("").

    Raises ValueError for a payload that no edge_daemon sends.
    """
    if not payload or topic.endswith(("/availability", "/enabled/state")):
        return payload.decode()
    return msgspec.json.decode(payload, type=dict[str, Any])


def timestamp(at: float) -> str:
    """Seconds since 1970 -> 2026-11-24T01:50:00.120Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reading(reading: Reading, entry: Entry, replayed: bool, detail: Detail) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if reading.value is not None:
        said["value"] = reading.value
    if reading.text is not None:
        said["text"] = reading.text
    if reading.unit:
        said["unit"] = reading.unit
    said |= {"status": reading.status, "confidence": _rounded(reading.confidence)}
    if detail != "value":
        said["candidates"] = _candidates(reading.candidates)
    if detail == "digits":
        said["digits"] = [{"top": _candidates(digit.top), "box": digit.box} for digit in reading.digits]
    said["captured_at"] = timestamp(reading.captured_at)
    if reading.value_at is not None:
        said["value_at"] = timestamp(reading.value_at)
    said |= {"time_quality": _time_quality(entry), "votes": reading.votes, "id": entry.id, "seq": entry.seq}
    return said | {"model": reading.model, "backend": reading.backend, "replayed": replayed}


def _event(event: Event, entry: Entry) -> dict[str, Any]:
    said: dict[str, Any] = dict(event.detail) | {"event_type": event.type}
    if event.field is not None:
        said["field"] = event.field
    said |= {"at": timestamp(event.at), "time_quality": _time_quality(entry)}
    return said | {"id": entry.id, "seq": entry.seq}


def _response(said: dict[str, Any], transaction: str | int | None) -> str:
    return msgspec.json.encode(said if transaction is None else said | {"transaction": transaction}).decode()


def _time_quality(entry: Entry) -> str:
    return "synced" if entry.synced else "estimated"


def _candidates(candidates: tuple[Candidate, ...]) -> list[tuple[str, float]]:
    return [(text, _rounded(confidence)) for text, confidence in candidates]


def _rounded(confidence: float) -> float:
    return round(confidence, 4)

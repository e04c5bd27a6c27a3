"""Records and state -> MQTT messages, and back: the topics, and how each message is sent. The payloads: payloads.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from edge_daemon.domain import Candidate, Entry, Event, Message, Reading, ReceivedMessage
from edge_daemon.mqtt.payloads import (
    DigitPayload,
    EventPayload,
    FailurePayload,
    HealthPayload,
    HistoryPayload,
    InfoPayload,
    ProblemPayload,
    ReadingPayload,
    SuccessPayload,
    UpdatePayload,
)
from edge_daemon.system import json_text

Detail = Literal["value", "candidates", "digits"]
"""How much a reading contains: only the accepted value, also the candidates, or every digit as well."""

SUBSCRIPTIONS = tuple(f"edge_daemon/+/{kind}" for kind in ("reading/+", "history", "event", "availability"))
"""Topic filters of a subscriber to readings."""

RESPONSE_EXPIRY = 300
"""Seconds after which the broker may drop a response that was not fetched."""
SNAPSHOT_EXPIRY = 600
"""The same for a picture."""
EVENT_EXPIRY = 3600
"""The same for an event."""


def base(device: str) -> str:
    """The beginning of all topics of a device."""
    return f"edge_daemon/{device}"


def availability(device: str, online: bool, session: int = 0) -> Message:
    """Whether the daemon is connected, in plain text.

    `session` is the number of the connection: it tells a late `offline` of a replaced connection from that of this one.
    """
    payload, user = b"online" if online else b"offline", (("session", str(session)),)
    return Message(f"{base(device)}/availability", payload, retain=True, user=user)


def info(device: str, facts: InfoPayload) -> Message:
    """What runs there: version, model, fields. `facts` must hold no secrets."""
    return Message(f"{base(device)}/info", json_text.encode(facts), retain=True)


def health(device: str, facts: HealthPayload) -> Message:
    """Health figures; published every minute, so that a lost one does no harm."""
    return Message(f"{base(device)}/health", json_text.encode(facts), qos=0, retain=True)


def problem(device: str, problems: Mapping[str, str]) -> Message:
    """What is wrong, as code -> text for a person; empty: nothing."""
    payload = ProblemPayload("ON" if problems else "OFF", list(problems), "; ".join(problems.values()))
    return Message(f"{base(device)}/problem", json_text.encode(payload), retain=True)


def update(device: str, facts: UpdatePayload) -> Message:
    """The active model, the newest one, and the progress of an update."""
    return Message(f"{base(device)}/update", json_text.encode(facts), retain=True)


def reading_topic(device: str, field: str) -> str:
    """Where the readings of a field are retained."""
    return f"{base(device)}/reading/{field}"


def bare_value_topic(device: str, field: str) -> str:
    """Where the value alone is retained, if that is wanted."""
    return f"{reading_topic(device, field)}/value"


def bare_value(device: str, reading: Reading) -> Message:
    """The value alone, for consumers that cannot read JSON. Empty, which clears the topic, when it is gone."""
    payload = b"" if reading.gone else json_text.encode(reading.value)
    return Message(bare_value_topic(device, reading.field), payload, retain=True)


def enabled(device: str, on: bool) -> Message:
    """Whether frames are read; in plain text, as switches want it."""
    return Message(f"{base(device)}/enabled/state", b"ON" if on else b"OFF", retain=True)


def enabled_topic(device: str) -> str:
    """Where `ON` or `OFF` switches reading."""
    return f"{base(device)}/enabled/set"


def request_topics(device: str) -> list[str]:
    """Topic filters of what the daemon receives."""
    return [f"{base(device)}/request/#", enabled_topic(device)]


def requested_command(device: str, topic: str) -> str | None:
    """The command requested on a topic; None: not a request to this device."""
    before = f"{base(device)}/request/"
    if not topic.startswith(before):
        return None
    name = topic.removeprefix(before)
    return name if re.fullmatch("[A-Za-z0-9_-]{1,64}", name) else "unknown"


def command_topics(device: str, command: str) -> tuple[str, str]:
    """The topics of a command's request and of its response."""
    return f"{base(device)}/request/{command}", f"{base(device)}/response/{command}"


def success(data: Mapping[str, Any], transaction: str | int | None = None) -> str:
    """A response's payload."""
    return _response(SuccessPayload(dict(data), UNSET if transaction is None else transaction))


def failure(why: str, transaction: str | int | None = None) -> str:
    """A response's payload."""
    return _response(FailurePayload(why, UNSET if transaction is None else transaction))


def response(device: str, name: str, payload: str, to: ReceivedMessage) -> Message:
    """Answer on the response topic of the request, if it is one of this device's; else on the command's own."""
    before = f"{base(device)}/response/"
    own = re.fullmatch(re.escape(before) + "[A-Za-z0-9_/-]{1,128}", to.response_topic)
    topic = to.response_topic if own else before + name
    return Message(topic, payload.encode(), expiry=RESPONSE_EXPIRY, correlation=to.correlation)


def snapshot(device: str, field: str, picture: bytes) -> Message:
    """A JPEG of one field. It may be lost, and is not retained."""
    return Message(f"{base(device)}/snapshot/{field}", picture, qos=0, expiry=SNAPSHOT_EXPIRY)


def current_reading(reading: Reading) -> dict[str, Any]:
    """One field in the answer to `read_now`."""
    found: dict[str, Any] = {"field": reading.field, "status": reading.status, "votes": reading.votes}
    if reading.text is not None:
        found["text"] = reading.text
    if reading.value is not None:
        found["value"] = reading.value
    return found | {"confidence": _rounded(reading.confidence), "candidates": _candidates(reading.candidates)}


def encode_record(
    device: str, detail: Detail, entry: Entry, replayed: bool, fits: Callable[[Message], bool] = lambda _: True
) -> Message:
    """The message of one record. A replayed reading goes to `history`: it must not overwrite the retained state.

    `fits` says whether the broker takes a message of this length: where it does not, a reading goes without its digits,
    and then without its candidates. The last message is returned also if it does not fit.
    """
    record = entry.record
    if isinstance(record, Event):
        return _event(device, record, entry)
    # an empty retained payload is how MQTT clears a retained topic
    if record.gone and not replayed:
        return Message(reading_topic(device, record.field), b"", retain=True)
    payload = _reading(record, entry, replayed, detail)
    while not fits(message := _reading_message(device, record.field, payload)) and _drop_detail(payload):
        pass
    return message


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


def _reading(reading: Reading, entry: Entry, replayed: bool, detail: Detail) -> ReadingPayload:
    facts: dict[str, Any] = {
        "value": UNSET if reading.value is None else reading.value,
        "text": UNSET if reading.text is None else reading.text,
        "unit": reading.unit or UNSET,
        "status": reading.status,
        "confidence": _rounded(reading.confidence),
        "candidates": UNSET if detail == "value" else _candidates(reading.candidates),
        "digits": _digits(reading) if detail == "digits" else UNSET,
        "captured_at": timestamp(reading.captured_at),
        "value_at": UNSET if reading.value_at is None else timestamp(reading.value_at),
        "time_quality": _time_quality(entry),
        "votes": reading.votes,
        "id": entry.id,
        "seq": entry.seq,
        "model": reading.model,
        "backend": reading.backend,
        "replayed": replayed,
    }
    # all fields share the topic `history`, so the payload must name the field
    return HistoryPayload(field=reading.field, **facts) if replayed else ReadingPayload(**facts)


def _digits(reading: Reading) -> list[DigitPayload]:
    return [DigitPayload(_candidates(digit.top), digit.box) for digit in reading.digits]


def _reading_message(device: str, field: str, payload: ReadingPayload) -> Message:
    if payload.replayed:
        return Message(f"{base(device)}/history", json_text.encode(payload))
    return Message(reading_topic(device, field), json_text.encode(payload), retain=True)


def _drop_detail(payload: ReadingPayload) -> bool:
    """Leave out the digits, or else the candidates; False where there is nothing more to leave out."""
    for name in ("digits", "candidates"):
        if getattr(payload, name) is not UNSET:
            setattr(payload, name, UNSET)
            return True
    return False


def _event(device: str, event: Event, entry: Entry) -> Message:
    payload = EventPayload(
        event_type=event.type,  # type: ignore[arg-type]
        field=UNSET if event.field is None else event.field,
        at=timestamp(event.at),
        time_quality=_time_quality(entry),
        id=entry.id,
        seq=entry.seq,
    )
    merged = event.detail | msgspec.to_builtins(payload)
    return Message(f"{base(device)}/event", json_text.encode(merged), expiry=EVENT_EXPIRY)


def _response(payload: SuccessPayload | FailurePayload) -> str:
    return json_text.encode(payload).decode()


def _time_quality(entry: Entry) -> Literal["synced", "estimated"]:
    return "synced" if entry.synced else "estimated"


def _candidates(candidates: tuple[Candidate, ...]) -> list[Candidate]:
    return [(text, _rounded(confidence)) for text, confidence in candidates]


def _rounded(confidence: float) -> float:
    return round(confidence, 4)

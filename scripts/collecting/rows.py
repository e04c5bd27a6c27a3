"""Messages -> rows of the database. What is no message of ours becomes a dead letter, with its bytes and the reason."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edge_daemon.mqtt.payloads import HealthPayload, ProblemPayload

LARGEST = 65_536
"""Bytes of a payload, at most. The largest reading, with every digit, has a tenth of that."""

# PostgreSQL stores no NUL in a text; \Z, because $ also matches before a line break at the end
Text = Annotated[str, Meta(max_length=256, pattern=r"^[^\x00]*\Z")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Time = Annotated[datetime, Meta(tz=True)]
Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Confidence = Annotated[float, Meta(ge=0, le=1)]
Candidates = Annotated[list[tuple[Text, Confidence]], Meta(max_length=3)]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"(?P<device>[A-Za-z0-9_-]{1,64})/(?P<epoch>[0-9a-f]{8})/(?P<seq>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Received:
    """One message of the broker."""

    topic: str
    payload: bytes


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A message on `reading/<field>` or `history`. A status that this version does not know is stored too."""

    id: str
    device: str = ""
    """From the topic, as `epoch` is from the id: what a payload says about them does not count."""
    epoch: str = ""
    seq: Seq
    field: Name = ""
    captured_at: Time
    status: Name
    value: float | None = None
    """The last accepted one; of an identifier there is only the text."""
    text: Text | None = None
    unit: Text | None = None
    value_at: Time | None = None
    confidence: Confidence
    candidates: Candidates | None = None
    time_quality: Name
    model: Text | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A message on `event`."""

    id: str
    device: str = ""
    epoch: str = ""
    seq: Seq
    at: Time
    event_type: Name
    field: Name | None = None
    payload: msgspec.Raw = msgspec.Raw()
    """The whole message: JSON."""


@dataclass(frozen=True, slots=True)
class State:
    """A message on `health` or `problem`: the newest one replaces the one before."""

    device: str
    kind: str
    payload: bytes
    """JSON."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that cannot be stored as what its topic says."""

    topic: str
    payload: bytes
    reason: str

    @property
    def digest(self) -> bytes:
        """32 bytes. The same message on the same topic is stored once, however often it arrives."""
        return hashlib.sha256(self.topic.encode() + b"\n" + self.payload).digest()


Row = Reading | Event | State | DeadLetter

_STATES: dict[str, Any] = {"health": HealthPayload, "problem": ProblemPayload}


def parse(batch: Iterable[Received]) -> list[Row]:
    """The rows of messages. An empty message has none: it clears a retained topic."""
    return [_row(message) for message in batch if message.payload]


def _row(message: Received) -> Row:
    try:
        return _parse(message)
    except ValueError as error:  # msgspec's errors and UnicodeDecodeError are some
        return DeadLetter(message.topic, message.payload, str(error))


def _parse(message: Received) -> Row:
    if len(message.payload) > LARGEST:
        raise ValueError(f"longer than {LARGEST:,} bytes")
    _, device, kind, *rest = message.topic.split("/")
    if not _NAME.fullmatch(device):
        raise ValueError("the topic has no name of a device")
    if kind in _STATES:
        msgspec.json.decode(message.payload, type=_STATES[kind])
        return State(device, kind, message.payload)
    if kind == "event":
        event = msgspec.json.decode(message.payload, type=Event)
        epoch = _epoch(event.id, device, event.seq)
        return msgspec.structs.replace(event, device=device, epoch=epoch, payload=msgspec.Raw(message.payload))
    reading = msgspec.json.decode(message.payload, type=Reading)
    field = rest[0] if kind == "reading" else reading.field
    if not _NAME.fullmatch(field):
        raise ValueError("no name of a field")
    return msgspec.structs.replace(reading, device=device, epoch=_epoch(reading.id, device, reading.seq), field=field)


def _epoch(record_id: str, device: str, seq: int) -> str:
    """The epoch in an id. Raises ValueError for the id of another device or record: it would hide the real one."""
    match = _ID.fullmatch(record_id)
    if match is None or match["device"] != device or int(match["seq"]) != seq:
        raise ValueError("the id is not device/epoch/seq of this message")
    return match["epoch"]

"""The payload of every topic, as types: what is sent is encoded from them, and their JSON Schema is generated.

A field that is UNSET is left out of the JSON. Keys may be added in later versions: a consumer ignores those that it
does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edge_daemon.domain import Status

EventType = Literal[
    "reading_changed",
    "reading_rejected",
    "reading_corrected",
    "camera_problem",
    "model_changed",
    "value_set",
    "upgrade_undone",
]
"""The `event_type` of an event."""

Count = Annotated[int, Meta(ge=0)]
Confidence = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
"""UTC, with milliseconds."""
Candidates = Annotated[list[tuple[str, Confidence]], Meta(max_length=3)]
TimeQuality = Annotated[Literal["synced", "estimated"], Meta(description="estimated: the clock had not been set")]
RecordId = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_-]{1,64}/[0-9a-f]{8}/[0-9]+$",
        description="device/epoch/seq; delivery is at least once: ignore an id that you have seen",
    ),
]
Seq = Annotated[int, Meta(ge=0, description="never goes back")]
LONGEST_TRANSACTION = 64
"""Characters of a transaction."""
Transaction = Annotated[str, Meta(max_length=LONGEST_TRANSACTION)] | int


class DigitPayload(msgspec.Struct, frozen=True):
    """One digit of a reading."""

    top: Candidates
    box: Annotated[tuple[int, int, int, int], Meta(description="x, y, width, height in pixels of the frame")]


class ReadingPayload(msgspec.Struct, kw_only=True):
    """The state of a field: reading/<field>, retained."""

    value: (
        Annotated[float, Meta(description="the last accepted one; absent before the first, and for identifiers")]
        | UnsetType
    ) = UNSET
    text: Annotated[str, Meta(description="the same as it is written")] | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    status: Status
    confidence: Confidence
    candidates: (
        Annotated[Candidates, Meta(description="what was just seen: text and confidence, best first")] | UnsetType
    ) = UNSET
    digits: list[DigitPayload] | UnsetType = UNSET
    captured_at: Annotated[Time, Meta(description="when the picture of this reading was taken")]
    value_at: Annotated[Time, Meta(description="when `value` and `text` were read")] | UnsetType = UNSET
    time_quality: TimeQuality
    votes: Annotated[tuple[Count, Count], Meta(description="frames that agreed, frames that were asked")]
    id: RecordId
    seq: Seq
    model: str
    backend: Literal["cpu", "edgetpu"]
    replayed: bool


class HistoryPayload(ReadingPayload, kw_only=True):
    """An older reading: history."""

    field: Name
    replayed: Annotated[bool, Meta(extra_json_schema={"const": True})]


class EventPayload(msgspec.Struct, kw_only=True):
    """What happened: event. Further keys give details of its type."""

    event_type: EventType
    field: Name | UnsetType = UNSET
    at: Time
    time_quality: TimeQuality
    id: RecordId
    seq: Seq


class InfoPayload(msgspec.Struct, kw_only=True):
    """What runs there: info, retained. No secrets."""

    version: str
    model: str
    backend: str
    camera: str | UnsetType = UNSET
    fields: list[Name]
    config: dict[str, Any] | UnsetType = UNSET


class FrameTime(msgspec.Struct, frozen=True):
    """Milliseconds, over the newest frames."""

    median: float
    p95: float


class QueuePayload(msgspec.Struct, frozen=True):
    """Records in the outbox."""

    waiting: Annotated[Count, Meta(description="not yet acknowledged by the broker")]
    dropped: Annotated[Count, Meta(description="too many or too old, never sent")]
    refused: Annotated[Count, Meta(description="the broker will not take them")]
    salvaged: Annotated[Count, Meta(description="carried over from a damaged outbox")]
    lost: Annotated[Count, Meta(description="damaged there, and not readable")]


class SecondOpinionCounts(msgspec.Struct, frozen=True):
    """Second opinions since the start."""

    asked: Count
    counted: Annotated[Count, Meta(description="answers that are evidence")]
    ignored: Annotated[Count, Meta(description="answers that are late, repeated, unexpected, or no candidate")]
    refused: Annotated[Count, Meta(description="messages that are no answer")]
    unanswered: Count
    left_today: Count


class HealthPayload(msgspec.Struct, kw_only=True):
    """Figures of the daemon: health, retained, every minute. What a machine does not report is absent."""

    uptime_s: Count
    frames: Annotated[Count, Meta(description="looked at since the start")]
    accepted: Count
    rejected: Annotated[dict[str, Count], Meta(description="status -> count")]
    frame_ms: Annotated[FrameTime, Meta(description="from the frame to its result")] | UnsetType = UNSET
    queue: QueuePayload
    frame_age_s: (
        Annotated[float, Meta(ge=0, description="since the newest picture of the camera")] | UnsetType
    ) = UNSET  # fmt: skip
    last_good_age_s: Annotated[Count, Meta(description="since the last reading that was ok")] | UnsetType = UNSET
    connects: Annotated[Count, Meta(description="connections to the broker since the start")]
    temperature_c: float | UnsetType = UNSET
    throttled: (
        Annotated[
            str, Meta(pattern="^0x[0-9a-f]+$", description="Raspberry Pi: bits of `vcgencmd get_throttled`")
        ]
        | UnsetType
    ) = UNSET  # fmt: skip
    under_voltage: (
        Annotated[bool, Meta(description="Raspberry Pi: the supply is too weak right now")] | UnsetType
    ) = UNSET  # fmt: skip
    rss_bytes: Count | UnsetType = UNSET
    written_bytes: Annotated[Count, Meta(description="to disks since the start")] | UnsetType = UNSET
    written_bytes_per_day: (
        Annotated[Count, Meta(description="the same at its present rate; after half an hour")] | UnsetType
    ) = UNSET  # fmt: skip
    fds: Count | UnsetType = UNSET
    threads: Count
    opinions: (
        Annotated[SecondOpinionCounts, Meta(description="only where second opinions are asked for")] | UnsetType
    ) = UNSET


class ProblemPayload(msgspec.Struct, frozen=True):
    """What is wrong now: problem, retained."""

    state: Literal["ON", "OFF"]
    codes: list[Name]
    text: str


class UpdatePayload(msgspec.Struct, frozen=True):
    """The model and its updates: update, retained, in the words of Home Assistant."""

    installed_version: Annotated[str, Meta(description="the model that runs")]
    latest_version: Annotated[str, Meta(description="the newest that is available and has not been refused")]
    in_progress: bool
    update_percentage: Annotated[int, Meta(ge=0, le=100)] | None
    release_summary: Annotated[str, Meta(description="why the newest is not used, or why the last look failed")]


class RequestPayload(msgspec.Struct, frozen=True):
    """A command, with its arguments as further keys: request/<command>."""

    transaction: (
        Annotated[Transaction, Meta(description="seen in the last 10 minutes, it is answered from memory")] | UnsetType
    ) = UNSET


class SuccessPayload(msgspec.Struct, frozen=True, tag_field="status", tag="ok"):
    """The answer to a command that was carried out: response/<command>."""

    data: dict[str, Any]
    transaction: Transaction | UnsetType = UNSET


class FailurePayload(msgspec.Struct, frozen=True, tag_field="status", tag="error"):
    """The answer to a command that was refused or failed: response/<command>."""

    error: str
    transaction: Transaction | UnsetType = UNSET


LARGEST_PICTURE = 12_000
"""Bytes of the cut-out (JPEG) in a question."""
# JSON Schema has no \Z, and $ in Python also matches before a line break at the end; with (?!\n) both mean the same
QuestionId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}(?!\n)$")]
DigitText = Annotated[str, Meta(pattern=r"^[0-9]{1,32}(?!\n)$")]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cut-out of one number, and nothing about where it comes from: opinion/request."""

    id: QuestionId
    picture: Annotated[
        bytes,
        Meta(
            max_length=LARGEST_PICTURE,
            description="nothing but the number: a grey JPEG of at most 12,000 bytes, 320 pixels on a side",
            extra_json_schema={"contentMediaType": "image/jpeg"},
        ),
    ]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second opinion: opinion/response. At most 1,024 bytes."""

    id: Annotated[QuestionId, Meta(description="that of the question")]
    candidates: Annotated[
        list[tuple[DigitText, Confidence]],
        Meta(max_length=3, description="digits only, best first; empty: no number can be read"),
    ]
    model: Annotated[str, Meta(max_length=128, description="the model that has read the picture")]


_FURTHER = Meta(extra_json_schema={"additionalProperties": {"type": ["string", "number", "null"]}})
_ARGUMENTS = Meta(extra_json_schema={"additionalProperties": True})
_JPEG = Meta(extra_json_schema={"contentMediaType": "image/jpeg"})

PAYLOADS: dict[str, tuple[str, Any]] = {
    "availability": ("availability", Literal["online", "offline"]),
    "reading": ("reading/<field>", ReadingPayload),
    "value": ("reading/<field>/value", float),
    "history": ("history", HistoryPayload),
    "event": ("event", Annotated[EventPayload, _FURTHER]),
    "info": ("info", InfoPayload),
    "health": ("health", HealthPayload),
    "problem": ("problem", ProblemPayload),
    "update": ("update", UpdatePayload),
    "enabled": ("enabled/state", Literal["ON", "OFF"]),
    "snapshot": ("snapshot/<field>", Annotated[str, _JPEG]),
    "request": ("request/<command>", Annotated[RequestPayload, _ARGUMENTS]),
    "response": ("response/<command>", SuccessPayload | FailurePayload),
    "question": ("opinion/request", Question),
    "answer": ("opinion/response", Answer),
}
"""Name -> its topic below edge_daemon/<device>, and the type that is sent there. An empty payload clears a retained
topic."""

"""One outbox row as bytes with a checksum, which can be read without SQLite.

SQLite does not notice a flipped byte inside a row, so each row has its own checksum. It also contains everything that
is needed to understand it, and starts with a mark: it can be found in a file that SQLite can no longer read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from edge_daemon.domain import Event, Reading, Record

_MARK = b"\xedROW"
_HEAD = struct.Struct(">4sII")  # mark; checksum of all that follows it; length of all that follows the length
_BODY = struct.Struct(">QId?B")  # seq, epoch, stored_at, synced, length of lane; then the lane and the JSON


EVENTS = ""
"""The lane of events. A lane is a group of rows that are delivered in order; the lane of a reading is its field."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record, with what is needed to salvage it."""

    seq: int
    epoch: int
    stored_at: float
    """Wall clock, seconds since 1970."""
    synced: bool
    lane: str
    """Rows of one lane stay in order: the field of a reading; empty for events."""
    json: bytes
    """The record; empty for a marker, which says that this was the last delivered one of its lane."""


def pack(row: Row) -> bytes:
    """The row as bytes, with its checksum."""
    lane = row.lane.encode()
    body = _BODY.pack(row.seq, row.epoch, row.stored_at, row.synced, len(lane)) + lane + row.json
    checked = len(body).to_bytes(4, "big") + body
    return _MARK + zlib.crc32(checked).to_bytes(4, "big") + checked


def unpack(data: bytes | memoryview) -> Row | None:
    """The row at the start of `data`, or None if it is not whole."""
    if len(data) < _HEAD.size + _BODY.size:
        return None
    mark, checksum, length = _HEAD.unpack_from(data)
    end = _HEAD.size + length
    if mark != _MARK or length < _BODY.size or end > len(data) or zlib.crc32(data[8:end]) != checksum:
        return None
    seq, epoch, stored_at, synced, lane_length = _BODY.unpack_from(data, _HEAD.size)
    text = bytes(data[_HEAD.size + _BODY.size : end])
    return Row(seq, epoch, stored_at, synced, text[:lane_length].decode(), text[lane_length:])


def find(data: bytes) -> Iterator[Row | int]:
    """Every row in any bytes, whatever is between them; of a damaged row only its number (seq)."""
    view = memoryview(data)
    at = data.find(_MARK)
    while at >= 0:
        row = unpack(view[at:])
        if row:
            yield row
        elif at + _HEAD.size + 8 <= len(data):
            yield int.from_bytes(view[at + _HEAD.size :][:8], "big")
        at = data.find(_MARK, at + 1)


def lane_of(record: Record) -> str:
    """The lane of a record."""
    return record.field if isinstance(record, Reading) else EVENTS


def decode(row: Row) -> Record:
    """The record in a row. Raises msgspec.ValidationError if another version of the program wrote it."""
    if row.lane == EVENTS:
        return msgspec.json.decode(row.json, type=Event)
    return msgspec.json.decode(row.json, type=Reading)

"""Retained readings of fields that were removed or renamed: they are cleared, or subscribers see them for ever.

The names of all fields that this device ever published stay in a file, and what is stale is cleared on each connection:
so it does not matter whether the broker could be reached at the first start after the change.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_daemon.mqtt import messages
from edge_daemon.system import atomic, regular_file

FOUND = "auto-"
"""The names of numbers that are found in the whole frame begin with it."""


class Published(msgspec.Struct):
    """What was ever published, as the file has it. State on devices: keys must not change."""

    fields: list[str] = []
    bare_value: bool = False


def stale_topics(
    device: str, path: Path, fields: Collection[str], bare_value: bool, others: Collection[str]
) -> list[str]:
    """The topics to clear, and the file brought up to date.

    `fields` are configured now (none: the whole frame is read); `others` are names that are known from elsewhere.
    """
    before = load(path)
    known = {*before.fields, *others}
    current = set(fields) or {name for name in known if name.startswith(FOUND)}
    bare = known | current if before.bare_value else set()
    save(path, Published(sorted(known | current), bare_value or before.bare_value))
    topics = {messages.reading_topic(device, name) for name in known - current}
    return sorted(topics | {messages.bare_value_topic(device, n) for n in bare if not (bare_value and n in current)})


def load(path: Path) -> Published:
    """The file; empty if it is missing or damaged."""
    try:
        return msgspec.json.decode(regular_file.read(path), type=Published)
    except (OSError, ValueError):
        return Published()


def save(path: Path, published: Published) -> None:
    """Replace the file if it changed. On a full disk the old one stays: then less is cleared at the next start."""
    if published != load(path):
        with suppress(OSError):
            atomic.replace_unsynced(path, msgspec.json.encode(published))

"""Filters and conditions on the messages of a Recorder, for `Recorder.wait_for` and for assertions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.support.brokers.mosquitto import Recorder

Received = list[tuple[str, bytes]]
"""(topic, payload) in the order in which they arrived."""


def payloads(heard: Received, ending: str) -> list[Any]:
    """The decoded JSON of all messages on topics with this ending, without empty ones."""
    return [json.loads(payload) for topic, payload in heard if topic.endswith(ending) and payload]


def readings(heard: Received) -> list[dict[str, Any]]:
    """All accepted readings, also late ones (`history`): each id once, in order of seq."""
    found = [json.loads(p) for t, p in heard if ("/reading/" in t or t.endswith("/history")) and p]
    return sorted({r["id"]: r for r in found if r["status"] == "ok"}.values(), key=lambda r: r["seq"])


def has_texts(*wanted: str) -> Callable[[Received], bool]:
    """A condition for `wait_for`: accepted readings with all these texts were received."""
    return lambda heard: set(wanted) <= {r["text"] for r in readings(heard)}


def has_problem(code: str, words: str = "") -> Callable[[Received], bool]:
    """A condition for `wait_for`: the newest `problem` has this code, and these words in its text."""
    return lambda heard: any(code in p["codes"] and words in p["text"] for p in payloads(heard, "/problem")[-1:])


def availability(recorder: Recorder) -> list[bytes]:
    """All `availability` payloads, in order."""
    return [payload for topic, payload in recorder.heard if topic.endswith("/availability")]

"""The MQTT commands: each is a function and a row in COMMANDS, and a line in the help of `edge-daemon call`.

A function gets the daemon's controls, and as keyword-only arguments what a request contains; their types are checked
before it is called. It returns the data of the response, or a Deferred where that takes a few frames. It raises
EdgeDaemonError where the command cannot be carried out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from edge_daemon.commands.controls import DaemonControls
from edge_daemon.commands.on_demand import Data, Deferred
from edge_daemon.domain import Entry, Request

MAX_REPLAYED = 1000
"""Readings that one `history` request sends again, at most; the response says where to continue."""


def health_check(controls: DaemonControls) -> Data:
    """Return the current figures of the topic `health`."""
    return dict(msgspec.to_builtins(controls.report.health()))


def read_now(controls: DaemonControls) -> Deferred:
    """Read every field again, changed or not; publish and return the result."""
    controls.check_enabled()
    return controls.on_demand.read_now()


def set_value(controls: DaemonControls, *, field: str, value: str | int | float) -> Data:
    """Accept the value that a person gives for a field; later readings are checked against it."""
    controls.check_enabled()
    return controls.on_demand.set_value(field, value, time.time(), time.monotonic())


def snapshot(controls: DaemonControls, *, field: str) -> Deferred:
    """Publish a picture of one field, if [mqtt] snapshots allows it."""
    controls.check_enabled()
    return controls.on_demand.snapshot(field)


def history(controls: DaemonControls, *, from_seq: int) -> Deferred:
    """Publish delivered readings again on `history`, from a number on, as far as they are stored.

    At most MAX_REPLAYED; `next_seq` in the response, if present, is where to continue. One request at a time; the
    files are read in a thread of their own.
    """

    def publish(found: list[Entry]) -> Data:
        controls.replay(found[:MAX_REPLAYED])
        data: dict[str, Any] = {"readings": len(found[:MAX_REPLAYED])}
        return data | ({"next_seq": found[MAX_REPLAYED].seq} if found[MAX_REPLAYED:] else {})

    return controls.history.start(partial(controls.outbox.delivered, from_seq, MAX_REPLAYED + 1), publish)


def reload(controls: DaemonControls) -> Data:
    """Read the configuration again and use it; a wrong one is refused. At most once a minute."""
    controls.rebuilds.check("reload")
    controls.validate()
    controls.rebuilds.note("reload")
    controls.request(Request.RELOAD)
    return {}


def restart(controls: DaemonControls) -> Data:
    """End the process; systemd starts it again. At most once a minute."""
    controls.rebuilds.check("restart")
    controls.rebuilds.note("restart")
    controls.request(Request.RESTART)
    return {}


def model_check(controls: DaemonControls) -> Data:
    """Look for a newer model; the topic `update` shows the result."""
    return controls.models.check()


def model_install(controls: DaemonControls) -> Data:
    """Look for a newer model and install it; the topic `update` shows the progress."""
    return controls.models.install()


def model_rollback(controls: DaemonControls) -> Data:
    """Use the model before the active one again."""
    return controls.models.rollback()


Table = Mapping[str, Callable[..., Data | Deferred]]
COMMANDS: Table = {
    "health_check": health_check,
    "history": history,
    "model_check": model_check,
    "model_install": model_install,
    "model_rollback": model_rollback,
    "read_now": read_now,
    "set_value": set_value,
    "snapshot": snapshot,
    "reload": reload,
    "restart": restart,
}
"""Name of the command -> its function."""
COSTS: Mapping[str, float] = {"history": 2, "snapshot": 2, "model_check": 3, "model_install": 3, "model_rollback": 3}
"""Name of the command -> its share of the permitted rate, in requests; 1 if it is not named."""
REPEATABLE = frozenset({"health_check", "history", "model_check", "read_now", "reload", "snapshot"})
"""Commands that do no harm if they are carried out twice: they also work when a full disk cannot remember them."""

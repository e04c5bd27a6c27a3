"""Checks updates: which model is offered, or why it cannot be installed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.errors import UpdateError
from edge_daemon.system.folders import state_folder
from edge_daemon.system.urls import hide_path
from edge_daemon.updates.client import UpdateClient
from edge_daemon.updates.install import load_state, verification_time


def check(config: Config) -> Iterator[Found]:
    if not config.updates.url:
        yield Level.OK, "updates are off: [updates] url is empty"
        return
    time = verification_time(datetime.now(UTC), load_state(state_folder() / "updates"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            facts = UpdateClient(Path(folder), config.updates, time).offer().facts
        except UpdateError as error:
            yield Level.WARN, str(error), "Until that is corrected no newer model is installed."
            return
    yield Level.OK, f"{hide_path(config.updates.url)} offers {facts.name}@{facts.version}, and its signatures are valid"

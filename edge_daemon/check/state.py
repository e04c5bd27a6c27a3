"""Checks the state folder, where readings wait for the broker: is it writable, and is there room?"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator

from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.system.folders import state_folder


def check(config: Config) -> Iterator[Found]:
    folder = state_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        remedy = "Give the daemon's user a folder that it may write to, and set STATE_DIRECTORY to it."
        yield Level.FAIL, f"{existing} cannot be written to: {error.strerror}", remedy
        return
    yield Level.OK, f"{folder} can be written to"
    free, wanted = shutil.disk_usage(existing).free, config.outbox.max_size
    if free < wanted:
        max_size = config.written["outbox"]["max_size"]
        what = f"{free // 10**6} MB are free there, and [outbox] max_size is {max_size}"
        yield Level.WARN, what, "Delete files, or lower max_size."
    else:
        yield Level.OK, f"{free // 10**6} MB are free there"

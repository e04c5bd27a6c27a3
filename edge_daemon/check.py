"""Is all well? One finding a line, with the remedy where it is not."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from edge_daemon import check_mqtt, classifiers, units
from edge_daemon.access import access
from edge_daemon.choice import remembered
from edge_daemon.classifiers.options import AUTO
from edge_daemon.config import Config, load, state_folder
from edge_daemon.errors import ConfigError, EdgeDaemonError, UpdateError
from edge_daemon.networks import find_interpreter
from edge_daemon.repository import Repository
from edge_daemon.selection import CHOICE, settled
from edge_daemon.sieve import Sieve
from edge_daemon.sources import open_source
from edge_daemon.store import Store
from edge_daemon.strips import StripReader
from edge_daemon.trial import first_run
from edge_daemon.updates import judged_at, known

FLAT = 16
"""Grey levels: a frame that spans less shows nothing."""
FIRST_FRAME = 5.0
"""Seconds in which a camera must have delivered one."""


class Level(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    section: str
    level: Level
    what: str
    remedy: str = ""


def checks(path: Path | None, section: str | None = None) -> Iterator[Finding]:
    """Look at one section, or at all, in order. Findings come as they are made: a camera takes seconds.

    When the configuration itself is wrong, what depends on it is not looked at.
    """
    wanted = [section] if section else list(SECTIONS)
    try:
        config = load(path)
    except ConfigError as error:
        yield from (Finding("config", Level.FAIL, line) for line in str(error).split("\n"))
        return
    for name in wanted:
        try:
            yield from (Finding(name, *found) for found in SECTIONS[name](config))
        except EdgeDaemonError as error:
            yield Finding(name, Level.FAIL, str(error))


Found = tuple[Level, str] | tuple[Level, str, str]
"""Level, what, remedy."""


def _config(config: Config) -> Iterator[Found]:
    read = f"{len(config.fields)} fields" if config.fields else "the whole frame"
    yield (
        Level.OK,
        f"device {config.device} reads {read} from {config.camera.kind} and publishes to {config.mqtt.url}",
    )


def _runtime(_: Config) -> Iterator[Found]:
    yield Level.OK, f"Python {platform.python_version()}, numpy {np.__version__}, OpenCV {cv2.__version__}"
    yield Level.OK, find_interpreter().why


def _model(config: Config) -> Iterator[Found]:
    Sieve()
    StripReader()
    store = Store(state_folder() / "models")
    if config.model.path == AUTO and (trouble := store.sound()[1]):
        yield Level.FAIL, trouble, "Activate another version, or install this one anew."
    model = settled(config.model, store)
    first_run(model)
    classifier = classifiers.load(model)
    yield Level.OK, f"{classifier.name} on {classifier.backend}: undamaged, and reads its golden pictures right"
    if (choice := remembered(store.folder / CHOICE)) and model.precision == choice.precision:
        yield Level.OK, f"the fastest here, as measured: {choice}"
    if isinstance(classifier, classifiers.ForeignClassifier):
        yield Level.OK, f"it is fed with {classifier.diet}"


def _camera(config: Config) -> Iterator[Found]:
    kind = config.camera.kind
    start = time.monotonic()
    with closing(open_source(kind, config.camera.options).frames(tick=0.2)) as frames:  # type: ignore[type-var]
        for frame in frames:
            seconds = time.monotonic() - start
            if frame:
                height, width = frame.pixels.shape
                yield Level.OK, f"{kind} gave a frame of {width}x{height} after {seconds:.1f} s"
                if np.ptp(frame.pixels) < FLAT:
                    yield Level.WARN, "the frame is one flat shade", "Is the lens covered, or the light off?"
                return
            if seconds > FIRST_FRAME:
                break
    yield Level.FAIL, f"{kind} gave no frame within {FIRST_FRAME:.0f} s", "Check its cable and power, then try again."


def _mqtt(config: Config) -> Iterator[Found]:
    to, home_assistant = access(config.mqtt), config.mqtt.home_assistant != "off"
    try:
        yield from ((Level.OK, step) for step in check_mqtt.steps(to, config.device, home_assistant))
    except check_mqtt.Trouble as trouble:
        what, remedy = trouble.args
        yield Level.WARN if what.startswith("retain") else Level.FAIL, what, remedy


def _state(config: Config) -> Iterator[Found]:
    folder = state_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        remedy = "Give the daemon's user a folder it may write to, and name it in STATE_DIRECTORY."
        yield Level.FAIL, f"{existing} cannot be written to: {error.strerror}", remedy
        return
    yield Level.OK, f"{folder} can be written to"
    free, wanted = shutil.disk_usage(existing).free, units.size(config.outbox.max_size)
    if free < wanted:
        what = f"{free // 10**6} MB are free there, and [outbox] max_size is {config.outbox.max_size}"
        yield Level.WARN, what, "Free some space, or lower max_size."


def _updates(config: Config) -> Iterator[Found]:
    if not config.updates.url:
        yield Level.OK, "no newer models are looked for: [updates] url is empty"
        return
    time = judged_at(datetime.now(UTC), known(state_folder() / "updates"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            with closing(Repository(Path(folder), config.updates, time)) as repository:
                facts = repository.offer().facts
        except UpdateError as error:
            yield Level.WARN, str(error), "Until that is mended no newer model comes."
            return
    yield Level.OK, f"{config.updates.url} offers {facts.name}@{facts.version}, signed as it must be"


SECTIONS: dict[str, Callable[[Config], Iterator[Found]]] = {
    "config": _config,
    "runtime": _runtime,
    "model": _model,
    "camera": _camera,
    "mqtt": _mqtt,
    "state": _state,
    "updates": _updates,
}

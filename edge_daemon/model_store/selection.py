"""Which model runs: what the configuration names, or what is active in the store, and always one that works."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from edge_daemon.errors import ModelError
from edge_daemon.inference import classifier
from edge_daemon.inference.digits import read_manifest
from edge_daemon.inference.edgetpu import EdgeTpu
from edge_daemon.inference.options import AUTO, BUNDLED, ModelOptions
from edge_daemon.model_store.acceptance import first_run
from edge_daemon.model_store.probation import Probation
from edge_daemon.model_store.store import Store, Version
from edge_daemon.recognition.reader import Reader, open_reader

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Selected:
    """A reader that is ready."""

    reader: Reader
    trouble: str
    """Why it is not the model that was wanted, in a sentence; empty: it is."""
    device: EdgeTpu

    def problems(self) -> dict[str, str]:
        """Code -> text, as `problem` tells it."""
        found = {"model": self.trouble, "edgetpu": self.device.problem}
        return {code: text for code, text in found.items() if text}


@contextmanager
def selected(wanted: ModelOptions, store: Store, device: EdgeTpu, again: Callable[[], None]) -> Iterator[Selected]:
    """The reader to run with. What cannot be used gives way to what can, down to the bundled model.

    `again` is called when another model should be selected: one on probation was left. Raises ModelError only where
    the bundled model itself is damaged, RuntimeMissingError without an interpreter.
    """
    if wanted.path != AUTO:
        yield _configured(wanted, store, device)
        return
    version, trouble = store.sound()
    if outdated := store.outdated():
        log.info("model %s gave way to %s, which came with the program and is newer", outdated, version.name)
    if version.probation and (deaths := store.deaths()) >= store.MOST_DEATHS:
        why = f"{deaths} times the program died while it was on probation"
        version, trouble = _left(store, version, why)
    if not version.probation:
        yield _active(wanted, version, trouble, store, device)
        return
    with store.watched():
        try:
            reader = open_reader(_options(wanted, version), device=device)
            before = classifier.load(_options(wanted, store.before()))
        except ModelError as error:
            yield _active(wanted, *_left(store, version, str(error)), store, device)
            return

        def verdict(why: str) -> None:
            try:
                store.rollback(why) if why else store.keep()
            except (OSError, ModelError) as error:  # a disk that is full, or somebody was faster
                log.error("the store cannot be changed: %s", error)
                return
            if why:
                again()

        log.info("model %s is on probation", version.name)
        denied = read_manifest(version.manifest).contradicts
        reader.classifier = Probation(reader.classifier, before, verdict, contradicts=denied)
        yield Selected(reader, trouble, device)


def _configured(wanted: ModelOptions, store: Store, device: EdgeTpu) -> Selected:
    """What the configuration names."""
    try:
        first_run(wanted)
        return Selected(open_reader(wanted, device=device), "", device)
    except ModelError as error:
        if wanted.path == BUNDLED:
            raise
        return Selected(_floor(wanted), f"the bundled model runs instead of {wanted.path}: {error}", device)


def _active(wanted: ModelOptions, version: Version, trouble: str, store: Store, device: EdgeTpu) -> Selected:
    try:
        return Selected(open_reader(_options(wanted, version), device=device), trouble, device)
    except ModelError as error:
        if version.bundled:
            raise
        return Selected(_floor(wanted), f"the bundled model runs instead of {version.name}: {error}", device)


def _floor(wanted: ModelOptions) -> Reader:
    return open_reader(replace(wanted, path=BUNDLED))


def _options(wanted: ModelOptions, version: Version) -> ModelOptions:
    return replace(wanted, path=BUNDLED if version.bundled else str(version.manifest))


def settled(wanted: ModelOptions, store: Store) -> ModelOptions:
    """`wanted` with the path of the version that would run now; changes nothing."""
    return _options(wanted, store.sound()[0]) if wanted.path == AUTO else wanted


def _left(store: Store, version: Version, why: str) -> tuple[Version, str]:
    """What runs instead, and why in a sentence. On a disk that cannot be written it is left at each start anew."""
    back = store.before()
    with suppress(OSError):
        store.rollback(why)
    return back, f"model {version.name} was left for {back.name}: {why}"

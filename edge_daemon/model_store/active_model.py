"""Opens the reader with the model that should run: the configured one, or the active version of the store.

If that cannot be used another runs instead, the bundled model at last: there is always one that reads.
"""

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
from edge_daemon.model_store.acceptance import accept_options
from edge_daemon.model_store.probation import Probation
from edge_daemon.model_store.store import Store, Version
from edge_daemon.recognition.reader import Reader, open_reader

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """A reader that is ready."""

    reader: Reader
    problem: str
    """Why it is not the model that should run, in a sentence; empty: it is."""
    edgetpu: EdgeTpu

    def problems(self) -> dict[str, str]:
        """Code -> text, as the topic `problem` publishes it."""
        found = {"model": self.problem, "edgetpu": self.edgetpu.problem}
        return {code: text for code, text in found.items() if text}


@contextmanager
def open_active_model(
    wanted: ModelOptions, store: Store, edgetpu: EdgeTpu, reload: Callable[[], None]
) -> Iterator[ActiveModel]:
    """The reader with the model that should run, or with another where that cannot be used.

    `reload` is called when another model should be opened: the one on probation was given up. Raises ModelError only
    where the bundled model itself is damaged, or RuntimeMissingError.
    """
    if wanted.path != AUTO:
        yield _open_configured(wanted, edgetpu)
        return
    version, problem = store.usable()
    if outdated := store.outdated():
        log.info("model %s is replaced by %s, which came with the program and is newer", outdated, version.name)
    if version.probation and (deaths := store.deaths()) >= store.MOST_DEATHS:
        version, problem = _give_up(store, version, f"the program died {deaths} times while it was on probation")
    if not version.probation:
        yield _open_version(wanted, version, problem, edgetpu)
        return
    with store.counting_deaths():
        try:
            reader = open_reader(_options(wanted, version), device=edgetpu)
            previous = classifier.load(_options(wanted, store.previous()))
        except ModelError as error:
            yield _open_version(wanted, *_give_up(store, version, str(error)), edgetpu)
            return

        def end(why: str) -> None:
            try:
                store.rollback(why) if why else store.end_probation()
            except (OSError, ModelError) as error:  # a disk that is full, or another process has changed the store
                log.error("the store cannot be changed: %s", error)
                return
            if why:
                reload()

        log.info("model %s is on probation", version.name)
        allowance = read_manifest(version.manifest).contradicts
        reader.classifier = Probation(reader.classifier, previous, end, contradicts=allowance)
        yield ActiveModel(reader, problem, edgetpu)


def resolve(wanted: ModelOptions, store: Store) -> ModelOptions:
    """`wanted` with the path of the version that would run now, in place of "auto"; changes nothing."""
    return _options(wanted, store.usable()[0]) if wanted.path == AUTO else wanted


def _open_configured(wanted: ModelOptions, edgetpu: EdgeTpu) -> ActiveModel:
    """The model that the configuration names, or the bundled one."""
    try:
        accept_options(wanted)
        return ActiveModel(open_reader(wanted, device=edgetpu), "", edgetpu)
    except ModelError as error:
        if wanted.path == BUNDLED:
            raise
        return ActiveModel(_open_bundled(wanted), f"the bundled model runs instead of {wanted.path}: {error}", edgetpu)


def _open_version(wanted: ModelOptions, version: Version, problem: str, edgetpu: EdgeTpu) -> ActiveModel:
    """A version of the store, or the bundled model."""
    try:
        return ActiveModel(open_reader(_options(wanted, version), device=edgetpu), problem, edgetpu)
    except ModelError as error:
        if version.bundled:
            raise
        return ActiveModel(_open_bundled(wanted), f"the bundled model runs instead of {version.name}: {error}", edgetpu)


def _open_bundled(wanted: ModelOptions) -> Reader:
    return open_reader(replace(wanted, path=BUNDLED))


def _options(wanted: ModelOptions, version: Version) -> ModelOptions:
    return replace(wanted, path=BUNDLED if version.bundled else str(version.manifest))


def _give_up(store: Store, version: Version, why: str) -> tuple[Version, str]:
    """Refuse a version. Returns the one that runs instead, and why in a sentence.

    On a disk that cannot be written this happens again at each start.
    """
    previous = store.previous()
    with suppress(OSError):
        store.rollback(why)
    return previous, f"model {version.name} was replaced by {previous.name}: {why}"

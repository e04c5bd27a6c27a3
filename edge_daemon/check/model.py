"""The networks: is each file undamaged, does it read its golden pictures right, and is it the fastest here?"""

from __future__ import annotations

from collections.abc import Iterator

from edge_daemon import classifiers
from edge_daemon.check.finding import Found, Level
from edge_daemon.choice import remembered
from edge_daemon.classifiers.options import AUTO
from edge_daemon.config import Config, state_folder
from edge_daemon.reader import open_reader
from edge_daemon.selection import CHOICE, settled
from edge_daemon.sieve import Sieve
from edge_daemon.store import Store
from edge_daemon.strips import StripReader
from edge_daemon.trial import first_run


def check(config: Config) -> Iterator[Found]:
    Sieve()
    StripReader()
    store = Store(state_folder() / "models")
    if config.model.path == AUTO and (trouble := store.sound()[1]):
        yield Level.FAIL, trouble, "Activate another version, or install this one anew."
    model = settled(config.model, store)
    first_run(model)
    classifier = open_reader(model).classifier
    yield Level.OK, f"{classifier.name} on {classifier.backend}: undamaged, and reads its golden pictures right"
    if (choice := remembered(store.folder / CHOICE)) and model.precision == choice.precision:
        yield Level.OK, f"the fastest here, as measured: {choice}"
    if isinstance(classifier, classifiers.ForeignClassifier):
        yield Level.OK, f"it is fed with {classifier.diet}"

"""The first run of a model: in a process of its own, on pictures whose answers are known, against the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict, TypeVar

import msgspec
import numpy as np

from edge_daemon.domain import Classifier, Glyph
from edge_daemon.errors import ChildError, ModelError
from edge_daemon.inference.digits import DigitClassifier, golden_inks, read_manifest
from edge_daemon.inference.manifest import bundled, read_file
from edge_daemon.inference.options import AUTO, BUNDLED, ModelOptions, Precision
from edge_daemon.recognition.reader import open_reader
from edge_daemon.system.child_process import call

T = TypeVar("T")

KINDS: tuple[Precision, ...] = ("int8", "float32")
SLOWER = 5.0
"""A model may take so many times what the bundled one takes."""
GRACE = 1e-3
"""Seconds a digit that are never too slow."""
ROUNDS = 7
"""Of which the fastest counts: others may want the processor too."""


class Tried(TypedDict):
    """What came of it."""

    version: str
    seconds: float
    """A digit, normalising and all."""


def tried(manifest: Path) -> Tried:
    """Load and run a model in a process of its own. Raises ModelError where it is not fit to be used."""
    done: Tried = ended(manifest.name, lambda: call("edge_daemon.model_store.acceptance:run", str(manifest)))
    return done


def first_run(options: ModelOptions) -> None:
    """Load what the table [model] names in a process of its own, unless it came with the program or lies in the store.

    Raises ModelError where it is not fit to be used.
    """
    if options.path in (AUTO, BUNDLED):
        return
    given = msgspec.json.encode(asdict(options)).decode()
    ended(options.path, lambda: call("edge_daemon.model_store.acceptance:load", given))


def ended(name: str, trial: Callable[[], T]) -> T:
    """What a trial returns. Raises ModelError, also where its process did not live through it."""
    try:
        return trial()
    except ChildError as error:
        raise ModelError(f"{name}: the process that tried this model {error}; it is not used") from error


def load(options: str) -> str:
    """In the child. Raises ModelError."""
    return open_reader(msgspec.json.decode(options, type=ModelOptions)).classifier.name


def run(manifest: str) -> Tried:
    """In the child. Raises ModelError."""
    path = Path(manifest)
    facts = read_manifest(path)
    models = {kind: DigitClassifier(ModelOptions(str(path), precision=kind)) for kind in KINDS if kind in facts.files}
    if not models:
        raise ModelError(f"{path.name} names no network")
    for kind in models:
        open_reader(ModelOptions(manifest, precision=kind))  # what it brings besides
    shown = golden_inks(read_file(path.parent, facts.files["golden"]), len(facts.golden))
    glyphs = [Glyph((0, 0, ink.shape[1], ink.shape[0]), ink) for ink in shown]
    took = min(pace(model, glyphs) for model in models.values())
    usual = pace(DigitClassifier(ModelOptions(str(bundled("digits")))), glyphs)
    if took > max(GRACE, SLOWER * usual):
        raise ModelError(
            f"{path.name} takes {took * 1000:.1f} ms for a digit, the bundled model {usual * 1000:.1f} ms;"
            f" at most {SLOWER:g} times that is allowed"
        )
    return {"version": facts.version, "seconds": took}


def pace(model: Classifier, glyphs: list[Glyph]) -> float:
    """Seconds a glyph."""
    if not np.isfinite(model.classify(glyphs)).all():
        raise ModelError(f"{model.name} answers with what are no numbers")
    return fastest(lambda: model.classify(glyphs)) / len(glyphs)


def fastest(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    return min(_timed(work) for _ in range(ROUNDS))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

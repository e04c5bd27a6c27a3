"""Accepts or refuses a model: it runs in a child process, on pictures with known answers, and its speed is measured."""

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
from edge_daemon.inference.manifest import read_file
from edge_daemon.inference.options import AUTO, BUNDLED, ModelOptions, Precision
from edge_daemon.recognition.reader import open_reader
from edge_daemon.system.child_process import call

T = TypeVar("T")

KINDS: tuple[Precision, ...] = ("int8", "float32")
"""The kinds of network that a manifest may name."""
SLOWER = 5.0
"""A model may take this many times as long as the bundled one."""
FAST_ENOUGH = 1e-3
"""Seconds a digit that are never too slow."""
ROUNDS = 7
"""Measurements of a time, of which the shortest counts: other programs may use the processor meanwhile."""


class Accepted(TypedDict):
    """The result of an acceptance."""

    version: str
    seconds: float
    """For one digit, with normalising."""


def accept_model(manifest: Path) -> Accepted:
    """Run the networks of a manifest in a child process. Raises ModelError where one is not fit for use."""
    accepted: Accepted = in_child(
        manifest.name, lambda: call("edge_daemon.model_store.acceptance:run_model", str(manifest))
    )
    return accepted


def accept_options(options: ModelOptions) -> None:
    """Load the model that the table [model] names in a child process, unless it is bundled or from the store.

    Raises ModelError where it is not fit for use.
    """
    if options.path in (AUTO, BUNDLED):
        return
    encoded = msgspec.json.encode(asdict(options)).decode()
    in_child(options.path, lambda: call("edge_daemon.model_store.acceptance:load_model", encoded))


def in_child(name: str, run: Callable[[], T]) -> T:
    """What `run` returns, which calls a child process. Raises ModelError also where that process died or hung."""
    try:
        return run()
    except ChildError as error:
        raise ModelError(f"{name}: the process that tried this model {error}; it is not used") from error


def load_model(options: str) -> str:
    """In the child: load the model of these encoded ModelOptions. Returns its name. Raises ModelError."""
    return open_reader(msgspec.json.decode(options, type=ModelOptions)).classifier.name


def run_model(manifest: str) -> Accepted:
    """In the child: load all networks of a manifest, and measure the fastest. Raises ModelError."""
    path = Path(manifest)
    facts = read_manifest(path)
    models = [DigitClassifier(ModelOptions(manifest, precision=kind)) for kind in KINDS if kind in facts.files]
    if not models:
        raise ModelError(f"{path.name} names no network")
    for kind in KINDS:
        if kind in facts.files:
            open_reader(ModelOptions(manifest, precision=kind))  # with the sieve and the strips that it brings
    golden = golden_inks(read_file(path.parent, facts.files["golden"]), len(facts.golden))
    glyphs = [Glyph((0, 0, ink.shape[1], ink.shape[0]), ink) for ink in golden]
    seconds = min(seconds_per_glyph(model, glyphs) for model in models)
    usual = seconds_per_glyph(DigitClassifier(ModelOptions(BUNDLED)), glyphs)
    if seconds > max(FAST_ENOUGH, SLOWER * usual):
        raise ModelError(
            f"{path.name} takes {seconds * 1000:.1f} ms for a digit, the bundled model {usual * 1000:.1f} ms;"
            f" at most {SLOWER:g} times that is allowed"
        )
    return {"version": facts.version, "seconds": seconds}


def seconds_per_glyph(model: Classifier, glyphs: list[Glyph]) -> float:
    """The shortest time of ROUNDS, divided by the number of glyphs. Raises ModelError where the model gives NaN."""
    if not np.isfinite(model.classify(glyphs)).all():
        raise ModelError(f"{model.name} gives values that are not numbers (NaN or infinite)")
    return min(_seconds(lambda: model.classify(glyphs)) for _ in range(ROUNDS)) / len(glyphs)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

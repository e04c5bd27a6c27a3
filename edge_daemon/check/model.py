"""Checks the networks: is each file undamaged, and does each read its golden pictures right?"""

from __future__ import annotations

from collections.abc import Iterator

from edge_daemon.check import running
from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.errors import ChildError, ModelError
from edge_daemon.inference import classifier as classifiers
from edge_daemon.inference.edgetpu import NO_FILE, PROBE_SECONDS
from edge_daemon.inference.edgetpu_probe import RECONNECT
from edge_daemon.inference.options import AUTO, ModelOptions
from edge_daemon.inference.runtime import find_runtime
from edge_daemon.model_store.acceptance import accept_options
from edge_daemon.model_store.active_model import resolve
from edge_daemon.model_store.store import Store
from edge_daemon.recognition.lines.line_recognizer import LineRecognizer
from edge_daemon.recognition.reader import open_reader
from edge_daemon.recognition.sieve import Sieve
from edge_daemon.system.child_process import call
from edge_daemon.system.folders import state_folder

CPU_REMEDY = 'To read on the CPU without this warning: [model] delegate = "auto".'
"""The remedy that needs no device."""


def check(config: Config) -> Iterator[Found]:
    Sieve()
    LineRecognizer()
    store = Store(state_folder() / "models")
    if config.model.path == AUTO and (problem := store.usable()[1]):
        yield Level.FAIL, problem, "Activate another version, or install this one again."
    model = resolve(config.model, store)
    accept_options(model)
    classifier = open_reader(model).classifier
    yield Level.OK, f"{classifier.name} on {classifier.backend}: undamaged, and reads its golden pictures right"
    yield from _edgetpu(model)
    if isinstance(classifier, classifiers.ForeignClassifier):
        yield Level.OK, f"its input: {classifier.input_format}"


def _edgetpu(model: ModelOptions) -> Iterator[Found]:
    """Whether an Edge TPU could run it. Not tried while the daemon runs, which has the device and reports problems."""
    file = classifiers.compiled_file(model)
    if model.delegate == "none" or (file is None and model.delegate == "auto"):
        return
    if file is None:
        yield Level.WARN, NO_FILE, CPU_REMEDY
        return
    if running.health() is not None:
        return
    try:
        call(
            "edge_daemon.inference.edgetpu_probe:probe",
            find_runtime(model.runtime).package,
            str(file),
            seconds=PROBE_SECONDS,
        )
    except (ModelError, ChildError) as error:
        wanted = model.delegate == "edgetpu"
        why = str(error) if isinstance(error, ModelError) else f"Edge TPU: its process {error}. {RECONNECT}"
        yield Level.WARN if wanted else Level.OK, f"{why}; the CPU reads", CPU_REMEDY if wanted else ""
    else:
        yield Level.OK, f"the Edge TPU runs {file.name}"

"""Which of a model's two networks, on which interpreter: measured once on this machine, and remembered.

int8 is not the faster one everywhere: on x86 with tflite-runtime 2.14 float32 is, and with ai-edge-litert int8. Which
holds on an Arm processor is found out there.
"""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from edge_daemon.errors import ChildError, ModelError
from edge_daemon.inference.classifier import is_foreign, load
from edge_daemon.inference.digits import TfliteClassifier, locate
from edge_daemon.inference.foreign import ForeignClassifier, golden_digits
from edge_daemon.inference.interpreter import INTERPRETERS
from edge_daemon.inference.normalise import normalise
from edge_daemon.inference.options import Options, Precision, Runtime
from edge_daemon.model_store.acceptance import KINDS, fastest
from edge_daemon.system import atomic
from edge_daemon.system.child_process import call

log = logging.getLogger(__name__)

SECONDS = 30.0
"""In which one measurement must be done."""
CLEARLY = 0.9
"""The customary choice stays unless another takes at most this share of its time: a measurement has noise."""


class Choice(msgspec.Struct, frozen=True):
    """What was found."""

    runtime: Runtime
    precision: Precision
    us: dict[str, float]
    """Microseconds a digit, the network alone, by "precision on runtime", of all that could run."""
    made_for: str
    """The model and what it could run on: anything else is measured anew."""

    def __str__(self) -> str:
        others = ", ".join(f"{name} {took:.0f} us" for name, took in sorted(self.us.items(), key=lambda item: item[1]))
        return f"{self.precision} on {self.runtime} ({others} a digit)"


def chosen(options: Options, path: Path) -> tuple[Options, Choice | None]:
    """`options` with what they leave open filled in by measurement; what was found is remembered in the file `path`.

    None where nothing is left to choose, or nothing could be measured.
    """
    made_for = situation(options)
    if not made_for:
        return options, None
    choice = remembered(path)
    if choice is None or choice.made_for != made_for:
        choice = measured(options, made_for)
        if choice is None:
            return options, None
        log.info("measured on this machine: %s", choice)
        with suppress(OSError):  # then it is measured again at the next start
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(path, msgspec.json.encode(choice))
    return replace(options, runtime=choice.runtime, precision=choice.precision), choice


def remembered(path: Path) -> Choice | None:
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Choice)
    return None


def situation(options: Options) -> str:
    """All that a choice depends on; empty where there is nothing to choose."""
    packages = installed() if options.runtime == "auto" else {options.runtime: ""}
    kinds = precisions(options)
    if len(packages) * len(kinds) < 2:
        return ""
    model = options.path if is_foreign(options) else locate(options.path)[0].name
    return f"{model}, {', '.join(kinds)}, {packages}, {platform.machine()}, Python {platform.python_version()}"


def precisions(options: Options) -> list[Precision]:
    """What may run: foreign files are what they are, and a file that is named is meant."""
    if options.precision != "auto" or options.path.endswith(".tflite"):
        return [options.precision]
    return list(KINDS)


def installed() -> dict[Runtime, str]:
    """Interpreters at hand, and their versions."""
    found: dict[Runtime, str] = {}
    for package in INTERPRETERS:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)  # type: ignore[index]
    return found


def measured(options: Options, made_for: str) -> Choice | None:
    """Two interpreters do not live in one process: where there are two, each gets one of its own."""
    packages = list(installed()) if options.runtime == "auto" else [options.runtime]
    found: dict[tuple[Precision, Runtime], float] = {}
    for package in packages:
        given = [replace(options, runtime=package, precision=kind) for kind in precisions(options)]
        try:
            text = msgspec.json.encode(given).decode()
            took = (
                call("edge_daemon.model_store.choice:measure", text, seconds=SECONDS)
                if len(packages) > 1
                else measure(text)
            )
        except (ModelError, ChildError) as error:
            log.info("%s is not measured: %s", package, error)
        else:
            found |= {(each.precision, package): seconds for each, seconds in zip(given, took, strict=True)}
    if not found:
        return None
    usual = next(iter(found))
    best = min(found, key=lambda each: found[each])
    if found[best] > CLEARLY * found[usual]:
        best = usual
    us = {f"{kind} on {package}": round(1e6 * took, 1) for (kind, package), took in found.items()}
    return Choice(best[1], best[0], us, made_for)


def measure(options: str) -> list[float]:
    """Seconds a digit, for each. Raises ModelError."""
    return [_seconds(load(each)) for each in msgspec.json.decode(options, type=list[Options])]


def _seconds(model: ForeignClassifier | TfliteClassifier) -> float:
    inks = golden_digits()
    if isinstance(model, ForeignClassifier):
        return fastest(lambda: model.own(inks)) / len(inks)
    pictures = [normalise(ink) for ink in inks]  # it takes longer than the network, and is the same for all
    return fastest(lambda: model.of(pictures)) / len(inks)

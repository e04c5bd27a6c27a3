"""Commands for models: model check, evaluate, list, activate, rollback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from edge_daemon.cli.shared import EXIT_FAILED, json_option, say

if TYPE_CHECKING:
    from edge_daemon.inference.options import ModelOptions
    from edge_daemon.model_store.store import Store, Version

RELOAD = "A running daemon uses it after its next start, or now: edge-daemon call reload"
"""Printed after the active model has changed."""


@click.group()
def model() -> None:
    """Inspect, measure, activate, publish and update digit models."""


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the argument FILE and the keys of [model.foreign] as options; the command gets one ModelOptions."""

    @click.argument("file", metavar="FILE")
    @click.option("--labels", default="", metavar="FILE", help="A file with one line for each score; default: 0 to 9.")
    @click.option("--ink", type=click.Choice(["auto", "light", "dark"]), default="auto", help="The ink it expects.")
    @click.option(
        "--scale",
        type=click.Choice(["auto", "0..1", "0..255", "-1..1", "-128..127"]),
        default="auto",
        help="The numbers of black and white.",
    )
    @click.option(
        "--temperature", type=click.FloatRange(0, 100, min_open=True), default=1.0, help="Divides its logits."
    )
    @click.option(
        "--runtime",
        type=click.Choice(["auto", "ai-edge-litert", "tflite-runtime"]),
        default="auto",
        help="The library that runs it.",
    )
    @wraps(command)
    def with_options(
        file: str, labels: str, ink: Any, scale: Any, temperature: float, runtime: Any, **others: Any
    ) -> None:
        from edge_daemon.inference.options import ForeignOptions, ModelOptions

        foreign = ForeignOptions(labels, ink, scale, temperature)
        command(ModelOptions(file, runtime=runtime, foreign=foreign), **others)

    return with_options


@model.command()
@model_options
def check(options: ModelOptions) -> None:
    """Show what a model file is, and whether it runs here.

    Also how many golden digits it reads, how fast, and with which libraries.

    FILE is a .tflite digit classifier, a manifest (.json), or "bundled". It is run in a process of its own.
    """
    from edge_daemon.tools.inspect_model import inspect as engine

    lines, runs = engine(options)
    for line in lines:
        say(line)
    sys.exit(0 if runs else EXIT_FAILED)


@model.command()
@model_options
@click.argument("crops", metavar="SET.npz|FOLDER", type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE", help="Also draw the confusion matrix.")
@json_option
def evaluate(options: ModelOptions, crops: Path, picture: Path | None, as_json: bool) -> None:
    """Measure how well a model reads labelled crops.

    Prints accuracy, top-3 accuracy, each class and calibration.

    The set is a .npz file with x (n, height, width) uint8, light ink on black, and y (0 to 9; 10: no digit); or a
    folder of pictures in sub-folders 0 to 9 and "not".
    """
    from edge_daemon.model_store.acceptance import accept_options
    from edge_daemon.tools import evaluate as engine
    from edge_daemon.tools.explain import save

    accept_options(options)
    result = engine.evaluate(options, crops)
    say(engine.as_json(result) if as_json else engine.as_table(result))
    if picture:
        save(engine.draw_confusion(result), picture)


@model.command("list")
@json_option
def list_versions(as_json: bool) -> None:
    """List the models in the store.

    The bundled one first; each may be active, on probation or refused.
    """
    for version in _store().versions():
        if as_json:
            say(
                {
                    "version": version.name,
                    "bundled": version.bundled,
                    "active": version.active,
                    "probation": version.probation,
                    "refused": version.refused or None,
                    "outdated": version.outdated,
                }
            )
        else:
            say(_line(version))


@model.command()
@click.argument("version", metavar="VERSION|FOLDER")
@click.option("--again", is_flag=True, help="Also a version that was refused.")
def activate(version: str, again: bool) -> None:
    """Make another model the active one.

    A version in the store, or a model in a FOLDER with its manifest, which is copied into the store first. It runs on
    probation: if it reads worse than the one before it, the daemon returns to that one.
    """
    from edge_daemon.model_store.version import read_content
    from edge_daemon.system.privileges import become_service_user

    content = read_content(Path(version)) if Path(version).is_dir() else {}  # with the rights of who calls
    become_service_user()
    store = _store()
    if content:
        version = _add(store, content)
        say(f"{version} is undamaged, reads its golden pictures right, and is in the store")
    store.activate(version, again)
    say(f"{version} is active. {RELOAD}")


@model.command()
def rollback() -> None:
    """Return to the model before the active one.

    The present one is refused from now on: it is not tried again automatically.
    """
    from edge_daemon.system.privileges import become_service_user

    become_service_user()
    say(f"{_store().rollback()} is active. {RELOAD}")


def _add(store: Store, content: Mapping[str, bytes]) -> str:
    """Add a model, name of each file -> its content. Returns its version. Raises ModelError or OSError."""
    with TemporaryDirectory() as folder:
        for name, data in content.items():
            (Path(folder) / name).write_bytes(data)
        return store.add(Path(folder))


def _store() -> Store:
    from edge_daemon.model_store.store import Store
    from edge_daemon.system.folders import state_folder

    return Store(state_folder() / "models")


def _line(version: Version) -> str:
    states = [
        "on probation" if version.probation else "active" if version.active else "",
        "bundled" if version.bundled else "",
        f"refused: {version.refused}" if version.refused else "",
        f"replaced by the newer bundled one; to return: model activate {version.name}" if version.outdated else "",
    ]
    return f"{version.name:12}  {', '.join(filter(None, states))}".rstrip()

"""Commands for models by URL: model publish and join (for the owner of devices), model update (on a device)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from edge_daemon.cli.model import RELOAD
from edge_daemon.cli.shared import complain, config_option, json_option, say, sets_option
from edge_daemon.errors import EdgeDaemonError, PublishError
from edge_daemon.system.folders import state_folder

if TYPE_CHECKING:
    from edge_daemon.updates.install import UpdateResult


@click.command()
@click.argument("manifest", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--to",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The folder that a web server will serve.",
)
@click.option(
    "--keys",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=Path("~/.config/edge-daemon/keys"),
    show_default=True,
    help="The folder of the keys; not inside what is served.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Devices accept it for this time."
)
@sets_option
@click.option("--rotate", type=click.Choice(["root", "publish"]), help="Replace this key with a new one.")
def publish(
    manifest: Path | None,
    to: Path,
    keys: Path,
    days: int,
    sets: tuple[Path, ...],
    rotate: Literal["root", "publish"] | None,
) -> None:
    """Publish a model as the newest for all devices.

    It is written, signed, into a folder that any web server can serve.

    MANIFEST is a model's .json file, with its other files beside it. Without it the present model is signed again; do
    that before the --days are over. The first time the keys are made, too.

    \b
    edge-daemon model publish mine.json --to public
    """
    try:
        from edge_daemon.updates.publish import publish as engine
    except ModuleNotFoundError as error:
        raise PublishError(f"publishing needs more packages ({error}): pip install 'edge-daemon[updates]'") from error

    for warning in _warnings(manifest, sets) if manifest else ():
        complain(
            f"WARNING: {warning}. It is published all the same; to undo it, publish the former model with a new version"
        )
    done = engine(to, keys.expanduser(), manifest, days, rotate)
    say(f"{done.model} is the newest; devices accept it until {done.until:%Y-%m-%d}. Publish again before that.")
    say(f"copy to the web server:  all of {to}, {to}/metadata/timestamp.json last")
    if done.new_keys:
        say(f"give to each device:     {done.root}, as [updates] root; devices that have one do not need it")
        say(f"keep safe, never serve:  {', '.join(map(str, done.new_keys))}")
        say("                         `root` is needed only to replace a key: keep it in a drawer, with a copy.")


def _warnings(manifest: Path, sets: Sequence[Path]) -> list[str]:
    """Warnings where the model reads standing sets worse than the bundled one. Raises ModelError where it is unfit."""
    from edge_daemon.inference.classifier import load
    from edge_daemon.inference.options import ModelOptions
    from edge_daemon.model_store.acceptance import accept_options
    from edge_daemon.tools import compare_models

    options = ModelOptions(str(manifest))
    accept_options(options)
    return compare_models.advice(
        compare_models.compare_on_standing_sets(load(ModelOptions("bundled")), load(options), sets)
    )


@click.command()
@config_option
@click.option("--check", is_flag=True, help="Only check, install nothing.")
@click.option("--again", is_flag=True, help="Also a model that could not be used before.")
@click.option("--url", metavar="URL", help="The served folder. Default: the configured one.")
@click.option("--root", metavar="FILE", help="The root file. Default: the configured one.")
@json_option
def update(config: Path | None, check: bool, again: bool, url: str | None, root: str | None, as_json: bool) -> None:
    """Check for a newer model and install it.

    Its signatures are checked, and it is tried in a process of its own, before it becomes active.
    """
    from edge_daemon.config import schema as configuration
    from edge_daemon.model_store.store import Store
    from edge_daemon.system.privileges import become_service_user
    from edge_daemon.updates import install as engine

    given = configuration.load(config).updates  # only root may be able to read its secret files
    become_service_user()
    options = replace(given, url=url or given.url, root=root or given.root)
    if not options.url:
        raise click.UsageError("[updates] url is empty: name a url there and give --config, or give --url")
    state = state_folder()
    try:
        with _progress(as_json) as progress:
            done = engine.update(state / "updates", Store(state / "models"), options, check, again, progress)
    except EdgeDaemonError as error:
        if as_json:  # the daemon reads this; on a full disk it cannot be written to the state folder
            say({"error": str(error)})
        raise
    say(asdict(done) if as_json else _describe(done))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("others", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", required=True, help="Version of the new model.")
def join(folder: Path, manifest: Path, others: tuple[Path, ...], version: str) -> None:
    """Combine a digit model with its own sieve and strips networks.

    MANIFEST is the .json file of a digit model, OTHERS those of a sieve, a strips network, or both. The new FOLDER
    holds one model, which is activated, published and rolled back as a whole.

    \b
    edge-daemon model join new digits-0.4.0.json sieve-0.5.0.json strips-0.4.0.json --version 0.5.0
    """
    from edge_daemon.tools.join_models import join as engine

    made = engine(folder, manifest, others, version)
    say(f"{made} is one model. Try it: edge-daemon model activate {folder}")


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """A function of (bytes loaded, bytes in all): draws a bar on stderr in a terminal, or prints lines of JSON."""
    shown = -1

    def lines(loaded: int, of: int) -> None:
        nonlocal shown
        if as_json and (percent := 100 * loaded // max(1, of)) != shown:
            shown = percent
            say({"percent": percent})

    if as_json or not sys.stderr.isatty():
        yield lines
        return
    with click.progressbar(length=1, label="loading", file=sys.stderr) as bar:

        def draw(loaded: int, of: int) -> None:
            bar.length = of
            bar.update(loaded - bar.pos)

        yield draw


def _describe(done: UpdateResult) -> str:
    if done.changed:
        return f"{done.installed} is installed. {RELOAD}"
    if done.latest == done.installed:
        return f"{done.installed} is installed, and is the newest"
    return f"{done.latest} is available, {done.installed} is installed" + (f": {done.why}" if done.why else "")

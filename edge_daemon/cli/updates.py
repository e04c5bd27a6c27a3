"""Models by URL: publish (for who owns the devices) and update (on a device)."""

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
@click.option("--to", required=True, metavar="FOLDER", type=click.Path(path_type=Path), help="What is to be served.")
@click.option(
    "--keys",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=Path("~/.config/edge-daemon/keys"),
    show_default=True,
    help="Where the keys are; not inside what is served.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="So long devices believe it."
)
@sets_option
@click.option("--rotate", type=click.Choice(["root", "publish"]), help="Replace this key by a new one.")
def publish(
    manifest: Path | None,
    to: Path,
    keys: Path,
    days: int,
    sets: tuple[Path, ...],
    rotate: Literal["root", "publish"] | None,
) -> None:
    """Make a model the newest for all devices.

    It is signed, into a folder that any web server can serve.

    MANIFEST is a model's .json, with its files beside it. Without one, what is published is signed anew, which has to
    be done before its days are over. The first time keys are made, too.

    \b
    edge-daemon model publish mine.json --to public
    """
    try:
        from edge_daemon.updates.publish import publish as engine
    except ModuleNotFoundError as error:
        raise PublishError(f"publishing needs more packages ({error}): pip install 'edge-daemon[updates]'") from error

    for warning in _forgotten(manifest, sets) if manifest else ():
        complain(
            f"WARNING: {warning}. It is published all the same; the former model under a new version takes it back"
        )
    done = engine(to, keys.expanduser(), manifest, days, rotate)
    say(f"{done.model} is the newest; devices believe it until {done.until:%Y-%m-%d}. Before, publish again.")
    say(f"copy to the web server:  all of {to}, {to}/metadata/timestamp.json last")
    if done.new_keys:
        say(f"give to each device:     {done.root}, as [updates] root; devices that have one need no other")
        say(f"keep safe, never serve:  {', '.join(map(str, done.new_keys))}")
        say("                         Only `root` can replace a key: best on a stick in a drawer, and a copy.")


def _forgotten(manifest: Path, sets: Sequence[Path]) -> list[str]:
    """What speaks against the model, beside the bundled one. Raises ModelError where it cannot be used."""
    from edge_daemon.inference.classifier import load
    from edge_daemon.inference.options import ModelOptions
    from edge_daemon.model_store.acceptance import accept_options
    from edge_daemon.tools import compare_models

    options = ModelOptions(str(manifest))
    accept_options(options)
    return compare_models.advice(compare_models.standing(load(ModelOptions("bundled")), load(options), sets))


@click.command()
@config_option
@click.option("--check", is_flag=True, help="Only look.")
@click.option("--again", is_flag=True, help="Also what could not be used before.")
@click.option("--url", metavar="URL", help="The folder that is served. Without: the configured one.")
@click.option("--root", metavar="FILE", help="Whose signatures count. Without: the configured one.")
@json_option
def update(config: Path | None, check: bool, again: bool, url: str | None, root: str | None, as_json: bool) -> None:
    """Look for a newer model and install it.

    It is checked and tried before it becomes the one that reads.
    """
    from edge_daemon.config import schema as configuration
    from edge_daemon.model_store.store import Store
    from edge_daemon.updates import install as engine

    given = configuration.load(config).updates
    options = replace(given, url=url or given.url, root=root or given.root)
    if not options.url:
        raise click.UsageError("[updates] url is empty: name a url there and give --config, or give --url")
    state = state_folder()
    try:
        with _progress(as_json) as progress:
            done = engine.update(state / "updates", Store(state / "models"), options, check, again, progress)
    except EdgeDaemonError as error:
        if as_json:  # the daemon listens: on a full disk there is no other place to leave word
            say({"error": str(error)})
        raise
    say(asdict(done) if as_json else _told(done))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("others", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", required=True, help="Of the model that it becomes.")
def join(folder: Path, manifest: Path, others: tuple[Path, ...], version: str) -> None:
    """Let a digit model bring its own sieve and strips.

    MANIFEST is a digit model's .json, OTHERS those of a sieve, a strips network, or both. FOLDER then holds one
    model, to be activated or published, and rolled back, as a whole.

    \b
    edge-daemon model join new digits-0.4.0.json sieve-0.5.0.json strips-0.4.0.json --version 0.5.0
    """
    from edge_daemon.tools.join_models import join as engine

    made = engine(folder, manifest, others, version)
    say(f"{made} is one model. Try it: edge-daemon model activate {folder}")


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """Takes bytes loaded, and bytes in all: a bar on stderr where that is a terminal, lines of JSON for programs."""
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

        def drawn(loaded: int, of: int) -> None:
            bar.length = of
            bar.update(loaded - bar.pos)

        yield drawn


def _told(done: UpdateResult) -> str:
    if done.changed:
        return f"{done.installed} is installed. {RELOAD}"
    if done.latest == done.installed:
        return f"{done.installed} is installed, and is the newest"
    return f"{done.latest} is to be had, {done.installed} is installed" + (f": {done.why}" if done.why else "")

"""Commands for a person at the device: preview, label, samples."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_daemon.cli import page
from edge_daemon.cli.shared import complain, config_option, json_option, say, sets_option

if TYPE_CHECKING:
    from edge_daemon.on_device.samples import Sample, Samples


@click.command()
@config_option
@click.option("--for", "how_long", metavar="TIME", default="30m", show_default=True, help="End after this time.")
@page.listen_option
@page.port_option
def preview(config: Path | None, how_long: str, host: str, port: int) -> None:
    """Serve a page to aim the camera, draw fields and label samples.

    It shows the frames of the daemon on this machine; if the daemon is stopped it opens the camera itself. The page
    saves fields into the file of --config. Only the address that is printed gives access. With sudo it runs as the
    service's user, if the service is installed.
    """
    from edge_daemon.errors import PreviewError
    from edge_daemon.system import atomic, log_setup, privileges
    from edge_daemon.system.folders import runtime_folders, state_folder

    try:
        from edge_daemon.preview import server
        from edge_daemon.preview.api import PreviewApi
    except ModuleNotFoundError as error:
        raise PreviewError(page.needs_packages(error)) from error

    time_left = page.lasting(how_long)
    log_setup.setup(verbose=False)
    write = privileges.keep_writing(config) if config else atomic.rewrite
    sock = server.listen(host, port)
    privileges.hand_over_credentials()
    privileges.become_service_user()
    api = PreviewApi(config, state_folder(), runtime_folders(), write)
    try:
        page.serve(lambda sessions, ends: server.application(api, sessions, ends), sock, host, time_left)
    finally:
        api.close()


@click.group()
def samples() -> None:
    """List, export, compare or delete samples of hard numbers."""


@samples.command("list")
@json_option
def samples_list(as_json: bool) -> None:
    """List the samples, the oldest first.

    Prints name, time, field, reason, candidates and label.
    """
    for name, sample in _samples().all():
        if as_json:
            say({"name": name} | sample.as_json())
            continue
        guess = ", ".join(f"{text} {share:.0%}" for text, share in sample.candidates) or "nothing"
        label = "" if sample.label is None else f"  -> {sample.label or 'no number'}"
        when = datetime.fromtimestamp(sample.at).strftime("%Y-%m-%d %H:%M:%S")
        say(f"{name}  {when}  {sample.field}  {sample.why:12}  {guess}{label}")


@samples.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def samples_export(folder: Path) -> None:
    """Write the digits of labelled samples as pictures.

    They go into the folders 0 to 9 and `not`.

    \b
    scripts/train digits --from bundled --extra DIR --out mine/   the bundled model learns them, in minutes
    scripts/train digits --data SETS --extra DIR                  a new model is trained with them, in an hour
    """
    from edge_daemon.inference.options import ModelOptions
    from edge_daemon.recognition.reader import open_reader
    from edge_daemon.tools import training_set

    done = training_set.export(_labelled(), folder, open_reader(ModelOptions()))
    say(f"{done.glyphs} glyphs of {done.numbers} numbers are in {folder}")
    if done.lost:
        complain(f"{len(done.lost)} could not be split into the digits of their label: {', '.join(done.lost)}")


@samples.command("compare")
@click.argument("model", metavar="MANIFEST")
@click.option(
    "--with", "present", default="bundled", show_default=True, metavar="MANIFEST", help="The model to compare with."
)
@sets_option
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FOLDER", help="Also write a page with the new mistakes."
)
@json_option
def samples_compare(model: str, present: str, sets: tuple[Path, ...], report: Path | None, as_json: bool) -> None:
    """Compare another model with the present one.

    On the labelled samples, and on digits that it should still read: drawn ones, and each --set.
    """
    from edge_daemon.inference.options import ModelOptions
    from edge_daemon.recognition.reader import open_reader
    from edge_daemon.tools import compare_models, training_set

    readers = open_reader(ModelOptions(present)), open_reader(ModelOptions(model))
    labelled = _labelled()
    found = training_set.compare_readers(labelled, *readers)
    networks = readers[0].classifier, readers[1].classifier
    own = training_set.crops(labelled, readers[0])
    digits = [compare_models.compare_on("your samples", own, *networks, standing=False)] if own[0] else []
    digits += compare_models.compare_on_standing_sets(*networks, sets)
    names = [network.name for network in networks]
    summary = (
        f"of {found.samples} labelled numbers {names[0]} reads {found.right[0]} right, {names[1]} {found.right[1]}"
    )
    if report:
        written = compare_models.write_page(report, f"{names[1]} beside {names[0]}", digits, summary)
    if as_json:
        say(
            asdict(found)
            | {"digits": [compare_models.as_json(g) for g in digits], "advice": compare_models.advice(digits)}
        )
        return
    say(summary)
    say(f"gained: {', '.join(found.gained) or 'none'}\nlost:   {', '.join(found.lost) or 'none'}")
    say(compare_models.as_table(digits))
    for warning in compare_models.advice(digits):
        complain(f"do not publish it: {warning}")
    if report:
        say(f"the page: {written}")


@samples.command("clear")
@click.confirmation_option(prompt="Delete all samples, also the labelled ones?")
def samples_clear() -> None:
    """Delete all samples."""
    from edge_daemon.system.privileges import become_service_user

    become_service_user()
    say(f"{_samples().clear()} samples are deleted")


@click.command()
def label() -> None:
    """Label samples of numbers that were hard to read.

    In the terminal, with one key for each sample.

    Enter accepts the first candidate; a, b and c choose one; type digits and Enter for another number; n: no number;
    s: skip; z: undo the last label; q: end. In a browser: edge-daemon preview, the page Teach.
    """
    from edge_daemon.system.privileges import become_service_user
    from edge_daemon.tools import label as labelling

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("it draws pictures and waits for keys: run it in a terminal")
    become_service_user()
    done = labelling.label_all(_samples(), click.getchar, lambda text: click.echo(text, nl=False))
    say(f"{done} labelled. Export them: edge-daemon samples export DIR")


def _labelled() -> list[tuple[str, Sample]]:
    """The name and content of each labelled sample. Raises SampleError where there is none."""
    from edge_daemon.errors import SampleError

    found = list(_samples().all(labelled=True))
    if not found:
        raise SampleError("no sample is labelled yet: use edge-daemon label, or the page of edge-daemon preview")
    return found


def _samples() -> Samples:
    from edge_daemon.on_device.samples import find_samples
    from edge_daemon.system.folders import runtime_folders, state_folder

    return find_samples(state_folder(), runtime_folders())

"""Commands that need no camera: read, replay, bench."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

import click

from edge_daemon.cli.shared import EXIT_FAILED, T, bar, complain, config_option, json_option, say
from edge_daemon.errors import PictureError

MANY = 3
"""Files from which there is a progress bar."""


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="IMAGE|FOLDER|VIDEO...")
@json_option
@click.option(
    "--annotate",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write the pictures there, as DIR/NAME, with the numbers drawn in.",
)
@click.option("--model", metavar="PATH", default="bundled", help="A .tflite file or manifest (.json).")
def read(paths: tuple[str, ...], as_json: bool, folder: Path | None, model: str) -> None:
    """Print the numbers that are written in pictures.

    A file that cannot be read is reported on stderr, and the others are still read; the exit code is then 1.
    """
    from edge_daemon.sources.pictures import expand
    from edge_daemon.tools import read as engine

    reader = engine.open_picture_reader(model)
    failed, total, found = 0, 0, expand(paths)
    drawings = folder and engine.Annotations(folder, [path for path in found if isinstance(path, str)])
    with _progress(found) as shown:
        for result in (result for path in shown for result in engine.read_file(path, reader)):
            total += 1
            if isinstance(result, PictureError):
                complain(result)
                failed += 1
                continue
            say(engine.as_json(result) if as_json else engine.as_text(result))
            if drawings:
                drawings.save(result)
    if failed > 1:
        complain(f"{failed} of {total} pictures could not be read")
    sys.exit(EXIT_FAILED if failed else 0)


def _progress(found: Sequence[T]) -> AbstractContextManager[Iterable[T]]:
    """`found`, with a progress bar on stderr where there are many and the results are not shown in the terminal."""
    return nullcontext(found) if len(found) < MANY or sys.stdout.isatty() else bar(found, "reading")


@click.command()
@click.argument("path", metavar="FOLDER|VIDEO")
@config_option
@click.option("--every", metavar="TIME", help='Time from one picture to the next, such as "1s".')
@json_option
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also write a page there, FOLDER/index.html: plots, what was withheld and why, with pictures (extra report).",
)
def replay(path: str, config: Path | None, every: str | None, as_json: bool, folder: Path | None) -> None:
    """Print what the daemon would have published for a recording.

    Use it to try fields and rules.

    Times come from the recording. A video begins when its file was last changed. Pictures have the interval of --every,
    else the time in their EXIF data, else the time when the file was last changed. At most active_fps frames a second
    of a video are read, as from a camera.
    """
    from edge_daemon.config.schema import load
    from edge_daemon.mqtt import messages
    from edge_daemon.system.units import seconds
    from edge_daemon.tools import replay as engine
    from edge_daemon.tools.reporting import page, plots
    from edge_daemon.tools.watch import describe

    try:
        pace = seconds(every) if every else None
        if pace == 0:
            raise ValueError
    except ValueError:
        raise click.BadParameter(f'{every!r}: write a time such as "1s" or "10m"', param_hint="--every") from None
    if folder:
        plots.check_library()
    given = load(config)
    found = engine.recording(path, pace)
    click.echo(f"clock: {found.clock}", err=True)
    recorder, last = engine.Recorder(), 0.0
    for replayed in engine.replay(found, given):
        if folder:
            recorder.add(replayed)
        last = replayed.mono
        message = messages.encode_record(given.device, given.mqtt.detail, replayed.entry, False)
        payload = messages.decode(message.topic, message.payload)
        if not as_json:
            say(describe(message.topic, payload))
        else:
            say({"topic": message.topic} | (payload if isinstance(payload, dict) else {"payload": payload}))
    if folder:
        begin, end = found.times[0], max(found.times[-1], found.times[0] + last)
        complain(page.write(folder, recorder.report(f"{Path(path).name}: what would have been published", begin, end)))


@click.command()
@json_option
def bench(as_json: bool) -> None:
    """Measure how long each stage takes on this machine.

    It uses simulated frames of three sizes, with ten digits and with none, and compares with the least time that any
    program needs. It takes up to half a minute; stop other programs first.
    """
    from edge_daemon.tools import bench as engine

    with bar(range(engine.ROUNDS), "measuring") as rounds:
        result = engine.measure(rounds)
    say(asdict(result) if as_json else engine.as_table(result))

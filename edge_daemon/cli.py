"""The command line. Nothing else in the program prints."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from importlib.resources import files
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from edge_daemon import __version__
from edge_daemon.errors import ConfigError, EdgeDaemonError, PictureError

if TYPE_CHECKING:
    from edge_daemon.access import Access
    from edge_daemon.check import Finding

T = TypeVar("T")
CLEAR_LINE = "\r\x1b[K"
EXIT_FAILED = 1
EXIT_CONFIG = ConfigError.exit_code
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it

COMPLETION = """
\b
Completion of commands and options in your shell, now and in every new one:
  bash:  eval "$(_EDGE_DAEMON_COMPLETE=bash_source edge-daemon)"   in ~/.bashrc
  zsh:   eval "$(_EDGE_DAEMON_COMPLETE=zsh_source edge-daemon)"    in ~/.zshrc
  fish:  _EDGE_DAEMON_COMPLETE=fish_source edge-daemon | source    in ~/.config/fish/config.fish

\b
Exit codes: 0 all well, 1 something failed, 2 wrong usage, 78 wrong configuration.
"""

SECTIONS = ("config", "runtime", "model", "camera", "mqtt", "state")
MANY = 3
"""Files from which on a progress bar is worth the while."""

config_option = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration (TOML). Without: the defaults."
)
json_option = click.option("as_json", "--json", is_flag=True, help="One line of JSON each, for programs.")


def main() -> NoReturn:
    """Run the command line and exit. A foreseen failure is a line for the person; any other keeps its traceback.

    A reader of our output that has gone away (a pipe into head) is dealt with by click: quietly, with exit code 1.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text
    try:
        sys.exit(cli.main(prog_name="edge-daemon", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except EdgeDaemonError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=COMPLETION)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Point a camera at written numbers; get the numbers on MQTT."""


@cli.command()
@config_option
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
def run(config: Path | None, verbose: bool) -> None:
    """Read the camera and publish, until stopped (Ctrl-C, SIGTERM).

    Without --config: the first Pi camera, the broker on this machine, and every number in the picture.
    """
    from edge_daemon import app, logs
    from edge_daemon.config import load

    logs.setup(verbose)
    app.main(partial(load, config))


@cli.command("config")
def print_config() -> None:
    """Print a configuration to start from, every key explained.

    \b
    edge-daemon config > my.toml
    """
    click.echo(files("edge_daemon").joinpath("default.toml").read_text(encoding="utf-8"), nl=False)


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="IMAGE|FOLDER|VIDEO...")
@json_option
@click.option(
    "--annotate",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write the pictures there, with what was read drawn in.",
)
@click.option("--model", metavar="PATH", default="bundled", help="The manifest (.json) of another model.")
def read(paths: tuple[str, ...], as_json: bool, folder: Path | None, model: str) -> None:
    """Say which numbers are written in pictures.

    A picture that cannot be read is told on stderr, and the others are read all the same; the exit code is 1 then.
    """
    from edge_daemon import answers
    from edge_daemon.classifiers import Options
    from edge_daemon.reader import open_reader
    from edge_daemon.sources.files import expand

    reader = open_reader(Options(model), look_round_every=0.0)
    failed = False
    with _progress(expand(paths)) as found:
        for answer in (answer for path in found for answer in answers.answers(path, reader)):
            if isinstance(answer, PictureError):
                _complain(answer)
                failed = True
                continue
            _say(answers.as_json(answer) if as_json else answers.as_text(answer))
            if folder:
                answers.save_annotated(answer, folder)
    sys.exit(EXIT_FAILED if failed else 0)


@cli.command()
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Without: the configured one, or localhost.")
@click.option("--device", metavar="ID", help="Only what this device says.")
@config_option
@json_option
def watch(broker: str | None, device: str | None, config: Path | None, as_json: bool) -> None:
    """Print readings as they arrive at a broker, until Ctrl-C.

    A broker that wants a login gets it from the [mqtt] section of --config.
    """
    from edge_daemon import logs
    from edge_daemon import watch as engine

    logs.setup(verbose=False)
    to = _access(broker, config)
    for topic, payload in engine.watch(to):
        if device in (None, topic.split("/")[1]):
            _say({"topic": topic, "payload": payload} if as_json else engine.describe(topic, payload))


@cli.command()
@click.argument("path", metavar="FOLDER|VIDEO")
@config_option
@click.option("--every", metavar="TIME", help='Pictures were taken so far apart, such as "1s".')
@json_option
def replay(path: str, config: Path | None, every: str | None, as_json: bool) -> None:
    """Say what the daemon would have published of a recording, to try fields and rules.

    The clock is the recording's: the time stamps of a video, which begin when its file was last changed; of pictures
    what --every says, else their EXIF, else when the files were last changed. At most active_fps frames a second of
    a video are looked at, as of a camera.
    """
    from edge_daemon import replay as engine
    from edge_daemon import wire
    from edge_daemon.config import load
    from edge_daemon.units import seconds
    from edge_daemon.watch import describe

    try:
        pace = seconds(every) if every else None
        if pace == 0:
            raise ValueError
    except ValueError:
        raise click.BadParameter(f'{every!r}: write a time such as "1s" or "10m"', param_hint="--every") from None
    given = load(config)
    found = engine.recording(path, pace)
    click.echo(f"clock: {found.clock}", err=True)
    for _, message in engine.replay(found, given):
        said = wire.decode(message.topic, message.payload)
        if not as_json:
            _say(describe(message.topic, said))
        else:
            _say({"topic": message.topic} | (said if isinstance(said, dict) else {"payload": said}))


@cli.command()
@click.argument("section", required=False, type=click.Choice(SECTIONS), metavar="[SECTION]")
@config_option
@json_option
def check(section: str | None, config: Path | None, as_json: bool) -> None:
    """Tell what is well and what is not, and what to do about it.

    Looks at the configuration, the model, the camera and the broker, one line each. SECTION is one of config,
    runtime, model, camera, mqtt, state; without it all are checked.
    """
    from edge_daemon.check import Level, checks

    failed = set()
    for finding in checks(config, section):
        _say(asdict(finding) if as_json else _line(finding))
        if finding.level is Level.FAIL:
            failed.add(finding.section)
    sys.exit(EXIT_CONFIG if "config" in failed else EXIT_FAILED if failed else 0)


@cli.command()
@json_option
def bench(as_json: bool) -> None:
    """Measure how long each stage takes on this machine, on the simulated camera.

    Frames of three sizes, with ten digits and with none, beside the least that any program could take. It needs up to
    half a minute, and nothing else running.
    """
    from edge_daemon import bench as engine

    with _bar(range(engine.ROUNDS), "measuring") as rounds:
        result = engine.measure(rounds)
    _say(asdict(result) if as_json else engine.as_table(result))


@cli.command()
@click.argument("seq", default="last", metavar="[SEQ|last]")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw it: the patch, each digit, and what else it might be.",
)
@json_option
def explain(seq: str, picture: Path | None, as_json: bool) -> None:
    """Tell why a recent reading says what it says: its digits, its votes, and what held it back.

    SEQ is the number of the reading, as in its payload; without it, the newest. The daemon on this machine keeps the
    last few; they never leave it.
    """
    from edge_daemon import explain as engine
    from edge_daemon.config import runtime_folders

    told = engine.find([folder / "explain" for folder in runtime_folders()], seq)
    _say(engine.as_json(told) if as_json else "\n".join(engine.as_text(told)))
    if picture:
        engine.save(engine.drawn(told), picture)


@cli.command()
@click.argument("command")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Without: the configured one, or localhost.")
@click.option("--device", metavar="ID", help="Another device than the configured one.")
@config_option
@json_option
def call(
    command: str, arguments: tuple[str, ...], broker: str | None, device: str | None, config: Path | None, as_json: bool
) -> None:
    """Ask a running daemon for something, over the broker; print its answer.

    Commands are health_check, read_now, reload and restart. A refusal is told on stderr, with exit code 1.
    """
    from edge_daemon.call import call as engine
    from edge_daemon.config import load

    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", command):
        raise click.BadParameter(f"{command!r}: expected a name", param_hint="COMMAND")
    said = engine(_access(broker, config), device or load(config).device, command, dict(map(_argument, arguments)))
    if as_json:
        _say(said)
    elif said["status"] == "ok":
        _say(json.dumps(said["data"], indent=2) if said["data"] else "ok")
    else:
        _complain(said["error"])
    sys.exit(0 if said["status"] == "ok" else EXIT_FAILED)


def _argument(word: str) -> tuple[str, Any]:
    """KEY=VALUE; the value as JSON where it is some, otherwise as text."""
    key, equals, value = word.partition("=")
    if not equals:
        raise click.BadParameter(f"{word!r}: write KEY=VALUE", param_hint="arguments")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


@cli.group()
def mqtt() -> None:
    """What this device has at the broker."""


@mqtt.command("clean")
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Without: the configured one, or localhost.")
@click.option("--device", metavar="ID", help="Of another device than the configured one.")
@config_option
def mqtt_clean(broker: str | None, device: str | None, config: Path | None) -> None:
    """Clear all topics of the device, and have Home Assistant forget it. The daemon must be stopped.

    Prints each topic that was cleared.
    """
    from edge_daemon.clean import clean
    from edge_daemon.config import load

    for topic in clean(_access(broker, config), device or load(config).device):
        _say(topic)


@cli.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print what is sent, as JSON Schema; without NAME, the names and their topics.

    \b
    edge-daemon schema reading > reading.schema.json
    """
    from edge_daemon.schemas import SCHEMAS
    from edge_daemon.schemas import schema as find

    if name is None:
        for name, (topic, _) in SCHEMAS.items():
            _say(f"{name:12}  edge_daemon/<device>/{topic}")
    elif name in SCHEMAS:
        click.echo(json.dumps(find(name), indent=2))
    else:
        raise click.BadParameter(f"{name!r}: one of {', '.join(SCHEMAS)}", param_hint="NAME")


def _access(broker: str | None, config: Path | None) -> Access:
    """The broker that was named, or else the configured one; the login is the configured one."""
    from edge_daemon.access import access
    from edge_daemon.config import load

    given = load(config).mqtt
    try:
        return access(replace(given, url=broker) if broker else given)
    except ConfigError:  # what is configured has been checked
        raise click.BadParameter(f"{broker!r}: write mqtt://HOST:PORT", param_hint="--broker") from None


# Saying it


def _say(line: str | dict[str, Any]) -> None:
    """One line, at once, also into a pipe."""
    click.echo(line if isinstance(line, str) else json.dumps(line))
    sys.stdout.flush()


def _complain(problem: object) -> None:
    """A line on stderr, where a progress bar may be standing."""
    click.echo((CLEAR_LINE if sys.stderr.isatty() else "") + str(problem), err=True)


def _progress(found: Sequence[T]) -> AbstractContextManager[Iterable[T]]:
    """`found`, with a bar on stderr where a person waits for many and does not see the answers themselves."""
    return nullcontext(found) if len(found) < MANY or sys.stdout.isatty() else _bar(found, "reading")


def _bar(found: Sequence[T], label: str) -> AbstractContextManager[Iterable[T]]:
    """`found`, with a bar on stderr where that is a terminal."""
    return click.progressbar(found, label=label, file=sys.stderr) if sys.stderr.isatty() else nullcontext(found)


def _line(finding: Finding) -> str:
    colour = {"OK": "green", "WARN": "yellow", "FAIL": "red"}[finding.level]
    what = " ".join(filter(None, [finding.what + ("." if finding.remedy else ""), finding.remedy]))
    return f"{click.style(f'{finding.level:4}', fg=colour)}  {finding.section:7}  {what}"

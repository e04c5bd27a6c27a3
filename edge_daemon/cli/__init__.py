"""The command line: one file for each family of commands. Nothing else in the program prints."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import NoReturn

import click

from edge_daemon import __version__, logs
from edge_daemon.cli import broker, camera, daemon, model, pictures, preview, updates
from edge_daemon.errors import EdgeDaemonError

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
        click.echo(logs.prefixed(str(error)), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=COMPLETION)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Point a camera at written numbers; get the numbers on MQTT."""


cli.add_command(daemon.check, "doctor")
for family in (
    [daemon.run, daemon.print_config, daemon.check, daemon.selftest, daemon.explain],
    [camera.calibrate],
    [pictures.read, pictures.replay, pictures.bench],
    [model.model],
    [broker.watch, broker.call, broker.mqtt, broker.schema],
    [preview.preview, preview.label, preview.samples],
):
    for command in family:
        cli.add_command(command)
for command in [updates.publish, updates.update]:
    model.model.add_command(command)

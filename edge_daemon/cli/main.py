"""The entry point of the command line, and the list of its commands."""

from __future__ import annotations

import errno
import itertools
import sys
from io import TextIOWrapper
from typing import NoReturn

import click

from edge_daemon import __version__
from edge_daemon.cli import broker, camera, daemon, model, opinion, pictures, preview, setup, updates
from edge_daemon.cli.shared import EXIT_FAILED
from edge_daemon.errors import EdgeDaemonError
from edge_daemon.system import log_setup

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it

COMPLETION = """
\b
Completion of commands and options in your shell, now and in every new one:
  bash:  eval "$(_EDGE_DAEMON_COMPLETE=bash_source edge-daemon)"   in ~/.bashrc
  zsh:   eval "$(_EDGE_DAEMON_COMPLETE=zsh_source edge-daemon)"    in ~/.zshrc
  fish:  _EDGE_DAEMON_COMPLETE=fish_source edge-daemon | source    in ~/.config/fish/config.fish

\b
Exit codes: 0 success, 1 failure, 2 wrong usage, 69 a library is not installed, 78 wrong configuration.
"""


def main() -> NoReturn:
    """Run the command line and exit. An EdgeDaemonError is printed as one line; any other error with its traceback.

    Where the reader of the output has ended (a pipe into head) click exits quietly with code 1.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file may not be valid text
    try:
        sys.exit(cli.main(prog_name="edge-daemon", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except EdgeDaemonError as error:
        click.echo(log_setup.with_priority(str(error)), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        click.echo(f"{error.strerror}: the output, or a file, cannot be written", err=True)
        sys.exit(EXIT_FAILED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)


class Families(click.Group):
    """A click group that lists its commands by family."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Called by click for --help."""
        for title, names in FAMILIES.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(LONGEST)) for name in names])


@click.group(cls=Families, context_settings={"help_option_names": ["-h", "--help"]}, epilog=COMPLETION)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Point a camera at written numbers; get the numbers on MQTT."""


COMMANDS = {
    "Pictures you have": [pictures.read, pictures.replay],
    "The daemon": [setup.setup, daemon.run, daemon.print_config, daemon.check, daemon.explain, daemon.report],
    "Camera and fields": [preview.preview, camera.calibrate],
    "The broker": [broker.watch, broker.call, broker.schema, broker.mqtt],
    "Better reading": [preview.samples, preview.label, model.model, opinion.opinion],
    "This machine": [daemon.selftest, pictures.bench],
}
FAMILIES = {title: [str(command.name) for command in commands] for title, commands in COMMANDS.items()}
FAMILIES["The daemon"].insert(4, "doctor")
LONGEST = 64
"""Characters of a command's description in the list; a terminal line has 80."""

for command in itertools.chain(*COMMANDS.values()):
    cli.add_command(command)
cli.add_command(daemon.check, "doctor")
for command in [updates.join, updates.publish, updates.update]:
    model.model.add_command(command)

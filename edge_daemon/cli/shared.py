"""What several commands share: options, exit codes, and how they speak."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click

from edge_daemon.errors import ConfigError

T = TypeVar("T")
CLEAR_LINE = "\r\x1b[K"
EXIT_FAILED = 1
EXIT_CONFIG = ConfigError.exit_code

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),  # one that cannot be read: `config` tells, with its exit code
    metavar="FILE",
    help="Configuration (TOML). Without: the defaults.",
)
json_option = click.option("as_json", "--json", is_flag=True, help="One line of JSON each, for programs.")
sets_option = click.option(
    "--set",
    "sets",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="SET.npz|FOLDER",
    help="Also these crops must be read as before, beside digits that are drawn; as `model evaluate` takes them.",
)


def say(line: str | dict[str, Any]) -> None:
    """One line, at once, also into a pipe."""
    click.echo(line if isinstance(line, str) else json.dumps(line))
    sys.stdout.flush()


def complain(problem: object) -> None:
    """A line on stderr, where a progress bar may be standing."""
    click.echo((CLEAR_LINE if sys.stderr.isatty() else "") + str(problem), err=True)


def bar(found: Sequence[T], label: str) -> AbstractContextManager[Iterable[T]]:
    """`found`, with a bar on stderr where that is a terminal."""
    return click.progressbar(found, label=label, file=sys.stderr) if sys.stderr.isatty() else nullcontext(found)

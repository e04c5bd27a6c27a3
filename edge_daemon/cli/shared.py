"""Options, exit codes and output functions that several commands use."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_daemon.errors import ConfigError, EdgeDaemonError

if TYPE_CHECKING:
    from edge_daemon.check.finding import Finding

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
CLEAR_LINE = "\r\x1b[K"
"""Terminal codes: go to the start of the line and delete it."""
EXIT_FAILED = 1
EXIT_CONFIG = ConfigError.exit_code


def config_option_with(default: str) -> Callable[[F], F]:
    """The option --config of a command that takes `default` without it."""
    return click.option(
        "--config",
        # the configuration room reports an unreadable file, with its exit code
        type=click.Path(path_type=Path, readable=False),
        metavar="FILE",
        help=f"Configuration (TOML). Default: {default}.",
    )


config_option = config_option_with("the built-in defaults")
json_option = click.option("as_json", "--json", is_flag=True, help="Print JSON, one object a line.")
sets_option = click.option(
    "--set",
    "sets",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="SET.npz|FOLDER",
    help="More crops that must be read as well as before, as for `model evaluate`.",
)


def say(line: str | dict[str, Any]) -> None:
    """Print one line, at once, also into a pipe. A dict is printed as JSON.

    Raises EdgeDaemonError where the output is a file on a full disk; a pipe that is closed is left to click.
    """
    try:
        click.echo(line if isinstance(line, str) else json.dumps(line))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left over is not tried again at exit
        raise EdgeDaemonError(f"the output cannot be written: {error.strerror}") from None


def finding_line(finding: Finding, section: str = "") -> str:
    """A finding as one line, in colour: its level, `section`, what was found and the remedy."""
    colour = {"OK": "green", "WARN": "yellow", "FAIL": "red"}[finding.level]
    what = " ".join(filter(None, [finding.what + ("." if finding.remedy else ""), finding.remedy]))
    return f"{click.style(f'{finding.level:4}', fg=colour)}  {section}{what}"


def say_findings(findings: Iterable[Finding], width: int = 0) -> bool:
    """Print findings as they are made, with their sections in `width` columns. Whether none of them is a failure."""
    well = True
    for finding in findings:
        say(finding_line(finding, f"{finding.section:{width}}  " if width else ""))
        well = well and finding.level != "FAIL"
    return well


def complain(problem: object) -> None:
    """Print a line on stderr, over a progress bar that may be there."""
    click.echo((CLEAR_LINE if sys.stderr.isatty() else "") + str(problem), err=True)


def bar(found: Sequence[T], label: str) -> AbstractContextManager[Iterable[T]]:
    """`found`, with a progress bar on stderr where that is a terminal."""
    return click.progressbar(found, label=label, file=sys.stderr) if sys.stderr.isatty() else nullcontext(found)

"""The command setup: the guided way to a first reading, in the terminal, or with the answers in a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_daemon.cli.shared import EXIT_FAILED, complain, config_option, finding_line, say

if TYPE_CHECKING:
    from edge_daemon.check.finding import Finding
    from edge_daemon.setup.session import Session

BY_HAND = Path("edge-daemon.toml")
"""The configuration that is made where the service is not installed."""


@click.command()
@config_option
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Ask nothing: the answers stand in this file (TOML), as in a configuration.",
)
def setup(config: Path | None, answers: Path | None) -> None:
    """Go step by step from a camera to the first reading.

    Camera, aim, numbers, broker, Home Assistant, start, first reading: each step shows whether it worked. Ctrl-C loses
    nothing: started again, it goes on where it was left. Without a camera a simulated one draws numbers. Without
    --config it is the service's configuration, or edge-daemon.toml here where the service is not installed.

    \b
    An example of --answers; what is left out is found:
      [[field]]                        # the first number in the picture, in reading order
      name = "units"
      [mqtt]
      url = "mqtt://broker.example"
    """
    from edge_daemon.setup import answers as engine
    from edge_daemon.system import log_setup

    log_setup.setup(verbose=False)
    given = engine.read(answers) if answers else None
    session = _session(config)
    try:
        well = _report(engine.follow(session, given)) if given is not None else _converse(session)
    except (click.Abort, KeyboardInterrupt):
        complain("\nNothing is lost: `edge-daemon setup` goes on from here.")
        raise
    finally:
        session.close()
    if well:
        session.draft.discard()
    sys.exit(0 if well else EXIT_FAILED)


def _session(config: Path | None) -> Session:
    """A session with the rights that it needs. The process goes on as the service's user, if it is root's."""
    from edge_daemon.check import service
    from edge_daemon.setup.credential import credential_of
    from edge_daemon.setup.draft import write_new_or_old
    from edge_daemon.setup.launcher import ChildLauncher, ServiceLauncher, start_service
    from edge_daemon.setup.session import FOLDER, Rights, Session
    from edge_daemon.system import privileges
    from edge_daemon.system.credentials import CREDENTIALS
    from edge_daemon.system.folders import runtime_folders, state_folder

    of_service = CREDENTIALS / "config.toml"
    if config is None and CREDENTIALS.exists() and os.geteuid() != 0:
        raise click.UsageError(f"the service is installed here, with {of_service}: sudo edge-daemon setup")
    target = config or (of_service if of_service.exists() else BY_HAND)
    write = privileges.keep_writing(target.absolute()) if target.exists() else write_new_or_old
    password = credential_of(target)
    systemctl = privileges.keep(start_service)
    privileges.hand_over_credentials()
    privileges.become_service_user()
    if target.absolute() == of_service and service.is_installed():
        return Session(target, state_folder(), runtime_folders(), Rights(write, password, ServiceLauncher(systemctl)))
    launcher = ChildLauncher(target.absolute(), state_folder() / FOLDER / "daemon.log")
    return Session(target, state_folder(), runtime_folders(), Rights(write, password, launcher))


def _report(findings: Iterable[Finding]) -> bool:
    """Print findings as they are made. Whether none of them is a failure."""
    well = True
    for finding in findings:
        say(finding_line(finding, f"{finding.section:14}  "))
        well = well and finding.level != "FAIL"
    return well


def _converse(session: Session) -> bool:
    """All steps from the first that is not done, with questions in the terminal."""
    if not sys.stdin.isatty():
        raise click.UsageError("it asks questions: run it in a terminal, or give it --answers FILE")
    from edge_daemon.cli.questions import converse

    return converse(session)

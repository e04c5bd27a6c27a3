"""The command setup: the guided way to a first reading, on a page, in the terminal, or with the answers in a file."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_daemon.cli import page
from edge_daemon.cli.shared import EXIT_FAILED, complain, config_option_with, say, say_findings

if TYPE_CHECKING:
    from edge_daemon.setup.session import Session

KEPT = "Nothing is lost: `edge-daemon setup` goes on from here."
BY_HAND = Path("edge-daemon.toml")
"""The configuration that is made where the service is not installed."""
WIDEST = len("home assistant")
"""Characters of the longest name of a step."""


@click.command()
@config_option_with(f"that of the service, or {BY_HAND} here")
@click.option("--terminal", is_flag=True, help="Ask in this terminal, not on a page.")
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Ask nothing: the answers stand in this file (TOML), as in a configuration.",
)
@click.option(
    "--for", "how_long", metavar="TIME", default="2h", show_default=True, help="End the page after this time."
)
@page.listen_option
@page.port_option
def setup(config: Path | None, terminal: bool, answers: Path | None, how_long: str, host: str, port: int) -> None:
    """Go step by step from a camera to the first reading.

    Camera, aim, numbers, broker, Home Assistant, start, first reading: each step shows whether it worked. It is a page
    for a browser, or with --terminal the same questions here. Ctrl-C loses nothing: started again, it goes on where it
    was left. Without a camera a simulated one draws numbers.

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
    time_left = page.lasting(how_long)
    given = engine.read(answers) if answers else None
    session, sock = _session(config, lambda: None if terminal or answers else _listen(host, port))
    if given is None and sock is None and not sys.stdin.isatty():
        raise click.UsageError("it asks questions: run it in a terminal, or give it --answers FILE")
    try:
        if given is not None:
            is_complete = say_findings(engine.follow(session, given), WIDEST)
        elif sock is not None:
            is_complete = _serve(session, sock, host, time_left)
        else:
            from edge_daemon.cli.questions import converse

            converse(session)
            is_complete = True
    except (click.Abort, KeyboardInterrupt):
        complain(f"\n{KEPT}")
        raise
    finally:
        session.close()
    if is_complete:
        session.draft.discard()
    sys.exit(0 if is_complete or sock is not None else EXIT_FAILED)


def _listen(host: str, port: int) -> socket.socket | None:
    """The socket of the page; None where its packages are missing. Raises PreviewError."""
    try:
        from edge_daemon.preview import server
    except ModuleNotFoundError as error:
        complain(f"It asks here in the terminal: {page.needs_packages(error)}")
        return None
    return server.listen(host, port)


def _serve(session: Session, sock: socket.socket, host: str, time_left: page.Lasting) -> bool:
    """Serve the page. Whether a reading has arrived at the end."""
    from edge_daemon.preview import server
    from edge_daemon.setup.api import SetupApi
    from edge_daemon.setup.routes import extension

    api = SetupApi(session)
    say("In this terminal instead: edge-daemon setup --terminal")
    try:
        page.serve(
            lambda sessions, ends: server.application(session.api, sessions, ends, extension(api)),
            sock,
            host,
            time_left,
        )
    finally:
        api.close()
    say("The first reading has arrived: the setup is done." if api.is_complete else KEPT)
    return api.is_complete


def _session(config: Path | None, listen: Callable[[], socket.socket | None]) -> tuple[Session, socket.socket | None]:
    """A session with the rights that it needs, and what `listen` returns, called with the rights of the person.

    The process goes on as the service's user, if it is root's.
    """
    from edge_daemon.check import service
    from edge_daemon.setup.credential import credential_of
    from edge_daemon.setup.draft import write_new_or_old
    from edge_daemon.setup.launcher import ChildLauncher, Launcher, ServiceLauncher, start_service
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
    sock = listen()  # after the children are made, which have no part in it
    privileges.hand_over_credentials()
    privileges.become_service_user()
    launcher: Launcher = ChildLauncher(target.absolute(), state_folder() / FOLDER / "daemon.log")
    if target.absolute() == of_service and service.is_installed():
        launcher = ServiceLauncher(systemctl)
    return Session(target, state_folder(), runtime_folders(), Rights(write, password, launcher)), sock

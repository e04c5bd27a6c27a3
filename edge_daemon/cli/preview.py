"""What a person does with eyes and hands: preview, label, samples."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import click

from edge_daemon.cli.shared import config_option, say

PORT = 8642


@click.command()
@config_option
@click.option("--for", "how_long", metavar="TIME", default="30m", show_default=True, help="End after so long.")
@click.option(
    "--listen",
    "host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Where to be reached. Anything but 127.0.0.1 is open to the network, unencrypted.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: one that is free.")
def preview(config: Path | None, how_long: str, host: str, port: int) -> None:
    """Serve a page to aim the camera, draw fields and teach, for a while.

    It shows what the daemon on this machine sees; with the daemon stopped it opens the camera itself. The page saves
    fields into the file of --config. Only who opens the address that is printed gets in.
    """
    from edge_daemon import logs
    from edge_daemon.config import runtime_folders, state_folder
    from edge_daemon.preview import server
    from edge_daemon.preview.desk import Desk
    from edge_daemon.preview.guard import Guard
    from edge_daemon.units import seconds

    try:
        lasts = seconds(how_long)
        if not 0 < lasts <= 86_400:
            raise ValueError
    except ValueError:
        raise click.BadParameter(f'{how_long!r}: write a time up to a day, such as "30m"', param_hint="--for") from None
    logs.setup(verbose=False)
    desk = Desk(config, state_folder(), runtime_folders())
    sock = server.listen(host, port)
    address = f"{'[' + host + ']' if ':' in host else host}:{sock.getsockname()[1]}"
    guard = Guard(_announcer(address))
    if host not in ("127.0.0.1", "::1", "localhost"):
        say("Everybody on the network can read along, also this address: nothing is encrypted.")
    else:
        say(f"From another machine, first:  ssh -L {address.rsplit(':')[-1]}:{address} {_login()}")
    say(f"It ends by itself after {how_long}; Ctrl-C ends it now.")
    try:
        server.serve(server.application(desk, guard, time.monotonic() + lasts), sock, lasts)
    finally:
        desk.close()


def _announcer(address: str) -> Callable[[str], None]:
    """Prints where to go; after that, where a second browser may go."""
    first = True

    def announce(token: str) -> None:
        nonlocal first
        say(f"{'Open' if first else 'It is open. For another browser:'}  http://{address}/?token={token}")
        first = False

    return announce


def _login() -> str:
    """As ssh was told of this machine, if it was."""
    there = os.environ.get("SSH_CONNECTION", "").split()
    return f"{getpass.getuser()}@{there[2] if len(there) == 4 else socket.gethostname()}"

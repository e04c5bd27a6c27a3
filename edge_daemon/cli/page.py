"""Serves a page for a person at this machine or in its network: what the commands preview and setup share."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_daemon.cli.shared import say

if TYPE_CHECKING:
    from edge_daemon.preview.auth import Sessions

PORT = 8642
"""The default port of a page."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that other machines cannot reach."""
ANY = ("0.0.0.0", "::")
"""Addresses that stand for all of this machine."""
LONGEST = 86_400
"""Seconds for which a page may be served."""


Application = Callable[["Sessions", float], Any]
"""Makes a WSGI application from the sessions and the time (monotonic) at which it ends."""


class Lasting(NamedTuple):
    """How long a page is served."""

    text: str
    seconds: float


def lasting(text: str) -> Lasting:
    """The value of --for. Raises click.BadParameter."""
    from edge_daemon.system.units import seconds

    try:
        found = seconds(text)
        if not 0 < found <= LONGEST:
            raise ValueError
    except ValueError:
        raise click.BadParameter(f'{text!r}: write a time up to a day, such as "30m"', param_hint="--for") from None
    return Lasting(text, found)


def needs_packages(error: ModuleNotFoundError) -> str:
    """What to do where the packages of the page are missing."""
    return f"the page needs more packages ({error}): pip install 'edge-daemon[preview]'"


def serve(application: Application, sock: socket.socket, host: str, time_left: Lasting) -> None:
    """Serve a page until the time is over or Ctrl-C: over HTTP on this machine, over TLS to others.

    `sock` is bound to `host`.
    """
    from edge_daemon.preview import server
    from edge_daemon.preview.auth import Sessions

    port, ends = sock.getsockname()[1], time.monotonic() + time_left.seconds
    if host in LOOPBACK:
        say(f"From another machine, first:  ssh -L {port}:{_bracketed(host)}:{port} {_login()}")
        sessions = Sessions(_announcer(f"http://{_bracketed(host)}:{port}"))
        say(f"It ends after {time_left.text}; Ctrl-C ends it now.")
        server.serve(application(sessions, ends), sock, time_left.seconds)
        return
    from edge_daemon.preview import tls

    name = own_address() if host in ANY else host
    context, fingerprint = tls.certificate(name)
    say("The browser will not know the certificate: it was made now, for this page. Compare its SHA-256 fingerprint:")
    say(f"  {fingerprint}")
    sessions = Sessions(_announcer(f"https://{_bracketed(name)}:{port}"), is_secure=True)
    say(f"It ends after {time_left.text}; Ctrl-C ends it now.")
    inner = server.listen("127.0.0.1", 0)
    forwarder = tls.TlsForwarder(sock, context, inner.getsockname()[1])
    try:
        server.serve(application(sessions, ends), inner, time_left.seconds)
    finally:
        forwarder.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _announcer(base: str) -> Callable[[str], None]:
    """A function that prints the page's address; the first time for this browser, then for a second one."""
    first = True

    def announce(token: str) -> None:
        nonlocal first
        say(f"{'Open' if first else 'It is open. For another browser:'}  {base}/?token={token}")
        first = False

    return announce


def _login() -> str:
    """USER@HOST for ssh, with the address that an ssh session used, if there is one."""
    there = os.environ.get("SSH_CONNECTION", "").split()
    return f"{getpass.getuser()}@{there[2] if len(there) == 4 else socket.gethostname()}"


def own_address() -> str:
    """The address of this machine in its network; the host name where it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # an address for documentation: only the route to it is looked up
            return str(sock.getsockname()[0])
        except OSError:
            return socket.gethostname()


listen_option = click.option(
    "--listen",
    "host",
    metavar="ADDRESS",
    default=LOOPBACK[0],
    show_default=True,
    help="Address to listen on. All but 127.0.0.1 can be reached from the network; then it is served over TLS.",
)
port_option = click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free port."
)

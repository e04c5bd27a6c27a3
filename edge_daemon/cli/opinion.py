"""The command for second opinions, on the machine that gives them: opinion serve."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from edge_daemon.cli.broker import broker_address
from edge_daemon.cli.shared import config_option


@click.group()
def opinion() -> None:
    """Read uncertain numbers for other devices: opinion serve."""


@opinion.command()
@click.option("--broker", metavar="URL", help="mqtt://HOST:PORT. Default: the configured broker, or localhost.")
@click.option("--engine", type=click.Choice(["rapidocr"]), default="rapidocr", show_default=True, help="What reads.")
@config_option
def serve(broker: str | None, engine: str, config: Path | None) -> None:
    """Answer the requests of all devices on a broker.

    It runs until it is stopped (Ctrl-C, SIGTERM).

    A device sends requests if [opinion] per_day is set in its configuration. To serve more devices, start this on
    several machines: each request goes to one of them. The engine is the recogniser of RapidOCR, which the extra
    `opinion` installs.

    \b
    edge-daemon opinion serve --broker mqtts://broker.example
    """
    from edge_daemon.second_opinion.engine import LineReader
    from edge_daemon.second_opinion.server import serve as answer
    from edge_daemon.system import log_setup

    log_setup.setup(verbose=False)
    to, stop = broker_address(broker, config), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    answer(to, LineReader(), stop.is_set)

"""A new user in front of `edge-daemon setup --terminal`: how many answers, and how long, to the first reading?

Enter answers everything. A real mosquitto runs here, as after `apt install mosquitto`, and the simulated camera plays.
"""

from __future__ import annotations

import re
import socket
import tempfile
import time
from pathlib import Path

import click

from tests.support.brokers.mosquitto import started
from tests.support.setup import converse

PORT = 1883
"""Where the setup looks for a broker on this machine."""
QUESTIONS = ("Enter goes on", "Which of them matter", "its name", "Which broker", "name of this device", "Enter writes")
"""Words of the questions, in order. Of the numbers that are found the first is chosen, everything else is Enter."""


@click.command()
def main() -> None:
    """Print the answers and the seconds from the start of the setup to the first reading at the broker."""
    with socket.socket() as sock:
        if sock.connect_ex(("127.0.0.1", PORT)) == 0:
            raise click.ClickException(f"port {PORT} is in use: stop the broker there first")
    answers = [(question, "1\r" if question.startswith("Which of") else "\r") for question in QUESTIONS]
    with tempfile.TemporaryDirectory() as name, started(Path(name, "mosquitto"), port=PORT):
        began = time.monotonic()
        printed, code = converse(Path(name), answers)
        seconds = time.monotonic() - began
    received = re.search("the broker has accepted .*", printed)
    click.echo(received[0].strip() if received else printed)
    click.echo(f"1 command, {len(answers)} answers, {seconds:.0f} s")
    raise SystemExit(code)


if __name__ == "__main__":
    main(prog_name="scripts/campaign new-user")

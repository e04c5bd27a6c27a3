"""Measures how much is written to the disk, for each message and each day: it wears an SD card.

By default the outbox alone. Readings are put one by one and delivered at once, as with a reachable broker; or none is
delivered, as with an unreachable one. Counted are the bytes that this process writes to files (wchar of /proc/self/io),
without the file system's journal and without the write amplification of the card.

With --minutes: the whole daemon on a number that changes now and then; counted are pages sent to the disk.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import click

from edge_daemon.delivery.outbox import Outbox
from tests.campaigns import wear_daemon
from tests.campaigns.crash.worker import DEVICE
from tests.support.records import numbered_reading

A_DAY = {
    "one field, unchanged: a heartbeat each 10 minutes": 144,
    "a change each minute": 2 * 1_440,
    "a change each second": 2 * 86_400,
}
"""Situation -> messages a day; a change is a reading and an event."""


def written() -> int:
    """Bytes that this process has written since its start."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


def measure(folder: Path, messages: int, delivered: bool) -> float:
    """Bytes for each message."""
    with closing(Outbox(folder, DEVICE)) as outbox:
        before = written()
        for number in range(messages):
            outbox.put(numbered_reading(number))
            if delivered:
                outbox.done(outbox.readings(0))
    return (written() - before) / messages


def report(messages: int, folder: Path | None) -> Mapping[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="wear-", dir=folder) as name:
        here, away = (measure(Path(name, kind), messages, kind == "here") for kind in ("here", "away"))
    return {
        "messages": messages,
        "bytes_a_message": round(here),
        "bytes_a_message_broker_away": round(away),
        "megabytes_a_day": {what: round(count * here / 1e6, 1) for what, count in A_DAY.items()},
    }


@click.command(help=__doc__)
@click.option("--messages", default=2000, show_default=True, type=click.IntRange(10))
@click.option("--folder", type=click.Path(path_type=Path, exists=True), help="A folder on the disk to measure.")
@click.option("--minutes", type=click.FloatRange(min=0.1), help="Run the whole daemon for this time.")
@click.option("--every", default=60.0, show_default=True, help="With --minutes: seconds from one number to the next.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, for programs.")
def main(messages: int, folder: Path | None, minutes: float | None, every: float, as_json: bool) -> None:
    if minutes:
        with tempfile.TemporaryDirectory(prefix="wear-", dir=folder) as name:
            click.echo(json.dumps(wear_daemon.measure(Path(name), minutes, every)))
        sys.exit()
    found = report(messages, folder)
    if as_json:
        click.echo(json.dumps(found))
        sys.exit()
    here, away = found["bytes_a_message"], found["bytes_a_message_broker_away"]
    click.echo(f"{here} bytes a message, {away} with the broker away")
    a_day = found["megabytes_a_day"]
    assert isinstance(a_day, dict)
    for what, megabytes in a_day.items():
        click.echo(f"{megabytes:8} MB a day  {what}")


if __name__ == "__main__":
    main(prog_name="scripts/campaign wear")

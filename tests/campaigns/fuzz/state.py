"""Damaged files and folders below the state and the runtime folder, and a damaged configuration.

The daemon starts with them, reads, answers a request, and delivers what was stored before if its file was not damaged.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, get_args

from hypothesis import strategies as st

from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Message
from tests.campaigns.fuzz.campaign import Check, Target, Wrong
from tests.campaigns.fuzz.whole_daemon import WholeDaemon, configuration, running, write_picture, written
from tests.support.brokers.mosquitto import Recorder, started
from tests.support.received import Received, payloads, readings
from tests.support.records import reading
from tests.support.state_files import CONTENTS

Kind = Literal[
    "flipped", "cut", "empty", "garbage", "huge", "folder", "fifo", "socket",
    "link to nothing", "link to a folder", "link to itself", "link to /dev/zero", "gone",
]  # fmt: skip
NUMBER = "2021"
"""On the page that the daemon sees."""
STORED = ("00017", "00018")
"""Readings that waited for the broker before the damage."""
HUGE = 300_000_000
CONFIG = "edge.toml"
SPARED = ("page.png", "state")
"""What is never damaged. If the state folder itself is no folder, the daemon ends: that needs a person."""


@dataclass(frozen=True)
class Damage:
    """What became of one file or folder."""

    place: int
    """Which one, in order of their names; after the last one follows the first."""
    kind: Kind
    at: float
    """Where in the file, 0..1."""
    garbage: bytes


damages = st.builds(
    Damage, st.integers(0, 999), st.sampled_from(get_args(Kind)), st.floats(0, 1), st.binary(min_size=1, max_size=80)
)
cases = st.lists(damages, min_size=1, max_size=3)


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    """One daemon for each case; they share a broker."""
    numbers = count()
    with started(folder / "mosquitto") as broker, closing(Recorder(broker.port)) as recorder:

        def check(case: list[Damage]) -> float:
            place = folder / str(next(numbers))
            prepare(place, broker.url)
            found = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.name not in SPARED)
            hit = {found[damage.place % len(found)]: damage for damage in case}
            for name, damage in hit.items():
                spoil(place / name, damage)
            try:
                return judge(place, hit, recorder, len(recorder.heard))
            finally:
                shutil.rmtree(place)

        yield check


def prepare(place: Path, url: str) -> None:
    """The folders of a daemon that ran for some time, and lost power."""
    place.mkdir()
    write_picture(place / "page.png", written(NUMBER))
    config = configuration(place, url, f'path = "{place / "page.png"}"', "[opinion]\nper_day = 5\n")
    outbox = Outbox(place / "state", "bench")
    for text in STORED:
        outbox.put(reading(int(text), field="old"))
    outbox.close()
    for name, content in CONTENTS.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    (place / "state/last-good.toml").write_text(f"# The last configuration that ran, a copy of {config.resolve()}\n")
    with (place / "state/last-good.toml").open("a") as file:
        file.write(config.read_text())


def spoil(path: Path, damage: Damage) -> None:
    """Damages a file, or what is there becomes something else. A folder is only replaced."""
    if not path.is_symlink() and not path.exists():
        return  # in a folder that was replaced before
    content = path.read_bytes() if path.is_file() else b""
    at = round(damage.at * len(content))
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    match damage.kind:
        case "flipped":
            at = min(at, len(content) - 1)
            flipped = bytes(byte ^ mask for byte, mask in zip(content[at:], damage.garbage, strict=False))
            path.write_bytes(content[:at] + flipped + content[at + len(flipped) :])
        case "cut":
            path.write_bytes(content[:at])
        case "empty":
            path.touch()
        case "garbage":
            path.write_bytes(damage.garbage)
        case "huge":
            path.write_bytes(content)
            os.truncate(path, HUGE)
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as there:
                there.bind(str(path))
        case "link to nothing":
            path.symlink_to("nowhere/at/all")
        case "link to a folder":
            path.symlink_to("/tmp")
        case "link to itself":
            path.symlink_to(path.name)
        case "link to /dev/zero":
            path.symlink_to("/dev/zero")


def judge(place: Path, hit: dict[str, Damage], recorder: Recorder, before: int) -> float:
    """Starts the daemon; returns the seconds until it reads. Raises Fault."""

    def heard() -> Received:
        return recorder.heard[before:]

    with running(place, place / CONFIG) as daemon:
        if CONFIG in hit:
            return started_or_refused(daemon)
        seconds = daemon.wait_until(lambda: NUMBER in texts(heard()), "a reading")
        recorder.say(Message("edge_daemon/bench/request/health_check", b'{"transaction": 7}'))
        daemon.wait_until(lambda: payloads(heard(), "/response/health_check"), "an answer")
        if not any("outbox" in name or name == "state" for name in hit):
            daemon.wait_until(lambda: {*STORED} <= {*texts(heard())}, "a stored reading")
        daemon.stop()
    if others := {*texts(heard())} - {NUMBER, *STORED}:
        raise Wrong(f"readings {others} that nobody has stored")
    return seconds


def texts(heard: Received) -> list[str]:
    return [reading["text"] for reading in readings(heard)]


def started_or_refused(daemon: WholeDaemon) -> float:
    """A damaged configuration is refused, with the file's name, or the daemon starts with it or with the good copy."""
    seconds = daemon.wait_until(lambda: "reading with" in daemon.tail() or daemon.has_ended, "a start")
    if daemon.has_ended:
        text = daemon.refused()
        if CONFIG not in text:
            raise Wrong(f"the error does not name the file: {text}")
    else:
        daemon.stop()
    return seconds


TARGET = Target(cases, checking)

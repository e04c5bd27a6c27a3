"""A damaged file in the state or runtime folder never stops the daemon: each reader of one copes with any content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_daemon.commands.controls import ReadingSwitch
from edge_daemon.commands.transactions import Transactions
from edge_daemon.delivery.clock_steps import ClockSteps
from edge_daemon.delivery.delivered_log import DeliveredLog
from edge_daemon.domain import Entry
from edge_daemon.inference.edgetpu import EdgeTpu
from edge_daemon.model_store.store import Store
from edge_daemon.mqtt import home_assistant
from edge_daemon.mqtt.stale_topics import stale_topics
from edge_daemon.on_device import explain_log, frame_share
from edge_daemon.on_device.samples import Samples
from edge_daemon.second_opinion.budget import Budget
from edge_daemon.system import file_lock
from edge_daemon.system.crash_guard import CrashGuard
from edge_daemon.telemetry import exporters
from edge_daemon.updates import install
from tests.support.records import reading
from tests.support.state_files import CONTENTS


def stale(path: Path) -> list[str]:
    return stale_topics("dock3", path, ["tank"], False, [])


def opened_and_closed(guard: CrashGuard, folder: Path) -> None:
    """Read the files of a guard, and leave none of them open."""
    guard.open(folder)
    guard.close()


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "model that read last": ("state/models/reads", lambda f: Store(f).note_model("digits@0.5.0")),
    "active model": ("state/models/active", lambda f: Store(f).usable()),
    "deaths on probation": ("state/models/deaths", lambda f: Store(f).deaths()),
    "refused models": ("state/models/refused", lambda f: Store(f).refusals()),
    "Coral": ("state/edgetpu", lambda f: EdgeTpu(f, False)),
    "updates": (f"state/updates/{install.STATE_FILE}", install.load_state),
    "transactions": ("state/transactions", lambda f: "a" in Transactions(f / "transactions")),
    "clock steps": ("state/clock-steps", lambda f: ClockSteps(f / "clock-steps").since(1)),
    "budget": ("state/opinions.json", lambda f: Budget(f / "opinions.json", 9).spend()),
    "discovery": ("state/discovery.json", lambda f: home_assistant.load_owned(f / "discovery.json")),
    "published": ("state/published.json", lambda f: stale(f / "published.json")),
    "switch": ("state/disabled", lambda f: ReadingSwitch(f / "disabled").is_on),
    "frame": ("run/preview/frame", frame_share.newest_frame),
    "lock": ("run/preview/daemon", lambda f: frame_share.FrameShare(f).close()),
    "steps": ("run/steps/running", lambda f: opened_and_closed(CrashGuard(), f)),
    "deaths": ("run/steps/deaths", lambda f: opened_and_closed(CrashGuard(), f)),
    "explain log": ("run/explain/7.json", lambda f: explain_log.ReadingLog(f).on_record(8, reading())),
    "sample": ("state/samples/0-0.json", lambda f: list(Samples(f, 9, 9999).all())),
}
"""What the file is -> its path in CONTENTS, and the function that reads it in its folder."""


def damages(content: bytes) -> Iterator[bytes]:
    """Each bit flipped, cut at each byte, emptied, and garbage."""
    for place in range(len(content)):
        for bit in range(8):
            yield content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
        yield content[:place]
    yield from (b"", b"\0" * 100, b"\xff\xfe" * 50, b"[]", b"null", b'"\\ud800"')


@pytest.mark.parametrize("name", READERS)
def test_any_damage_to_a_state_file(tmp_path: Path, name: str) -> None:
    """Whatever became of it, reading it raises nothing."""
    path, read = READERS[name]
    file, content = Path(path).name, CONTENTS.get(path, b"")
    for damaged in (content, *damages(content)):
        for old in tmp_path.iterdir():
            if old.is_file():
                old.unlink()
        (tmp_path / file).write_bytes(damaged)
        read(tmp_path)


REPLACEMENTS: list[Callable[[Path], object]] = [
    Path.mkdir,
    os.mkfifo,
    lambda path: path.symlink_to("nowhere/at/all"),
    lambda path: path.symlink_to("/dev/zero"),
]
"""What may lie in place of a file."""


@pytest.mark.parametrize("name", READERS)
def test_something_else_in_place_of_a_state_file(tmp_path: Path, name: str) -> None:
    """A folder, a link that leads nowhere or has no end, a FIFO: nothing raises or waits."""
    path, read = READERS[name]
    for number, put in enumerate(REPLACEMENTS):
        (folder := tmp_path / str(number)).mkdir()
        put(folder / Path(path).name)
        read(folder)


def test_health_for_programs(tmp_path: Path) -> None:
    """Its readers are other processes: they get nothing from a damaged file."""
    for damaged in damages(b'{"frames": 7, "problems": {}}'):
        (tmp_path / exporters.FILE).write_bytes(damaged)
        exporters.read(tmp_path)


def test_a_locked_file_that_does_not_name_its_process(tmp_path: Path) -> None:
    """The daemon is there all the same."""
    with file_lock.locked(tmp_path / "daemon"):
        for damaged in damages(b"4711\n"):
            (tmp_path / "daemon").write_bytes(damaged)
            assert frame_share.daemon_pid(tmp_path) is not None


def test_delivered_readings_in_a_damaged_log(tmp_path: Path) -> None:
    """A flipped bit costs at most the reading it is in."""
    log = DeliveredLog(tmp_path, "dock3", 10**6, 1e9)
    log.add(Entry(number, f"dock3/00000001/{number}", True, reading(number)) for number in (1, 2))
    log.flush()
    [file] = tmp_path.glob("past-*.log")
    content = file.read_bytes()
    for damaged in damages(content[:200]):
        file.write_bytes(damaged + content[200:] if len(damaged) == 200 else damaged)
        found = [entry.seq for entry in DeliveredLog(tmp_path, "dock3", 10**6, 1e9).readings(0, 10)]
        assert {*found} <= {1, 2}
        if len(damaged) == 200:
            assert 2 in found

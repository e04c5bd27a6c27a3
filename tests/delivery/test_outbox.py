"""The durable queue: order, numbers, caps, and every kind of damage to its files."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_daemon.delivery.outbox import Outbox, OutboxOptions
from edge_daemon.domain import Entry, Event, Record
from edge_daemon.errors import OutboxError
from edge_daemon.system import clock
from tests.support.records import event, reading

DAY = 86_400.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def waiting(outbox: Outbox) -> list[Entry]:
    """All of it, in order."""
    return sorted(outbox.readings(0, limit=10**6) + outbox.events(0, limit=10**6), key=lambda entry: entry.seq)


def fill(folder: Path, count: int) -> dict[str, Record]:
    """Put records into a new outbox and leave it as a killed process would; id -> record."""
    outbox = Outbox(folder, "dock3")
    for number in range(count):
        record: Record = event(number) if number % 5 == 0 else reading(number, field=f"f{number % 3}")
        outbox.put(record)
    stored = {entry.id: entry.record for entry in waiting(outbox)}
    leave(outbox, folder)
    return stored


def leave(outbox: Outbox, folder: Path) -> None:
    """End without a clean stop: what is on disk stays as it is, the -wal included."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    outbox.close()
    shutil.rmtree(folder)
    copy.rename(folder)


def database(folder: Path) -> Path:
    return max(folder.glob("outbox-*.db"))


def test_first_in_first_out(folder: Path) -> None:
    """Records come back equal, in order, readings and events apart, each with its own id."""
    outbox = Outbox(folder, "dock3")
    put: list[Record] = [reading(1), event(2), reading(3, field="other"), event(4)]
    seqs = [outbox.put(record) for record in put]
    assert seqs == [1, 2, 3, 4]
    assert [entry.record for entry in waiting(outbox)] == put
    assert [entry.seq for entry in outbox.readings(0)] == [1, 3]
    assert [entry.seq for entry in outbox.readings(0, until=2)] == [1]
    assert [entry.seq for entry in outbox.events(2)] == [4]
    device, epoch, seq = outbox.events(2)[0].id.split("/")
    assert (device, int(epoch, 16) > 0, seq) == ("dock3", True, "4")
    assert outbox.waiting == 4
    outbox.close()


def test_everything_is_there_after_a_restart(folder: Path) -> None:
    """Records, ids and the order survive a clean stop."""
    outbox = Outbox(folder, "dock3")
    for number in range(20):
        outbox.put(reading(number))
    before = waiting(outbox)
    outbox.close()
    outbox = Outbox(folder, "dock3")
    assert waiting(outbox) == before
    assert (outbox.salvaged, outbox.lost, outbox.dropped) == (0, 0, 0)
    outbox.close()


def test_delivered_records_are_gone_for_good(folder: Path) -> None:
    """Delivered records are not returned again, now or after a restart."""
    outbox = Outbox(folder, "dock3")
    for number in range(10):
        outbox.put(reading(number))
    outbox.done(outbox.readings(0)[:4])
    assert [entry.seq for entry in outbox.readings(0)] == [5, 6, 7, 8, 9, 10]
    assert outbox.waiting == 6
    outbox.close()
    outbox = Outbox(folder, "dock3")
    assert [entry.seq for entry in outbox.readings(0)] == [5, 6, 7, 8, 9, 10]
    outbox.close()


def test_delivered_rows_leave_the_disk(folder: Path) -> None:
    """Delivered rows are deleted with later puts; only one marker for each lane stays."""
    outbox = Outbox(folder, "dock3")
    for number in range(600):
        outbox.put(reading(number, field=f"f{number % 2}"))
        outbox.done(outbox.readings(0))
    outbox.close()
    with sqlite3.connect(database(folder)) as db:
        assert db.execute("SELECT count(*) FROM row").fetchone() == (2,)
    db.close()


def test_numbers_never_go_back(folder: Path) -> None:
    """After everything was delivered and deleted, a restart continues the numbers, in the same epoch."""
    outbox = Outbox(folder, "dock3")
    for number in range(3):
        outbox.put(reading(number))
        outbox.put(event(number))
    epoch = outbox.readings(0)[0].id.split("/")[1]
    outbox.done(waiting(outbox))
    outbox.close()
    for expected in (7, 8):
        outbox = Outbox(folder, "dock3")
        assert outbox.waiting == 0
        assert outbox.put(reading(9)) == expected
        entries = outbox.readings(0)
        assert entries[0].id == f"dock3/{epoch}/{expected}"
        outbox.done(entries)
        outbox.close()


def test_numbers_never_go_back_when_the_log_is_lost(folder: Path) -> None:
    """A card that does not sync may lose SQLite's log: its numbers are not used again."""
    fill(folder, 30)
    outbox = Outbox(folder, "dock3")
    outbox.close()
    outbox = Outbox(folder, "dock3")
    told = [outbox.put(reading(number)) for number in range(5)]
    leave(outbox, folder)
    wal = database(folder).with_name(database(folder).name + "-wal")
    wal.write_bytes(b"")
    outbox = Outbox(folder, "dock3")
    assert outbox.put(reading(1)) > max(told)
    outbox.close()


def test_newest_of_each_field(folder: Path) -> None:
    """`newest` is the last waiting reading of each field, up to the given number."""
    outbox = Outbox(folder, "dock3")
    for number in range(1, 7):
        outbox.put(reading(number, field="ab"[number % 2]))
    assert [entry.seq for entry in outbox.newest(until=6)] == [5, 6]
    assert [entry.seq for entry in outbox.newest(until=4)] == [3, 4]
    outbox.close()


@pytest.mark.parametrize("restart", [False, True])
def test_an_old_reading_is_never_the_newest(folder: Path, restart: bool) -> None:
    """When the newest of a field was delivered before older ones, none of those becomes the newest."""
    outbox = Outbox(folder, "dock3")
    for number in range(4):
        outbox.put(reading(number))
    outbox.done(outbox.newest(until=4))
    if restart:
        outbox.close()
        outbox = Outbox(folder, "dock3")
    assert [entry.seq for entry in outbox.readings(0)] == [1, 2, 3]
    assert outbox.newest(until=outbox.last) == []
    outbox.put(reading(9))
    assert [entry.record for entry in outbox.newest(until=outbox.last)] == [reading(9)]
    outbox.close()


def test_refused_records_are_counted(folder: Path) -> None:
    """Records that the broker refuses leave the queue and are counted separately."""
    outbox = Outbox(folder, "dock3")
    outbox.put(reading(1))
    outbox.reject(outbox.readings(0))
    assert (outbox.waiting, outbox.refused, outbox.dropped) == (0, 1, 0)
    outbox.close()


def test_cap(folder: Path) -> None:
    """Above `max_size` the oldest readings are dropped, events stay, the disk is bounded, every drop is counted."""
    outbox = Outbox(folder, "dock3", OutboxOptions(max_size=100_000))
    total = 500
    for number in range(total):
        outbox.put(event(number) if number % 50 == 0 else reading(number))
    left = waiting(outbox)
    assert outbox.dropped == total - len(left) > 0
    assert len(outbox.events(0)) == 10
    numbers = [entry.seq for entry in outbox.readings(0, limit=total)]
    assert numbers[-1] == total
    assert len(numbers) > 60
    assert numbers == [seq for seq in range(numbers[0], total + 1) if (seq - 1) % 50]
    outbox.close()
    assert database(folder).stat().st_size < 130_000


def test_cap_with_events_only(folder: Path) -> None:
    """If there are only events, the oldest are dropped; the newest record always stays."""
    outbox = Outbox(folder, "dock3", OutboxOptions(max_size=1_000))
    for number in range(20):
        outbox.put(event(number))
    assert [entry.record for entry in waiting(outbox)] == [event(19)]
    assert outbox.dropped == 19
    outbox.close()


def test_age(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records older than `max_age` are dropped and counted, but only those put when the clock was right."""
    clocks = Clocks(folder)
    outbox = clocks.open()
    monkeypatch.setattr(clock, "is_synced", lambda: False)
    outbox.put(reading(1))  # in 1970, as a Pi without a clock believes
    monkeypatch.setattr(clock, "is_synced", lambda: True)
    clocks.wall = 20_000 * DAY
    outbox.put(reading(2))
    outbox = clocks.restart(outbox)
    clocks.run(outbox, 32)
    assert [entry.record for entry in waiting(outbox)] == [reading(1)] + [reading(9)] * 31
    assert outbox.dropped == 2
    outbox.close()


class Clocks:
    """The wall clock and the running clock, in seconds, for an outbox that keeps records for 30 days."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.wall, self.mono = 0.0, 5.0

    def open(self) -> Outbox:
        options = OutboxOptions(max_age=30 * DAY)
        return Outbox(self._folder, "dock3", options, now=lambda: self.wall, mono=lambda: self.mono)

    def restart(self, outbox: Outbox) -> Outbox:
        outbox.close()
        self.mono = 5.0
        return self.open()

    def run(self, outbox: Outbox, days: int) -> None:
        """A record a day."""
        for _ in range(days):
            self.wall += DAY
            self.mono += DAY
            outbox._cap._age_check_due = 0.0
            outbox.put(reading(9))


@pytest.mark.parametrize("step", [10 * 365, 31, -365])
@pytest.mark.parametrize("restart", [False, True])
def test_clock_step(folder: Path, monkeypatch: pytest.MonkeyPatch, step: int, restart: bool) -> None:
    """A step of the clock by years makes no waiting record too old, now or later; only running time counts."""
    monkeypatch.setattr(clock, "is_synced", lambda: True)
    clocks = Clocks(folder)
    clocks.wall = 20_000 * DAY
    outbox = clocks.open()
    for number in range(5):
        outbox.put(reading(number))
    clocks.wall += step * DAY
    if restart:
        outbox = clocks.restart(outbox)
    clocks.run(outbox, 20)
    outbox = clocks.restart(outbox)
    clocks.run(outbox, 9)
    assert [entry.record for entry in waiting(outbox)][:5] == [reading(number) for number in range(5)]
    assert outbox.dropped == 0
    clocks.run(outbox, 5)
    assert reading(0) not in [entry.record for entry in waiting(outbox)]
    outbox.close()


def test_one_daemon_a_folder(folder: Path) -> None:
    """A second daemon is refused, with the pid of the first; when the first has ended it can start."""
    first = Outbox(folder, "dock3")
    with pytest.raises(OutboxError, match=f"in use by another daemon .pid {os.getpid()}."):
        Outbox(folder, "dock3")
    first.close()
    Outbox(folder, "dock3").close()


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    """A file in place of the folder is an OutboxError that names it."""
    (tmp_path / "state").write_text("")
    with pytest.raises(OutboxError, match="state"):
        Outbox(tmp_path / "state", "dock3")


def test_record_of_another_version(folder: Path) -> None:
    """A record that is intact but no longer understood is dropped and counted; the others are delivered."""
    outbox = Outbox(folder, "dock3")
    outbox.put(reading(1, status="of_another_version"))
    outbox.put(reading(2))
    assert [entry.record for entry in waiting(outbox)] == [reading(2)]
    assert (outbox.lost, outbox.waiting) == (1, 1)
    outbox.close()


def test_put_calls_back(folder: Path) -> None:
    """`on_put` is called for each record."""
    outbox = Outbox(folder, "dock3")
    rung: list[bool] = []
    outbox.on_put = lambda: rung.append(True)
    outbox.put(reading(1))
    assert rung == [True]
    outbox.close()


# Damage


def check_salvage(folder: Path, stored: dict[str, Record]) -> Outbox:
    """It starts, and each record that it returns is the one that was stored under that id."""
    outbox = Outbox(folder, "dock3")
    for entry in waiting(outbox):
        assert stored[entry.id] == entry.record
    assert outbox.put(reading(77)) > 0
    assert all(entry.id not in stored for entry in waiting(outbox)[-1:])
    return outbox


def test_killed_process(folder: Path) -> None:
    """Without a clean stop nothing is damaged: same epoch, nothing salvaged, all records there."""
    stored = fill(folder, 40)
    outbox = check_salvage(folder, stored)
    assert (outbox.salvaged, outbox.lost, outbox.waiting) == (0, 0, 41)
    outbox.close()


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "killed"])
def test_flipped_bytes(folder: Path, clean: bool) -> None:
    """A flipped byte anywhere: it starts, no payload is wrong, and at most the row it hit is lost."""
    stored = fill(folder, 40)
    if clean:
        Outbox(folder, "dock3").close()
    pristine = folder.with_name("pristine")
    shutil.copytree(folder, pristine)
    dice = random.Random(7)
    damaged = 0
    for _ in range(60):
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
        target = dice.choice([path for path in folder.glob("outbox-*.db*") if path.suffix != ".db-shm"])
        data = bytearray(target.read_bytes())
        data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        target.write_bytes(data)
        outbox = check_salvage(folder, stored)
        assert outbox.waiting >= 40  # of 40, and the one that check_salvage puts
        damaged += outbox.salvaged > 0
        outbox.close()
    assert damaged or not clean  # the dice did hit something


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "killed"])
def test_truncated_at_many_lengths(folder: Path, clean: bool) -> None:
    """Truncated anywhere: it starts, no payload is wrong, and no number is used twice."""
    stored = fill(folder, 40)
    if clean:
        Outbox(folder, "dock3").close()
    pristine = folder.with_name("pristine")
    shutil.copytree(folder, pristine)
    name = database(folder).name + ("" if clean else "-wal")
    whole = (pristine / name).read_bytes()
    for length in [0, 1, 15, 16, 99, 100, 511, 512, *range(1000, len(whole), len(whole) // 40)]:
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
        (folder / name).write_bytes(whole[:length])
        check_salvage(folder, stored).close()


def test_each_destroyed_record_in_the_log_is_counted(folder: Path) -> None:
    """One byte of one record, or of its mark or number, is changed in SQLite's log: each other record is there, and the
    loss is counted and told, also when its number is unknown."""
    stored = fill(folder, 30)
    pristine = folder.with_name("pristine")
    shutil.copytree(folder, pristine)
    name = database(folder).name + "-wal"
    whole = (pristine / name).read_bytes()
    rows = [(at, int.from_bytes(whole[at + 12 : at + 20], "big")) for at in _each(whole, b"\xedROW")]
    for number in range(1, 31):
        for byte in (0, 19, 60):  # in the mark, the number, the record
            shutil.rmtree(folder)
            shutil.copytree(pristine, folder)
            data = bytearray(whole)
            for at, seq in rows:  # each later change writes the page again
                data[at + byte] ^= 0x40 * (seq == number)
            (folder / name).write_bytes(data)
            outbox = Outbox(folder, "dock3")
            missing = stored.keys() - {entry.id for entry in waiting(outbox)}
            assert outbox.damaged
            assert len(missing) <= outbox.lost <= 2, (number, byte)
            assert outbox.lost >= 1, (number, byte)
            outbox.close()


def _each(data: bytes, part: bytes) -> Iterator[int]:
    at = data.find(part)
    while at >= 0:
        yield at
        at = data.find(part, at + 1)


def test_a_kill_is_no_damage(folder: Path) -> None:
    """After a kill, also in the middle of a write, nothing is counted or told."""
    fill(folder, 30)
    pristine = folder.with_name("pristine")
    shutil.copytree(folder, pristine)
    name = database(folder).name + "-wal"
    whole = (pristine / name).read_bytes()
    for cut in (0, 1, 100, 1000, 2000, 3000):
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
        (folder / name).write_bytes(whole[: len(whole) - cut])
        outbox = Outbox(folder, "dock3")
        assert (outbox.damaged, outbox.lost, outbox.salvaged) == (False, 0, 0)
        outbox.close()


def test_damage_raises_the_epoch_and_is_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After damage: a new epoch, the old ids kept, the loss counted and logged, the old file moved aside."""
    stored = fill(folder, 40)
    Outbox(folder, "dock3").close()
    damaged = database(folder)
    data = damaged.read_bytes()
    hit = data.index(b'"text":"00017"')
    damaged.write_bytes(data[:hit] + b"!" + data[hit + 1 :])
    outbox = Outbox(folder, "dock3")
    assert (outbox.salvaged, outbox.lost) == (39, 1)
    assert "salvaged 39 records; 1 that are damaged are in" in caplog.text
    assert {entry.id for entry in waiting(outbox)} < set(stored)
    outbox.put(reading(1))
    new = waiting(outbox)[-1].id.split("/")
    assert int(new[1], 16) > int(damaged.stem[-8:], 16)
    assert int(new[2]) == 41
    assert damaged.with_suffix(".damaged").exists()
    assert not damaged.exists()
    outbox.close()
    outbox = Outbox(folder, "dock3")
    assert (outbox.salvaged, outbox.waiting) == (0, 40)
    outbox.close()


def test_lane_that_is_not_utf8(folder: Path) -> None:
    """A byte flipped in a text column, which Python refuses to decode, is damage like any other."""
    stored = fill(folder, 40)
    Outbox(folder, "dock3").close()
    path = database(folder)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"f1\xedROW", b"\xff1\xedROW", 1))  # the lane column stands before the body
    assert path.read_bytes() != data
    outbox = check_salvage(folder, stored)
    assert (outbox.salvaged, outbox.lost) == (40, 0)
    outbox.close()


def test_schema_that_is_not_utf8(folder: Path) -> None:
    """A byte flipped in the schema's text, which SQLite quotes in its error, is damage like any other."""
    stored = fill(folder, 10)
    Outbox(folder, "dock3").close()
    pristine = folder.with_name("pristine")
    folder.rename(pristine)
    data = database(pristine).read_bytes()
    start = data.index(b"CREATE TABLE")
    for place in range(start, start + 180, 3):
        shutil.copytree(pristine, folder)
        hurt = bytearray(data)
        hurt[place] = 0xD7
        database(folder).write_bytes(hurt)
        outbox = check_salvage(folder, stored)
        assert outbox.waiting == 11
        outbox.close()
        shutil.rmtree(folder)


def test_delivered_records_stay_delivered_after_damage(folder: Path) -> None:
    """Salvaging does not bring back delivered and deleted records."""
    outbox = Outbox(folder, "dock3")
    for number in range(100):
        outbox.put(reading(number))
    outbox.done(outbox.readings(0, limit=90))
    outbox.close()
    path = database(folder)
    data = bytearray(path.read_bytes())
    data[24:28] = b"\xff\xff\xff\xff"
    data[100] = 0xFF  # the root of everything: SQLite reads nothing now
    path.write_bytes(data)
    outbox = Outbox(folder, "dock3")
    assert [entry.seq for entry in outbox.readings(0)] == list(range(91, 101))
    assert outbox.salvaged == 10
    outbox.close()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("what", ["fifo", "folder", "link to nothing", "link to itself"])
def test_no_file_in_its_place(folder: Path, suffix: str, what: str) -> None:
    """In place of the file, or of one of those that SQLite opens beside it: it starts, and nothing waits for ever."""
    fill(folder, 3)
    path = database(folder)
    place = path.with_name(path.name + suffix)
    place.unlink(missing_ok=True)
    match what:
        case "fifo":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case _:
            place.symlink_to("nowhere" if what == "link to nothing" else place.name)
    for _ in range(2):
        outbox = Outbox(folder, "dock3")
        assert not outbox.trouble
        assert outbox.put(reading(1)) > 0
        outbox.close()


@pytest.mark.parametrize("what", ["garbage", "empty", "folder", "html"])
def test_something_else_in_its_place(folder: Path, what: str) -> None:
    """Anything in place of the file: it starts with a higher epoch."""
    fill(folder, 3)
    path = database(folder)
    for leftover in folder.glob("outbox-*"):
        leftover.unlink()
    if what == "folder":
        path.mkdir()
    else:
        path.write_bytes({"garbage": os.urandom(9000), "empty": b"", "html": b"<!doctype html>" * 400}[what])
    outbox = Outbox(folder, "dock3")
    assert outbox.put(reading(1)) > 0
    assert outbox.readings(0)[0].id.split("/")[1] > path.stem[-8:]
    outbox.close()


def test_power_cut_while_salvaging(folder: Path) -> None:
    """If the salvage itself is cut short, both files are there and the next start completes it."""
    stored = fill(folder, 40)
    old = database(folder)
    epoch = int(old.stem[-8:], 16) + 1
    half = Outbox(folder.with_name("other"), "dock3")
    half.close()
    database(folder.with_name("other")).rename(folder / f"outbox-{epoch:08x}.db")
    outbox = check_salvage(folder, stored)
    assert outbox.salvaged == 40
    assert not old.exists()
    outbox.close()


def test_damage_while_running(folder: Path) -> None:
    """A row that is damaged while the daemon runs is never returned: it is an OutboxError."""
    outbox = Outbox(folder, "dock3")
    outbox.put(reading(1))
    with outbox._file.db as db:  # nobody else can: the daemon holds the file
        db.execute("UPDATE row SET body = CAST(substr(body, 1, 60) || x'00' || substr(body, 62) AS BLOB)")
    with pytest.raises(OutboxError, match="row 1 is damaged"):
        outbox.readings(0)
    outbox.close()


WRITER = """
import sys
from pathlib import Path
from edge_daemon.delivery.outbox import Outbox
from tests.support.records import reading
outbox = Outbox(Path(sys.argv[1]), "dock3")
for number in range(10**9):
    print(outbox.put(reading(number)), flush=True)
    if number % 7 == 6:
        outbox.done(outbox.readings(0)[:3])
"""


def test_sigkill_loses_nothing(folder: Path) -> None:
    """A writer killed at random: every record whose put returned is there, except for delivered ones."""
    last = 0
    for wait_for in (1, 30, 100):
        command = [sys.executable, "-c", WRITER, str(folder)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(wait_for)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.wait()
        writer.stdout.close()
        assert told[0] > last
        last = told[-1]
        outbox = Outbox(folder, "dock3")
        found = {entry.seq for entry in outbox.readings(0, limit=10**6)}
        oldest = min(found)
        assert {seq for seq in told if seq >= oldest} <= found
        assert len([seq for seq in told if seq < oldest]) <= 3 * len(told) // 7
        assert (outbox.salvaged, outbox.lost) == (0, 0)
        outbox.close()


def test_what_was_accepted_last_survives(folder: Path) -> None:
    """Delivered and deleted, killed and started again: the last accepted reading of each field is known."""
    outbox = Outbox(folder, "dock3")
    for value in (7, 8):
        outbox.put(reading(value, field="a"))
    outbox.put(reading(5, field="b"))
    outbox.put(reading(field="c", text=None))
    outbox.put(reading(1, field="auto-1"))
    outbox.put(reading(1, field="auto-1", gone=True))
    outbox.done(waiting(outbox))
    outbox.close()
    again = Outbox(folder, "dock3")
    assert [(r.field, r.value) for r in again.accepted()] == [("a", 8), ("b", 5)]
    assert waiting(again) == []
    again.close()


def test_a_file_of_an_older_version_is_taken_over(folder: Path) -> None:
    """A file without the table of accepted readings is intact, and gets the table."""
    fill(folder, 3)
    [path] = folder.glob("outbox-*.db")
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE accepted")
    db.close()
    outbox = Outbox(folder, "dock3")
    assert (len(waiting(outbox)), outbox.accepted(), outbox.salvaged) == (3, [], 0)
    outbox.close()


def test_a_file_of_an_older_version_with_larger_pages(folder: Path) -> None:
    """It keeps its pages, and loses the index that each put had to write as well."""
    fill(folder, 3)
    with closing(sqlite3.connect(database(folder))) as db:
        db.executescript(
            "PRAGMA journal_mode=DELETE; PRAGMA page_size=4096; VACUUM;CREATE INDEX event ON row (seq) WHERE lane = '';"
        )
    outbox = Outbox(folder, "dock3")
    outbox.put(event())
    assert (len(waiting(outbox)), outbox.salvaged) == (4, 0)
    outbox.close()
    with closing(sqlite3.connect(database(folder))) as db:
        assert db.execute("PRAGMA page_size").fetchone() == (4096,)
        assert db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND name = 'event'").fetchall() == []


def test_events_are_found_behind_thousands_of_readings(folder: Path) -> None:
    """Also after a query that found none, one that began after a waiting event, and a new connection."""
    with closing(Outbox(folder, "dock3")) as outbox:
        outbox.put(reading(1))
        assert outbox.events(0) == []
        outbox.put_all([event(2), reading(3)])
        assert outbox.events(2) == []
        assert [entry.seq for entry in outbox.events(0)] == [2]


def test_what_was_accepted_is_salvaged_with_the_rest(folder: Path) -> None:
    """A damaged file: the last accepted readings are copied, and not sent again."""
    outbox = Outbox(folder, "dock3")
    outbox.put(reading(8, field="a"))
    outbox.done(waiting(outbox))
    outbox.put(event())
    outbox.close()
    [path] = folder.glob("outbox-*.db")
    data = bytearray(path.read_bytes())
    at = data.find(b"reading_changed")
    data[at] ^= 1
    path.write_bytes(data)
    again = Outbox(folder, "dock3")
    assert [r.value for r in again.accepted()] == [8]
    assert list(again.readings(0)) == []
    again.close()


def test_several_at_once(tmp_path: Path) -> None:
    """They are stored in order, all or none: if the disk does not take them, memory holds all."""
    with closing(Outbox(tmp_path, "dock3")) as box:
        assert box.put_all([]) == []
        assert box.put_all([reading(1), event(), reading(2)]) == [1, 2, 3]
    with closing(Outbox(tmp_path, "dock3")) as box:
        assert [entry.seq for entry in box.readings(0) + box.events(0)] == [1, 3, 2]
        box._file.db.execute("PRAGMA max_page_count = 1")  # as if the disk were full: the file cannot grow
        large = reading(4, candidates=(("4" * 20_000, 0.9),))
        first, second = box.put_all([reading(3), large])
        assert box.trouble
        assert [entry.seq for entry in box.readings(3)] == [first, second]


def test_text_that_is_not_unicode(folder: Path) -> None:
    """A file name that is not UTF-8, in an event, is stored without those bytes."""
    outbox = Outbox(folder, "dock3")
    outbox.put(Event("camera_problem", None, 1.5, {"text": "caf\udce9.jpg: truncated"}))
    (entry,) = outbox.events(0)
    assert isinstance(entry.record, Event)
    assert entry.record.detail == {"text": "caf?.jpg: truncated"}
    outbox.close()


@pytest.mark.parametrize("now", [-5.0, 0.0, 2.0**32 + 7, 2.0**40])
def test_a_first_start_with_any_clock(folder: Path, now: float) -> None:
    """Before 1970, or after 2106, when the seconds do not fit into 32 bits: it opens, and opens again."""
    for _ in range(2):
        outbox = Outbox(folder, "dock3", now=lambda: now)
        outbox.put(reading())
        assert not outbox.volatile
        outbox.close()
    assert len(list(folder.glob("outbox-" + "[0-9a-f]" * 8 + ".db"))) == 1

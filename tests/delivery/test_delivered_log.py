"""Delivered readings are stored for a while, and sent again on request."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edge_daemon.delivery import delivered_log
from edge_daemon.delivery.delivered_log import FILES, DeliveredLog
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Entry
from edge_daemon.system import regular_file
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.delivery import delivering, wait_until_connected
from tests.support.records import event, reading


def entry(seq: int, epoch: int = 1) -> Entry:
    return Entry(seq, f"dock3/{epoch:08x}/{seq}", True, reading(seq))


def seqs(kept: DeliveredLog, from_seq: int = 0, limit: int = 10_000) -> list[int]:
    return [found.seq for found in kept.readings(from_seq, limit)]


def test_each_once_in_order(tmp_path: Path) -> None:
    """In whatever order they were delivered; events are not stored; a new process continues the log."""
    kept = DeliveredLog(tmp_path, "dock3", 10**6, 1e9)
    for number in (3, 1, 2, 3, 5):
        kept.add([entry(number), Entry(number + 100, f"dock3/00000001/{number + 100}", True, event())])
    assert (seqs(kept), list(tmp_path.iterdir())) == ([1, 2, 3, 5], []), "a few are not written yet"
    kept.flush()
    again = DeliveredLog(tmp_path, "dock3", 10**6, 1e9)
    assert (seqs(again), seqs(again, 2), seqs(again, 2, limit=2)) == ([1, 2, 3, 5], [2, 3, 5], [2, 3])
    assert again.readings(5, 1) == [entry(5)]


def test_bounded(tmp_path: Path) -> None:
    """The oldest are removed, by size and by age."""
    kept = DeliveredLog(tmp_path, "dock3", 80_000, 100.0)
    for number in range(1000):
        kept.add([entry(number)])
    kept.flush()
    files = sorted(tmp_path.iterdir())
    assert len(files) == FILES
    assert sum(path.stat().st_size for path in files) <= 80_000
    found = seqs(kept)
    assert found == list(range(found[0], 1000))
    assert 50 < len(found) < 500
    os.utime(files[0], (0, 0))
    assert seqs(kept)[0] > found[0]


def test_damage_and_a_disk_that_refuses(tmp_path: Path) -> None:
    """Damaged rows are skipped; if nothing can be stored, nothing is, and that stops nothing."""
    kept = DeliveredLog(tmp_path, "dock3", 10**6, 1e9)
    for number in range(3):
        kept.add([entry(number)])
    kept.flush()
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert seqs(kept) == [0, 2]
    nowhere = DeliveredLog(tmp_path / "nowhere", "dock3", 10**6, 1e9)
    nowhere.add([entry(1)])
    nowhere.flush()
    assert delivered_log.DeliveredLog(tmp_path / "nowhere", "dock3", 10**6, 1e9).readings(0, 9) == []


def test_sent_again_on_history(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """With their ids; new readings are not delayed, and the outbox does not grow."""
    outbox = Outbox(tmp_path / "state", "dock3")
    with delivering(outbox, broker.url) as delivery:
        wait_until_connected(recorder)
        for number in range(5):
            outbox.put(reading(number))
            recorder.wait_for(lambda _: recorder.count("/units") == outbox.last)
        first = recorder.payloads("/units")
        delivery.courier.replay(outbox.delivered(first[1]["seq"], 3))
        outbox.put(reading(9))
        recorder.wait_for(lambda _: recorder.count("/history") == 3 and recorder.count("/units") == 6)
    again = recorder.payloads("/history")
    assert [said["id"] for said in again] == [said["id"] for said in first[1:4]]
    assert all(said["replayed"] and said["field"] == "units" for said in again)
    assert outbox.waiting == 0
    outbox.close()


def test_files_without_the_readings_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once their numbers are known, only the files that hold what is asked for are read; the newest may grow."""
    kept = DeliveredLog(tmp_path, "dock3", 80_000, 1e9)
    for number in range(1, 150):
        kept.add([entry(number)])
    first = seqs(kept)[0]
    read: list[str] = []

    def note(path: Path) -> bytes:
        read.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr(regular_file, "read", note)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert seqs(kept, first, 3) == [first, first + 1, first + 2]
    assert read == files[:1]
    read.clear()
    kept.add([entry(number) for number in range(150, 170)])
    kept.flush()
    assert seqs(kept, 165) == [165, 166, 167, 168, 169]
    assert set(read) <= {*files[-1:], *(path.name for path in tmp_path.iterdir() if path.name > files[-1])}


def test_read_while_it_is_written(tmp_path: Path) -> None:
    """A reader in another thread finds everything that was delivered before it began."""
    kept = DeliveredLog(tmp_path, "dock3", 10**7, 1e9)
    done = 0

    def write() -> None:
        nonlocal done
        for number in range(1, 2000):
            kept.add([entry(number)])
            done = number

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        known = done
        assert set(range(1, known + 1)) <= set(seqs(kept))
    thread.join()

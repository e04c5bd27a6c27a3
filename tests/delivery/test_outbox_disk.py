"""A full or read-only disk stops nothing: records are delivered from memory, and the disk gets the rest later."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.delivery import outbox as module
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.errors import OutboxError
from tests.support.disks import on_small_disk
from tests.support.records import event, reading


def test_disk_full_while_running(tmp_path: Path) -> None:
    """Records are delivered in order from memory; when there is room they are stored, and the next process has them."""
    on_small_disk(
        tmp_path / "disk",
        """
        outbox = Outbox(state, "dock3")
        for number in range(5):
            outbox.put(reading(number))
        fill()
        for number in range(5, 25):
            outbox.put(reading(number, field="ab"[number % 2]))
            outbox.put(event(number))
        assert "full" in outbox.trouble, outbox.trouble
        assert outbox.waiting == 45
        assert values(outbox.readings(0)) == list(range(25))
        assert values(outbox.newest(outbox.last)) == [4, 23, 24]
        assert [entry.record.detail["number"] for entry in outbox.events(0)] == list(range(5, 25))
        outbox.done(outbox.readings(0)[:10])
        assert outbox.waiting == 35
        outbox.put(reading(25))
        assert outbox.waiting == 36
        assert values(outbox.readings(0)) == list(range(10, 26))
        clear()
        outbox.put(reading(26))
        assert outbox.trouble == ""
        assert outbox.waiting == 37
        last = outbox.last
        outbox.close()
        again = Outbox(state, "dock3")
        assert values(again.readings(0)) == list(range(10, 27))
        assert again.waiting == 37
        assert again.put(reading(1)) > last
        assert (again.salvaged, again.lost) == (0, 0)
        """,
    )


def test_what_was_accepted_on_a_full_disk(tmp_path: Path) -> None:
    """It is stored when there is room, also if its reading was delivered from memory in the meantime."""
    on_small_disk(
        tmp_path / "disk",
        """
        outbox = Outbox(state, "dock3")
        outbox.put(reading(1, field="a"))
        outbox.put(reading(1, field="auto-1"))
        fill()
        outbox.put(reading(2, field="a"))
        outbox.put(reading(1, field="auto-1", gone=True))
        assert outbox.trouble
        outbox.done(outbox.readings(0))
        clear()
        outbox.put(event(3))
        assert not outbox.trouble
        outbox.close()
        assert [(r.field, r.value) for r in Outbox(state, "dock3").accepted()] == [("a", 2)]
        """,
    )


def test_nothing_old_is_the_newest_after_a_full_disk(tmp_path: Path) -> None:
    """A kill loses which records were delivered from memory: those on disk are older, and go to history."""
    on_small_disk(
        tmp_path / "disk",
        """
        import os
        outbox = Outbox(state, "dock3")
        for field in "ab":
            outbox.put(reading(1, field=field))
        assert values(outbox.newest(outbox.last)) == [1, 1]
        fill()
        outbox.put(reading(2, field="a"))
        outbox.done(outbox.newest(outbox.last)[1:])
        outbox._file.db.close()
        os.close(outbox._lock_file)  # killed
        clear()
        again = Outbox(state, "dock3")
        assert again.newest(again.last) == []
        assert values(again.readings(0)) == [1, 1]
        again._file.db.close()
        os.close(again._lock_file)
        once_more = Outbox(state, "dock3")
        assert once_more.newest(once_more.last) == []
        once_more.put(reading(3, field="a"))
        assert values(once_more.newest(once_more.last)) == [3]
        assert len({entry.seq for entry in once_more.readings(0)}) == 3
        """,
    )


def test_disk_full_for_long(tmp_path: Path) -> None:
    """Memory is bounded: delivered records are removed, then the oldest others, which are counted."""
    on_small_disk(
        tmp_path / "disk",
        """
        outbox = Outbox(state, "dock3")
        fill()
        for number in range(3000):
            outbox.put(reading(number))
            if number < 1500:
                outbox.done(outbox.readings(0))
                assert outbox.waiting == 0, number
        assert (outbox.waiting, outbox.dropped) == (1000, 500)
        assert values(outbox.readings(0, limit=5000)) == list(range(2000, 3000))
        assert len(outbox._done) < 300
        outbox.close()
        """,
    )


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_start_on_a_disk_that_takes_nothing(tmp_path: Path, how: str) -> None:
    """It starts in memory, and requests a restart when the disk is usable and nothing would be lost."""
    on_small_disk(
        tmp_path / "disk",
        f"""
        from edge_daemon.delivery import outbox as module
        before = Outbox(state, "dock3")
        before.put(reading(1))
        before.close()
        fill() if {how!r} == "full" else remount("ro")
        outbox = Outbox(state, "dock3")
        assert outbox.volatile and outbox.trouble, outbox.trouble
        assert [r.value for r in outbox.accepted()] == [1]
        outbox.put(reading(2))
        assert values(outbox.readings(0)) == [2]
        (entry,) = outbox.readings(0)
        assert entry.seq > 1 and entry.id.split("/")[1] > "f"
        module._CHECK_AGAIN = 0.0
        assert not outbox.recovered()
        outbox.done(outbox.readings(0))
        assert not outbox.recovered()
        clear() if {how!r} == "full" else remount("rw")
        assert outbox.recovered()
        outbox.close()
        after = Outbox(state, "dock3")
        assert values(after.readings(0)) == [1]
        assert not after.trouble
        """,
    )


def test_a_folder_of_another_kind_is_for_a_person(tmp_path: Path) -> None:
    """A file in its place, or missing permission, is an error at the start; only disks are waited for."""
    (tmp_path / "state").write_text("")
    with pytest.raises(OutboxError, match="state"):
        Outbox(tmp_path / "state", "dock3")


def test_a_good_disk_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good disk requests no restart."""
    monkeypatch.setattr(module, "_CHECK_AGAIN", 0.0)
    outbox = Outbox(tmp_path, "dock3")
    outbox.put(reading(1))
    outbox.put(event(1))
    assert (outbox.trouble, outbox.volatile, outbox.recovered()) == ("", False, False)
    outbox.close()

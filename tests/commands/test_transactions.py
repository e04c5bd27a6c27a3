"""Requests are remembered for ten minutes, across a restart, also with a damaged file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.commands import transactions
from edge_daemon.commands.transactions import MAX_COUNT, REMEMBERED, Transactions
from edge_daemon.system import atomic


def test_remembered_across_a_restart(tmp_path: Path) -> None:
    """A new process knows which requests were answered and which were only begun."""
    first = Transactions(tmp_path / "t")
    assert "a" not in first
    first.begin("a")
    first.finish("a", "done")
    first.begin("b")
    second = Transactions(tmp_path / "t")
    assert second.answer("a") == "done"
    assert "b" in second
    assert second.answer("b") is None


def test_forgotten_after_ten_minutes(tmp_path: Path) -> None:
    """Counted from the request; for those of an earlier process, from the start."""
    time = 0.0
    known = Transactions(tmp_path / "t", now=lambda: time)
    known.begin("a")
    time = REMEMBERED - 1
    assert "a" in known
    later = Transactions(tmp_path / "t", now=lambda: time)
    time = REMEMBERED
    assert "a" not in known
    assert "a" in later
    time = 2 * REMEMBERED
    assert "a" not in later


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-7],
        lambda data: data + b'{"key": "c", "ans',
        lambda data: b"\xff\xfe" + data,
        lambda data: data + bytes(1000),
        lambda data: data + b'\n{"key": 3}\n[]\n',
    ],
)
def test_damage(tmp_path: Path, damage: object) -> None:
    """A truncated file, or one with garbage, loses at most the damaged line, and can be continued."""
    path = tmp_path / "t"
    first = Transactions(path)
    for key in "ab":
        first.begin(key)
        first.finish(key, "done")
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    second = Transactions(path)
    assert second.answer("a") == "done"
    assert "b" in second
    second.begin("d")
    assert "d" in Transactions(path)


def test_disk_that_refuses(tmp_path: Path) -> None:
    """If the disk takes nothing, `begin` raises, so that nothing is carried out; the start does not."""
    (tmp_path / "t").mkdir()
    known = Transactions(tmp_path / "t")
    with pytest.raises(OSError, match=r"."):
        known.begin("a")
    assert "a" not in known


def test_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and file are bounded; the newest are kept."""
    monkeypatch.setattr(transactions, "SMALLEST_FILE", 2000)
    monkeypatch.setattr(transactions, "MAX_COUNT", 20)
    known = Transactions(tmp_path / "t")
    for number in range(300):
        known.begin(f"key-{number}")
    assert (tmp_path / "t").stat().st_size < 3000
    assert "key-299" in Transactions(tmp_path / "t")
    assert "key-200" not in known
    assert MAX_COUNT > 1200  # what the rate limit lets through in ten minutes


def test_many_long_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many long answers the newest are kept, and that the others were given; the file is appended to, and written
    anew only when it has doubled."""
    written = 0
    write = atomic.write

    def count(path: Path, data: bytes) -> None:
        nonlocal written
        written += len(data)
        write(path, data)

    monkeypatch.setattr(atomic, "write", count)
    known = Transactions(tmp_path / "t")
    for number in range(1500):
        known.begin(f"key-{number}")
        known.finish(f"key-{number}", "x" * 1200)
    assert written < 1500 * 1300
    assert (tmp_path / "t").stat().st_size < 1_000_000
    for memory in (known, Transactions(tmp_path / "t")):
        assert memory.answer("key-1499") == "x" * 1200
        assert "key-0" in memory
        assert memory.answer("key-0") is None


def test_answer_on_a_full_disk(tmp_path: Path) -> None:
    """If the answer cannot be stored, it is known until the next start."""
    known = Transactions(tmp_path / "t")
    known.begin("a")
    (tmp_path / "t").unlink()
    (tmp_path / "t").mkdir()
    with pytest.raises(OSError, match=r"."):
        known.finish("a", "done")
    assert known.answer("a") == "done"

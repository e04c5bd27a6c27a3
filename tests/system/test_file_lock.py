"""A lock for one process at a time, with the id of that process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge_daemon.system import file_lock

HOLD = """
import sys, time
from pathlib import Path
from edge_daemon.system import file_lock
file_lock.acquire(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(60)
"""


def test_another_process_has_it(tmp_path: Path) -> None:
    """It is refused while that process lives, and its holder is known; a kill releases it."""
    path = tmp_path / "lock"
    assert file_lock.holder(path) is None
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError):
            file_lock.acquire(path)
        assert file_lock.holder(path) == other.pid
        other.kill()
    assert file_lock.holder(path) is None
    os.close(file_lock.acquire(path))


@pytest.mark.parametrize("kind", ["link to nothing", "link to itself", "link to a file", "socket", "folder", "fifo"])
def test_something_else_in_its_place(tmp_path: Path, kind: str) -> None:
    """It is replaced and locked; what a link leads to is not touched. A folder with something in it stays."""
    path = tmp_path / "lock"
    (tmp_path / "file").write_text("mine")
    match kind:
        case "socket":
            with socket.socket(socket.AF_UNIX) as there:
                there.bind(str(path))
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case _:
            path.symlink_to({"nothing": "nowhere", "itself": "lock", "file": "file"}[kind.rpartition(" ")[2]])
    with file_lock.locked(path, wait=False):
        assert (tmp_path / "file").read_text() == "mine"
        if kind != "fifo":
            assert file_lock.holder(path) == os.getpid()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    with pytest.raises(OSError, match="not empty"):
        file_lock.acquire(tmp_path / "other")


def test_a_link_has_no_holder(tmp_path: Path) -> None:
    """What it leads to is not read."""
    (tmp_path / "lock").symlink_to("shadow")
    with pytest.raises(OSError, match="symbolic links"):
        file_lock.holder(tmp_path / "lock")


def test_within_a_block(tmp_path: Path) -> None:
    """It is released at the end of the block."""
    with file_lock.locked(tmp_path / "lock"):
        assert file_lock.holder(tmp_path / "lock") == os.getpid()
    assert file_lock.holder(tmp_path / "lock") is None


@pytest.mark.parametrize("text", [b"", b"-1\n", b"abc", b"\xff\xfe"])
def test_a_file_that_does_not_say_who_has_it(tmp_path: Path, text: bytes) -> None:
    """Only digits are a process id."""
    with file_lock.locked(tmp_path / "lock"):
        (tmp_path / "lock").write_bytes(text)
        assert file_lock.holder(tmp_path / "lock") == 0


def test_a_process_of_another_user_is_not_believed(tmp_path: Path) -> None:
    """The file's owner can write any number into it, and the process with that number would get a signal."""
    path = tmp_path / "lock"
    with file_lock.locked(path):
        path.write_text("1\n" if os.geteuid() else f"{os.getpid()}\n")
        if os.geteuid() == 0:
            os.chown(path, 64321, 64321)
        assert file_lock.holder(path) == 0

"""The program's own files are read and extended only where they are files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_daemon.system import regular_file


def test_a_file_is_extended_and_read(tmp_path: Path) -> None:
    """It is made where it is missing; a link to a file is the file."""
    (tmp_path / "link").symlink_to("file")
    regular_file.append(tmp_path / "file", b"1")
    regular_file.append(tmp_path / "link", b"2", sync=True)
    assert regular_file.read(tmp_path / "link") == b"12"


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_anything_else_is_an_error(tmp_path: Path, put: object) -> None:
    """At once: a FIFO would wait for its other end, a device has no end."""
    put(tmp_path / "there")  # type: ignore[operator]
    with pytest.raises(OSError, match=r"directory|regular"):
        regular_file.read(tmp_path / "there")
    with pytest.raises(OSError, match=r"directory|regular|No such device"):
        regular_file.append(tmp_path / "there", b"1")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    """Its size alone is looked at: it may be larger than the memory."""
    (tmp_path / "file").touch()
    os.truncate(tmp_path / "file", 2**40)
    with pytest.raises(OSError, match="large"):
        regular_file.read(tmp_path / "file")

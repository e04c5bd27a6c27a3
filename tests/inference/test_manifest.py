"""A manifest, and the files that it names: whatever they are, they are refused with a reason and at once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from edge_daemon.errors import ModelError
from edge_daemon.inference.manifest import Manifest, ModelFile, decode, read_file


@pytest.mark.parametrize("content", [b"", b"{}", b'{"name": "\xff"}', b"[" * 10_000, b'{"name": "\\ud800"}'])
def test_a_manifest_of_any_content(tmp_path: Path, content: bytes) -> None:
    """Also bytes that are no UTF-8."""
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(ModelError, match="not a model manifest"):
        decode(tmp_path / "m.json", Manifest)


def test_a_fifo_or_a_device_in_place_of_a_file(tmp_path: Path) -> None:
    """To read it would never end."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("fifo", "zero"):
        with pytest.raises(ModelError):
            decode(tmp_path / name, Manifest)
        with pytest.raises(ModelError):
            read_file(tmp_path, ModelFile(name, "", 0))


@pytest.mark.parametrize("name", ["../x", "a\0b", "a\nb", ""])
def test_names_of_files_that_are_none(tmp_path: Path, name: str) -> None:
    """A folder, or what no file is called."""
    with pytest.raises(ModelError):
        read_file(tmp_path, ModelFile(name, "", 0))


def test_the_length_counts(tmp_path: Path) -> None:
    """A length below 0 would let a model through that is larger than the limit."""
    (tmp_path / "x").write_bytes(b"abc")
    right = hashlib.sha256(b"abc").hexdigest()
    assert read_file(tmp_path, ModelFile("x", right, 3)) == b"abc"
    with pytest.raises(ModelError, match="damaged"):
        read_file(tmp_path, ModelFile("x", right, -(10**9)))

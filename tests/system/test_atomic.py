"""Files are replaced as a whole, and never through a link that somebody else has made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_daemon.system import atomic

WRITERS: dict[str, tuple[Callable[[Path, bytes], None], str]] = {
    "replace_unsynced": (atomic.replace_unsynced, ".frame.new"),
    "write_synced": (atomic.write_synced, "frame"),
}
"""What writes a file -> the function, and the name that it creates."""


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", ["symlink_to", "hardlink_to"])
def test_a_planted_link_is_not_followed(tmp_path: Path, writer: str, kind: str) -> None:
    """The file that the link leads to keeps its content and mode; the new file is one of its own."""
    write, name = WRITERS[writer]
    victim = tmp_path / "shadow"
    victim.write_bytes(b"root's")
    victim.chmod(0o600)
    getattr(tmp_path / name, kind)(victim)
    write(tmp_path / "frame", b"picture")
    assert (victim.read_bytes(), victim.stat().st_mode & 0o777) == (b"root's", 0o600)
    assert (tmp_path / "frame").read_bytes() == b"picture"
    assert not (tmp_path / "frame").is_symlink()


def test_what_a_crash_left_is_replaced(tmp_path: Path) -> None:
    """A file that was half written stands in nobody's way."""
    (tmp_path / ".frame.new").write_bytes(b"half")
    atomic.replace_unsynced(tmp_path / "frame", b"whole", mode=0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["frame"]
    assert (tmp_path / "frame").stat().st_mode & 0o777 == 0o640

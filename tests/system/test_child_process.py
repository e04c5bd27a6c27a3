"""A function in a child process: the child imports what its parent does, wherever it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.system.child_process import call


def test_the_current_folder_is_not_imported_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the same name in the folder where a command is typed, as in another checkout, is not used."""
    planted = tmp_path / "edge_daemon"
    planted.mkdir()
    for module in (planted / "__init__.py", tmp_path / "json.py"):
        module.write_text("raise SystemExit('planted')\n")
    monkeypatch.chdir(tmp_path)
    assert call("os:getcwd") == str(tmp_path)


def test_where_memory_runs_out_the_child_is_killed_first() -> None:
    """The kernel prefers it to the daemon, which stays what it was."""
    before = Path("/proc/self/oom_score_adj").read_text()
    assert call("tests.support.hostile_code:oom_score") == "1000"
    assert Path("/proc/self/oom_score_adj").read_text() == before

"""The daemon's folders, and who may read what is in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_daemon.system.folders import SERVICE_STATE, state_folders

WRITE = (
    "from edge_daemon.system import folders; folders.keep_private(); open('file', 'w'); import os; os.mkdir('folder')"
)


@pytest.mark.parametrize(("given", "file", "folder"), [({}, 0o600, 0o700), ({"STATE_DIRECTORY": "x"}, 0o640, 0o750)])
def test_state_is_private(tmp_path: Path, given: dict[str, str], file: int, folder: int) -> None:
    """Run by hand, what the daemon writes is for its user alone; in the service, the unit's UMask= counts."""
    env = {name: value for name, value in os.environ.items() if name != "STATE_DIRECTORY"} | given
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", WRITE], cwd=tmp_path, env=env, umask=0o027, check=True)
    assert (tmp_path / "file").stat().st_mode & 0o777 == file
    assert (tmp_path / "folder").stat().st_mode & 0o777 == folder


@pytest.mark.parametrize("user", [0, 1000])
def test_each_state_folder_is_searched_once(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """A person's own folder and then the service's; for root both are one."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    own = [Path.home() / ".local/state/edge-daemon"] if user else []
    assert state_folders() == [*own, SERVICE_STATE]

"""Whenever an update is killed, the old or the new model is active, and the next update goes through."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.model_publisher import ModelPublisher
from tests.support.models import model
from tests.support.webserver import serving


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_at_every_step(states: dict[str, ModelPublisher], tmp_path: Path) -> None:
    """SIGKILL before every chunk, fsync, rename, link and removal, twice in a row; then once to the end."""
    model(tmp_path, "9.4.0")
    owner = states["second"]
    with serving(owner.public) as web:
        command = [sys.executable, "-m", "tests.campaigns.killed_updates", str(tmp_path), web.url, str(owner.root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    killed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed) >= 40
    kinds = {said["killed"].split()[0] for said in killed}
    assert kinds >= {"chunk", "fsync", "replace", "rename", "unlink", "rmdir"}
    for said in killed:
        assert set(said["active"][:2]) <= {"9.4.0", "9.5.0"}, said
        assert (said["active"][2], said["trouble"], said["why"], said["left"]) == ("9.5.0", "", "", []), said
    # before the pointer is renamed it is the old one, after it the new one
    first = [said["active"][0] for said in killed]
    assert first == sorted(first)
    assert set(first) == {"9.4.0", "9.5.0"}

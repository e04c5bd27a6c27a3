"""The units in systemd/ are sound, shut in, and the two of them are one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
CAMERAS = ("edge-daemon.service", "edge-daemon@.service")
UNITS = (*CAMERAS, "edge-daemon-opinion.service")
EXPOSURE = 1.5
"""Of 10: what systemd-analyze may find exposed at most."""

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_units_are_understood(name: str, tmp_path: Path) -> None:
    """systemd knows every key and value, and says nothing; the program, which is not here, is another one."""
    text = (SYSTEMD / name).read_text()
    unit = tmp_path / name
    unit.write_text(re.sub("^(ExecSt[a-zA-Z]+)=.*", r"\1=/bin/true", text, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_units_are_shut_in(name: str) -> None:
    """What systemd finds exposed stays below the threshold."""
    limit = f"--threshold={EXPOSURE * 10:.0f}"
    command = ["systemd-analyze", "security", "--no-pager", "--offline=yes", limit, str(SYSTEMD / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_both_units_are_the_same() -> None:
    """The unit for several cameras differs in nothing but the names of its files and folders."""
    one, several = ((SYSTEMD / name).read_text() for name in CAMERAS)
    one = one.replace("with a camera,", "with the camera %i,").replace("/config.toml", "/%i.toml")
    one = one.replace("Directory=edge-daemon\n", "Directory=edge-daemon-%i\n").replace("/mqtt-", "/%i.mqtt-")
    assert one == several


@pytest.mark.parametrize("name", UNITS)
def test_a_hungry_child_does_not_stop_the_service(name: str) -> None:
    """Where MemoryMax= is reached the kernel kills one process; systemd does not stop the others."""
    lines = (SYSTEMD / name).read_text().splitlines()
    assert any(line.startswith("MemoryMax=") for line in lines)
    assert "OOMPolicy=continue" in lines


@pytest.mark.parametrize("name", UNITS)
def test_it_never_gives_up(name: str) -> None:
    """Whatever ends the service, systemd starts it again, for ever.

    Only a wrong configuration, and an engine of second opinions that is not installed, waits for a person.
    """
    lines, waits = (SYSTEMD / name).read_text().splitlines(), "78" if name in CAMERAS else "69 78"
    assert {"Restart=always", "StartLimitIntervalSec=0", f"RestartPreventExitStatus={waits}"} <= set(lines)
    assert name not in CAMERAS or {"Type=notify", "TimeoutStartSec=300"} <= set(lines)

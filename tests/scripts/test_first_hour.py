"""scripts/install/first-hour: a new version is confirmed, or the one before is used again. systemd is a script here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD, NEW = "0.1.0-aaaaaaaa-py3.11", "0.2.0-bbbbbbbb-py3.11"


class Machine:
    """Two installed versions, and a systemctl that writes down what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.opt = folder, folder / "opt"
        self.invocation = "0123"
        for version in (OLD, NEW):
            place = self.opt / "versions" / version
            (place / "systemd").mkdir(parents=True)
            (place / "complete").touch()
            (place / "systemd/edge-daemon.service").write_text(f"# {version}\n")
            (place / "systemd/60-edge-daemon-coral.rules").touch()
            (place / "scripts").mkdir()
            (place / "scripts/install").symlink_to(self._scripts())
        (self.opt / "current").symlink_to(f"versions/{NEW}")
        (self.opt / "before").write_text(f"{OLD}\n")
        tools = folder / "tools"
        tools.mkdir()
        for name, script in {
            "systemctl": f"""echo "$@" >> {folder}/asked
            case "$*" in
                *InvocationID*) cat {folder}/invocation ;;
                list-units*) echo "edge-daemon.service loaded"; echo "edge-daemon@dock.service loaded" ;;
            esac""",
            "systemd-run": f'echo systemd-run "$@" >> {folder}/asked',
        }.items():
            (tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (tools / name).chmod(0o755)

    def _scripts(self) -> Path:
        """The scripts, with this machine's folders in place of the system's."""
        place = self.folder / "install"
        if not place.exists():
            place.mkdir()
            for script in (ROOT / "scripts/install").iterdir():
                if script.is_file():
                    text = script.read_text().replace("opt=/opt/edge-daemon", f"opt={self.opt}")
                    text = text.replace("/usr/local", f"{self.folder}/usr").replace("/run/edge", f"{self.folder}/edge")
                    text = text.replace("[ -d /run/systemd/system ]", "true")
                    (place / script.name).write_text(text)
                    (place / script.name).chmod(0o755)
            (self.folder / "usr/bin").mkdir(parents=True)
        return place

    def tells(self, event: str, *more: str, unit: str = "edge-daemon.service", **env: str) -> str:
        """systemd calls first-hour. Returns what goes to the journal."""
        command = [str(self.opt / "current/scripts/install/first-hour"), event, unit, *more]
        path = f"{self.folder}/tools:{os.environ['PATH']}"
        done = subprocess.run(
            command, umask=0o027, env={"PATH": path, "INVOCATION_ID": self.invocation} | env,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stderr

    def dies(self, unit: str = "edge-daemon.service", result: str = "signal", status: str = "KILL") -> str:
        return self.tells("ended", unit=unit, SERVICE_RESULT=result, EXIT_STATUS=status)

    @property
    def current(self) -> str:
        return (self.opt / "current").resolve().name

    def asked(self) -> str:
        path = self.folder / "asked"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_third_death_returns_to_the_version_before(machine: Machine) -> None:
    """Program and units are those of the old version again, other services are restarted; it is noted and logged."""
    assert "1 of 3" in machine.dies()
    assert "2 of 3" in machine.dies()
    assert machine.current == NEW
    assert f"{NEW} is given up: {OLD} is used again" in machine.dies()
    assert machine.current == OLD
    units = machine.folder / "usr/lib/systemd/system"
    assert (units / "edge-daemon.service").read_text() == f"# {OLD}\n"
    assert machine.asked().splitlines()[-3:] == [
        "daemon-reload",
        "list-units --plain --no-legend --state=active,activating,reloading edge-daemon.service edge-daemon@*.service"
        " edge-daemon-opinion.service",
        "--no-block try-restart edge-daemon@dock.service",
    ]
    assert (machine.opt / "undone").read_text().split()[0] == NEW
    assert (machine.opt / "undone").stat().st_mode & 0o777 == 0o644  # whatever the unit's UMask= is
    assert not (machine.opt / "before").exists()
    assert machine.dies() == ""  # the old one has no version before it


def test_deaths_are_counted_for_each_service(machine: Machine) -> None:
    """Two services that die once or twice each are no reason."""
    for unit in ("edge-daemon.service", "edge-daemon@dock.service", "edge-daemon.service", "edge-daemon@dock.service"):
        machine.dies(unit)
    assert machine.current == NEW


@pytest.mark.parametrize(
    ("result", "status"), [("success", "0"), ("success", "TERM"), ("exit-code", "78"), ("exit-code", "69")]
)
def test_a_stop_and_a_wrong_configuration_are_no_deaths(machine: Machine, result: str, status: str) -> None:
    """A person may stop the service, write a wrong configuration, and not install an engine, as often as they like."""
    for _ in range(5):
        assert machine.dies(result=result, status=status) == ""
    assert machine.current == NEW


def test_it_is_confirmed_by_a_service_that_has_kept_running(machine: Machine) -> None:
    """A timer is set at the start; when it ends the same run of the service must be there. Then no death counts."""
    machine.tells("started")
    assert "--on-active=3600" in machine.asked()
    assert f"over edge-daemon.service {machine.invocation}" in machine.asked()
    machine.dies()
    (machine.folder / "invocation").write_text("another\n")
    assert machine.tells("over", machine.invocation) == ""
    assert (machine.opt / "before").exists()
    (machine.folder / "invocation").write_text(f"{machine.invocation}\n")
    assert f"{NEW} is confirmed" in machine.tells("over", machine.invocation)
    for _ in range(4):
        assert machine.dies() == ""
    assert machine.current == NEW


def test_after_a_power_cut_it_goes_on_counting(machine: Machine) -> None:
    """Deaths are on the disk. Cut off after the link was replaced, the version before stays."""
    machine.dies()
    machine.dies()
    assert (machine.opt / "deaths").read_text() == "edge-daemon.service\n" * 2
    (machine.opt / "current").unlink()
    (machine.opt / "current").symlink_to(f"versions/{OLD}")  # and `before` is still there
    assert machine.dies() == ""
    assert machine.current == OLD


def test_a_version_that_is_not_there_any_more(machine: Machine) -> None:
    """Somebody has removed it: the new one stays, whatever it does."""
    (machine.opt / "versions" / OLD / "complete").unlink()
    machine.dies()
    machine.dies()
    assert "is not there any more" in machine.dies()
    assert machine.current == NEW


def test_the_hour_can_be_shortened(machine: Machine) -> None:
    """By an environment variable in a drop-in, to try it out."""
    machine.tells("started", EDGE_DAEMON_FIRST_HOUR="90")
    assert "--on-active=90" in machine.asked()

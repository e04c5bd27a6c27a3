"""The service in a rig: its folders, configuration and installer, and its readings at the broker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from scripts.rigs.machine import Broker, Failed, expect, output, run, until

HOME = Path("/root")
BASE = HOME / "base"
"""The source tree of the bundle."""
OPT = Path("/opt/edge-daemon")
CONFIG = Path("/etc/edge-daemon/config.toml")
STATE = Path("/var/lib/edge-daemon")
UNIT = "edge-daemon"
EMULATED = Path("/proc/device-tree").exists() or output("systemd-detect-virt") == "qemu"
SLOW = 8 if EMULATED else 1 + int(os.getloadavg()[0] / (os.cpu_count() or 1))
"""Factor of all waiting times; larger if the processor is emulated, or busy with other things."""
CHANGING = "/proc /sys /dev /run /tmp /share /root /var/tmp /var/log /var/cache /var/lib/apt /var/lib/dpkg"
CHANGING += " /var/lib/mosquitto"
"""Folders that change in normal use of a machine, and by the rig's own broker."""

broker = Broker()


SIMULATED = """source = "simulated"
hold = 4.0
surface = "paper"
numbers = 1
"""


def configuration(extra: str = "", camera: str = SIMULATED) -> str:
    return f"""
[device]
id = "rig"
[camera]
{camera}
[[field]]
name = "units"
region = [0.0, 0.0, 1.0, 1.0]
[mqtt]
url = "mqtt://127.0.0.1:{broker.port}"
username = "cam"
password_file = "mqtt-password"
longest_wait = "2s"
{extra}
"""


def configured(camera: str) -> None:
    """Replaces [camera] in the service's configuration."""
    CONFIG.write_text(configuration(camera=camera))


def keep_password() -> Path:
    """Writes the broker's password so that only root can read it."""
    password = CONFIG.with_name("mqtt-password")
    password.write_text("secret\n")
    password.chmod(0o600)
    return password


def installer(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a command and prints its output."""
    done = run(*map(str, command), check=False)
    print("".join(f"      {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="", flush=True)
    return done


def install(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the installer of a source tree."""
    return installer(tree / "scripts/install.sh", *options)


def tree(name: str, version: str, spoil: Callable[[Path], None] = lambda _: None) -> Path:
    """A source tree of another version, damaged if asked for."""
    copy = HOME / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(BASE, copy)
    (copy / "edge_daemon/__init__.py").write_text(f'__version__ = "{version}"\n')
    spoil(copy)
    return copy


def current() -> str:
    return (OPT / "current").resolve().name.split("-")[0]


def listing() -> set[str]:
    """All files and folders except those that change in normal use of a machine."""
    skip = [word for place in CHANGING.split() for word in ("-path", place, "-prune", "-o")]
    found = set(output("find", "/", *skip, "-print").splitlines())
    return {path for path in found if "__pycache__" not in path}


def readings_come() -> None:
    seen = len(broker.readings())
    until(lambda: len(broker.readings()) > seen, 40 * SLOW, "a new reading")


def nothing_is_lost() -> None:
    """Every reading in the journal has arrived at the broker, in the same order."""

    def told() -> list[str]:
        return re.findall(r"^units: (\S+) \(", output("journalctl", "-u", UNIT, "-o", "cat"), re.MULTILINE)

    with suppress(Failed):
        until(lambda: told() == broker.delivered(), 30 * SLOW, "all")
    read, delivered = told(), broker.delivered()
    expect(bool(read) and delivered == read, f"all readings arrive; read: {read}, delivered: {delivered}")
    print(f"      {len(delivered)} of {len(read)} readings were delivered", flush=True)

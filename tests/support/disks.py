"""A small disk for one test, in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

SIZE = "2m"


def on_small_disk(folder: Path, script: str) -> None:
    """Runs a Python script in a process that has a disk of 2 MB at DISK; fails if the script fails.

    The script can call `fill()` (no byte stays free), `clear()` and `remount("ro" or "rw")`, and has the names that a
    test of the outbox needs.
    """
    folder.mkdir(exist_ok=True)
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    shell = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && exec "$@"'
    command = [*namespace, "sh", "-c", shell, str(folder), sys.executable, "-c", _TOOLS + textwrap.dedent(script)]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


_TOOLS = """
import errno, subprocess, sys
from pathlib import Path
from edge_daemon.delivery.outbox import Outbox
from tests.support.records import event, reading
DISK = Path(sys.argv[1])
state = DISK / "state"

def values(entries):
    return [entry.record.value for entry in entries]

def fill():
    with (DISK / "filler").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC

def clear():
    (DISK / "filler").unlink()

def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(DISK)], check=True)
"""

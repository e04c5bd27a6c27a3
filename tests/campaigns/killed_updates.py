"""Kills an update at each of its steps, one after the other.

python -m tests.campaigns.killed_updates FOLDER URL ROOT

A step is a received chunk, an fsync, a rename, a link, or the removal of a file or folder. Each run is a process of its
own, ended by SIGKILL before its n-th step. Prints a line of JSON for each run: the step, and the model active then.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

from edge_daemon.model_store import store
from tests.support.model_publisher import UpdatedDevice

CHUNK = 16 * 1024
"""Bytes."""
STEPS = ("fsync", "replace", "rename", "symlink", "unlink", "remove", "rmdir")


class Fuse:
    """Kills the process at its n-th step."""

    def __init__(self, burns_at: int, note: Path) -> None:
        self.steps, self.burns_at, self.note = 0, burns_at, note

    def step(self, what: str) -> None:
        self.steps += 1
        if self.steps == self.burns_at:
            self.note.write_text(what)
            os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        """Counts every step of this process."""

        def before(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def stepping(*arguments: Any, **more: Any) -> Any:
                self.step(f"{name} {next((a for a in arguments if not isinstance(a, int)), '')}")
                return function(*arguments, **more)

            return stepping

        for name in STEPS:
            patch.object(os, name, before(name, getattr(os, name))).start()
        chunks = Urllib3Fetcher._chunks

        def counted(fetcher: Urllib3Fetcher, response: Any) -> Iterator[bytes]:
            whole = b"".join(chunks(fetcher, response))  # of equal size, or no two runs would have the same steps
            for start in range(0, len(whole), CHUNK):
                self.step("chunk")
                yield whole[start : start + CHUNK]

        patch.object(Urllib3Fetcher, "_chunks", counted).start()


def run(device: UpdatedDevice, burns_at: int, note: Path) -> bool:
    """Whether the update was killed; False if it had fewer steps and is complete."""
    child = os.fork()
    if child == 0:
        try:
            Fuse(burns_at, note).lay()
            device.update()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), f"step {burns_at}: ended with {status}"
    return status != 0


def main(folder: Path, url: str, root: Path) -> None:
    patch.object(store, "accept_model").start()  # in a process of its own, without steps
    base = UpdatedDevice(folder / "base", url, root)
    base.store.add(folder / "model-9.4.0")
    base.store.activate("9.4.0")
    base.store.end_probation()
    for n in range(1, 1000):
        place, note = folder / str(n), folder / f"{n}.note"
        shutil.copytree(base.folder, place)
        device = UpdatedDevice(place, url, root)
        if not run(device, n, note):
            break
        after = device.store.usable()
        again = run(device, n // 2 + 1, folder / "again.note")
        twice = device.store.usable()
        done = device.update()
        said = {"killed": note.read_text(), "active": [after[0].name, twice[0].name, device.store.usable()[0].name]}
        left = [path.name for path in place.rglob("*") if re.match(r"tmp|\.known|\.new-|incoming|.*\.part", path.name)]
        print(json.dumps(said | {"again": again, "trouble": after[1] + twice[1], "why": done.why, "left": left}))
        shutil.rmtree(place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))

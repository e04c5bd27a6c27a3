"""The whole daemon process with every kind of hostile broker, one after the other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.delivery.outbox import Outbox
from tests.support.brokers.hostile import Behaviour, Heard, HostileBroker
from tests.support.brokers.hostile_cases import CASES, Case
from tests.support.records import reading

GOOD = Behaviour(enough=2)
"""Between two cases: takes two records, then closes the connection."""
LANES = 10
"""Daemons that run at the same time, each with a share of the cases: nearly all of the time they wait to reconnect."""
RECORDS = 600


@contextmanager
def daemon(folder: Path, url: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A whole `edge-daemon run` that looks at an empty page, with a backlog of records to deliver; and its log."""
    folder.mkdir()
    cv2.imwrite(str(folder / "page.png"), np.full((120, 160), 200, np.uint8))
    outbox = Outbox(folder / "state", "bench")
    for number in range(RECORDS):
        outbox.put(reading(number, field=f"f{number % 3}"))
    outbox.close()
    config = folder / "edge.toml"
    config.write_text(
        f'[device]\nid = "bench"\n[camera]\nsource = "files"\npath = "{folder / "page.png"}"\nactive_fps = 2.0\n'
        f'[mqtt]\nurl = "{url}"\nlongest_wait = "1s"\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_daemon", "run", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"STATE_DIRECTORY": str(folder / "state")},
    )
    log: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)  # lest it wait for a reader
    reader.start()
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()


def script(cases: Sequence[Case]) -> list[Behaviour]:
    """Each case's connections, which end by themselves or when enough is delivered, and a good one after each."""
    return [behaviour for case in cases for behaviour in (*(replace(m, enough=2) for m in case.script), GOOD)]


def all_came(broker: HostileBroker, _: list[Heard]) -> bool:
    """Whether every connection of the script has been made."""
    return len(broker.connections) >= len(broker._script)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_gauntlet(tmp_path: Path) -> None:
    """After each case the same process delivers to the good broker that follows; at the end SIGTERM stops it."""
    with ExitStack() as stack:
        runs = []
        for lane in range(LANES):
            broker = HostileBroker(*script(CASES[lane::LANES]), Behaviour())
            stack.callback(broker.close)
            runs.append((CASES[lane::LANES], broker, *stack.enter_context(daemon(tmp_path / str(lane), broker.url))))
        for cases, broker, process, log in runs:
            broker.wait_for(partial(all_came, broker), timeout=300)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, "".join(log[-20:])
            connection = -1
            for case in cases:
                connection += len(case.script) + 1
                assert any(heard.connection == connection for heard in broker.heard), f"nothing after: {case.name}"
                assert re.search(case.log, "".join(log)), case.name

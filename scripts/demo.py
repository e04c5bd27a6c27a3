"""The demo: broker, daemon and subscriber on this machine; each reading is compared with what was written.

The daemon is a process of its own that knows nothing of the demo: it sees pictures of the simulated camera and talks
to the broker. What was written comes from the camera's truth file; what was read comes from the broker.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from edge_daemon.domain import Box
from edge_daemon.geometry import bounding_box, overlap
from edge_daemon.mqtt.address import BrokerOptions, resolve
from edge_daemon.tools.watch import watch

LONG_ENOUGH = 4.0
"""Seconds a number must stand for the demo to expect it to be read."""
ENOUGH = 0.95
"""Share of these that must be read correctly."""

ELSEWHERE = """
Next, with your own pictures and things (edge-daemon is in .venv/bin):
  a photo, a folder or a video   .venv/bin/edge-daemon read photo.jpg
  a broker of your own           .venv/bin/edge-daemon watch --broker mqtt://HOST
  a camera and a broker          .venv/bin/edge-daemon config > my.toml   (edit it), then
                                 .venv/bin/edge-daemon run --config my.toml
"""


@dataclass(slots=True)
class Written:
    """One number on the page."""

    text: str
    box: Box
    since: float
    until: float
    read: bool = False


@dataclass(slots=True)
class Ledger:
    """The written numbers with their times and places, from the camera's truth file, and how they were read."""

    path: Path
    standing: list[Written] = field(default_factory=list)
    past: list[Written] = field(default_factory=list)
    wrong: int = 0
    _offset: int = 0

    def update(self) -> None:
        """Reads what the camera has appended since the last time."""
        with self.path.open() as file:
            file.seek(self._offset)
            for line in iter(file.readline, ""):
                if not line.endswith("\n"):
                    break
                self._offset += len(line)
                self._page(json.loads(line))

    def _page(self, page: dict[str, Any]) -> None:
        texts = {number["text"] for number in page["numbers"]}
        for old in [w for w in self.standing if w.text not in texts]:
            old.until = page["at"]
            self.standing.remove(old)
            self.past.append(old)
        known = {w.text for w in self.standing}
        fresh = [number for number in page["numbers"] if number["text"] not in known]
        self.standing += [Written(n["text"], tuple(n["box"]), page["at"], float("inf")) for n in fresh]

    def check(self, text: str, box: Box, at: float) -> str | None:
        """The number that was written there at that time; marks it as read, or counts a wrong reading."""
        there = [
            w for w in (*self.standing, *self.past) if w.since - 0.5 <= at <= w.until + 0.5 and overlap(w.box, box)
        ]
        match = next((w for w in there if w.text == text), None)
        if match is None:
            self.wrong += 1
            return there[0].text if there else None
        match.read = True
        return text

    def score(self, ended: float) -> tuple[int, int, int]:
        """Numbers that were there long enough, how many of them were read, how many readings were wrong."""
        stood = [w for w in (*self.standing, *self.past) if min(w.until, ended) - w.since >= LONG_ENOUGH]
        return len(stood), sum(w.read for w in stood), self.wrong


@contextmanager
def embedded_broker() -> Iterator[str]:
    """An MQTT broker on a free loopback port, for as long as the context lasts; yields its URL."""
    from amqtt.broker import Broker

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> Broker:
        broker = Broker(options)
        await broker.start()
        return broker

    broker = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(broker.shutdown(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


CONFIG = """\
[device]
id = "demo"
[camera]
source = "simulated"
seed = {seed}
frames = {frames}
truth = "{truth}"
[mqtt]
url = "{url}"
detail = "digits"
"""


@contextmanager
def daemon(folder: Path, url: str, seed: int, frames: int) -> Iterator[subprocess.Popen[bytes]]:
    """`edge-daemon run` on the simulated camera; its log goes to daemon.log in the folder."""
    config = folder / "demo.toml"
    config.write_text(CONFIG.format(seed=seed, frames=frames, truth=folder / "truth.jsonl", url=url))
    with (folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_daemon", "run", "--config", str(config)],
            stderr=log,
            env=os.environ | {"STATE_DIRECTORY": str(folder), "RUNTIME_DIRECTORY": str(folder / "runtime")},
            start_new_session=True,  # Ctrl-C is for the demo, which then asks the daemon to stop
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(15)


def box_of(payload: dict[str, Any]) -> Box:
    return bounding_box([tuple(digit["box"]) for digit in payload["digits"]])


def show(ledger: Ledger, topic: str, payload: dict[str, Any]) -> None:
    """A line with one reading and what was written."""
    at = datetime.fromisoformat(payload["captured_at"])
    truth = ledger.check(payload["text"], box_of(payload), at.timestamp())
    verdict = "right" if truth == payload["text"] else "WRONG"
    click.echo(
        f"{at.astimezone():%H:%M:%S}  {topic.rsplit('/', 1)[1]:8} read {payload['text']:>7}"
        f"   written {truth or 'nothing':>7}   {verdict}   {payload['confidence']:.0%} sure"
    )


@click.command(epilog=ELSEWHERE.replace("\n\n", "\n").replace("\nNext", "\b\nNext"))
@click.option("--frames", type=click.IntRange(min=0), default=0, help="Stop after this number of frames (5 a second).")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Other seeds: other pages, other writers.",
)
def main(frames: int, seed: int) -> None:
    """Handwritten numbers on a simulated camera; the readings as an MQTT subscriber receives them.

    Runs until Ctrl-C, or for --frames N; then exits with 0 only if at least 95 % of the numbers that stood long
    enough were read right, and none was read wrong.
    """
    logging.disable(logging.ERROR)  # messages of the embedded broker
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="edge-daemon-demo-") as name, embedded_broker() as url:
        folder = Path(name)
        click.echo(f"broker on {url}, simulated camera {seed}; numbers are rewritten every few seconds. Ctrl-C ends.\n")
        with daemon(folder, url, seed, frames) as process:
            ledger = Ledger(folder / "truth.jsonl")
            ledger.path.touch()
            last = follow(ledger, url, process)
            failed = process.poll() not in (None, 0)
        if failed:
            click.echo((folder / "daemon.log").read_text(), err=True)
            raise SystemExit(1)
        ledger.update()
    finish(ledger, last, judged=bool(frames))


def follow(ledger: Ledger, url: str, process: subprocess.Popen[bytes]) -> float:
    """Prints readings until the daemon ends or Ctrl-C; returns the time of the last frame."""
    last = 0.0
    try:
        for topic, payload in watch(resolve(BrokerOptions(url)), stopped=lambda: process.poll() not in (None, 0)):
            ledger.update()
            if topic.endswith("/availability") and payload == "offline":
                break  # the last thing that a daemon says
            if isinstance(payload, dict) and "/reading/" in topic:
                last = max(last, datetime.fromisoformat(payload["captured_at"]).timestamp())
                if payload["status"] == "ok":
                    show(ledger, topic, payload)
    except KeyboardInterrupt:
        pass
    return last


def finish(ledger: Ledger, last: float, judged: bool) -> None:
    """The score, what to try next, and, after --frames N, the verdict as exit code."""
    shown, read, wrong = ledger.score(last)
    click.echo(f"\n{read} of {shown} numbers that stood long enough were read right, {wrong} readings were wrong.")
    click.echo(ELSEWHERE)
    if judged and (not shown or read < ENOUGH * shown or wrong):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

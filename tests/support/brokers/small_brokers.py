"""Brokers that are programs of a few lines: amqtt (PyPI) and aedes (npm). Both speak MQTT 3.1.1 only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.brokers.mosquitto import free_port

AEDES = os.environ.get("EDGE_DAEMON_AEDES", "")
"""The folder in which `npm install aedes` was called."""

_AMQTT = """
import asyncio, sys
from amqtt.broker import Broker

async def serve():
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}}
    await Broker({"listeners": listeners, "plugins": plugins}).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""
_AEDES = """
import { createServer } from "node:net"
import { Aedes } from "aedes"
const aedes = await Aedes.createBroker()
createServer(aedes.handle).listen(Number(process.argv[1]), "127.0.0.1", () => console.log("ready"))
"""


class SmallBroker:
    """A child process that says `ready`. What it retains is gone when it stops."""

    def __init__(self, *command: str, folder: Path | None = None) -> None:
        """The port is added to the command."""
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._command = [*command, str(self.port)]
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it accepts connections."""
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{self._command[0]} did not start a broker")

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process.stdout.close()
            self._process = None


def amqtt() -> SmallBroker:
    return SmallBroker(sys.executable, "-c", _AMQTT)


def aedes(folder: str = AEDES) -> SmallBroker:
    return SmallBroker("node", "--input-type=module", "-e", _AEDES, folder=Path(folder))

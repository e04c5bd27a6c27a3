"""Two bridged mosquittos, as at a site and its centre: devices connect to the near one, which forwards all messages to
the far one, and keeps them while that is down."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.brokers.mosquitto import Mosquitto

_BRIDGE = """
connection to-the-centre
address 127.0.0.1:{port}
topic edge_daemon/# out 1
cleansession false
restart_timeout 1
notifications false
"""


class Bridge:
    """Devices connect to `url`, subscribers of the bridged messages to `far.url`."""

    def __init__(self, folder: Path) -> None:
        self.far = Mosquitto(folder / "far")
        self.near = Mosquitto(folder / "near", _BRIDGE.format(port=self.far.port))
        self.url = self.near.url

    def start(self) -> None:
        self.far.start()
        self.near.start()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.near.stop(how)
        self.far.stop(how)

"""Two mosquittos in bridge, as a site and its centre have them: devices speak to the near one, which carries all that
they say to the far one, and keeps it while that is away."""

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
    """Devices go to `url`; what has come over the bridge is heard at `far.url`."""

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

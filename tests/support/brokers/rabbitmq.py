"""A real RabbitMQ with its MQTT plugin, all of it (its name server too) in one folder and on free loopback ports."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO

from tests.support.brokers.mosquitto import PATIENCE, free_port

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's; /usr/sbin/rabbitmq-server is a wrapper around it that insists on a user of its own."""

_CONFIG = """
listeners.tcp = none
mqtt.listeners.tcp.1 = 127.0.0.1:{port}
mqtt.allow_anonymous = true
"""


class RabbitMQ:
    """A RabbitMQ of one node. It can be stopped and started again with the same port and data. Starts in about 10 s."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.log: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rabbitmq.conf").write_text(_CONFIG.format(port=self.port))
        (folder / "plugins").write_text("[rabbitmq_mqtt].")
        self._names = str(free_port())
        self._environment = os.environ | {
            "HOME": str(folder),  # its cookie
            "RABBITMQ_NODENAME": "edge@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": self._names,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._processes: list[subprocess.Popen[str]] = []
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Returns when it accepts MQTT."""
        names = subprocess.Popen(["epmd", "-port", self._names], env=self._environment, text=True)
        server = subprocess.Popen([SERVER], env=self._environment, stdout=subprocess.PIPE, text=True)
        self._processes = [server, names]
        assert server.stdout is not None
        for line in server.stdout:
            self.log.append(line)
            if "started MQTT TCP listener" in line:
                break
        else:
            raise RuntimeError("RabbitMQ did not start:\n" + "".join(self.log[-40:]))
        self._reader = threading.Thread(target=self._read, args=(server.stdout,), daemon=True)
        self._reader.start()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stops it with SIGTERM."""
        for process in self._processes:
            process.send_signal(how)
            process.wait(3 * PATIENCE)
        if self._reader is not None:
            self._reader.join(PATIENCE)
        for process in self._processes:
            if process.stdout is not None:
                process.stdout.close()
        self._processes = []

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.stop(how)
        self.start()

    def _read(self, stream: IO[str]) -> None:
        self.log.extend(stream)

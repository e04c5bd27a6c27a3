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

_ALONE = "listeners.tcp = none\n"
_CONFIG = """
mqtt.listeners.tcp.1 = 127.0.0.1:{port}
mqtt.allow_anonymous = true
"""


class RabbitMQ:
    """A RabbitMQ of one node. It can be stopped and started again with the same port and data. Starts in about 10 s."""

    def __init__(
        self, folder: Path, name: str = "edge@localhost", more: str = _ALONE, name_server: int | None = None
    ) -> None:
        """`more`: further lines of rabbitmq.conf. `name_server`: the port of an epmd that runs already, for a cluster:
        its nodes share the folder, too."""
        self.name = name
        self.home = folder
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.log: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / f"{name}.conf"
        config.write_text(_CONFIG.format(port=self.port) + more)
        (folder / "plugins").write_text("[rabbitmq_mqtt].")
        self._name_server = None if name_server else str(free_port())
        self._environment = os.environ | {
            "HOME": str(folder),  # its cookie
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(name_server or self._name_server),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._processes: list[subprocess.Popen[str]] = []
        self._reader: threading.Thread | None = None

    @property
    def pids(self) -> list[int]:
        """Of its processes; Erlang is a child of the first."""
        return [process.pid for process in self._processes]

    def start(self) -> None:
        """Returns when it accepts MQTT."""
        # a group of its own: the script starts Erlang as a child, which SIGKILL must reach as well
        server = subprocess.Popen([SERVER], env=self._environment, stdout=subprocess.PIPE, text=True, process_group=0)
        self._processes = [server]
        if self._name_server:
            names = subprocess.Popen(["epmd", "-port", self._name_server], env=self._environment, text=True)
            self._processes.append(names)
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
        """SIGTERM: it ends by itself. SIGKILL: at once."""
        for process in self._processes:
            if how is signal.SIGKILL and process.stdout is not None:
                os.killpg(process.pid, how)
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

    def evaluate(self, expression: str) -> str:
        """What the node answers to an Erlang expression; empty if it does not."""
        command = [str(SERVER.with_name("rabbitmqctl")), "-n", self.name, "eval", expression]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    def _read(self, stream: IO[str]) -> None:
        self.log.extend(stream)
